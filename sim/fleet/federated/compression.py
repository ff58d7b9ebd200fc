"""Updates made smaller: bytes on the link, and what packing costs the client and unpacking the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log2

from sim.policies.aggregation import ElementWork
from sim.scenario.federated.model import UpdateCompression

_FLOAT_BYTES = 4.0


@dataclass(frozen=True)
class PackedUpdate:
    """``client``, ``server``: work of packing one update and of unpacking it."""

    size_bytes: float
    client: ElementWork
    server: ElementWork


def packed_update(compression: UpdateCompression | None, elements: int) -> PackedUpdate:
    """An update of float32 ``elements`` as it is sent."""
    if compression is None:
        return PackedUpdate(_FLOAT_BYTES * elements, ElementWork(), ElementWork())
    return _KINDS[compression.kind](compression, elements)


def _int8(compression: UpdateCompression, elements: int) -> PackedUpdate:
    """Largest magnitude, then scale, round and store; one float32 scale. Unpacking multiplies."""
    return PackedUpdate(
        elements + _FLOAT_BYTES,
        ElementWork(4.0 * elements, 9.0 * elements),  # magnitude, compare; scale, round; read twice, written once as a byte
        ElementWork(1.0 * elements, 5.0 * elements),
    )


def _top_k(compression: UpdateCompression, elements: int) -> PackedUpdate:
    """A value and a packed index for each element kept; what is not sent stays with the client and is added next time."""
    kept = max(ceil(float(compression.keep) * elements - 1e-9), 1)
    index_bytes = ceil(log2(max(elements, 2))) / 8
    return PackedUpdate(
        kept * (_FLOAT_BYTES + index_bytes),
        # remainder added and kept; a selection of the k largest looks at each element about three times (quickselect)
        ElementWork(6.0 * elements, 24.0 * elements),
        ElementWork(2.0 * kept, 12.0 * kept),
    )


def _sketch(compression: UpdateCompression, elements: int) -> PackedUpdate:
    """A count sketch: each element is added, with a sign, to one counter of each row. The server takes the median of its counters."""
    rows = compression.rows
    return PackedUpdate(
        _FLOAT_BYTES * rows * compression.columns,
        # a multiply-shift hash for place and sign (four operations), an addition to a counter somewhere in memory
        ElementWork(5.0 * rows * elements, (_FLOAT_BYTES + 8.0 * rows) * elements),
        ElementWork(_FLOAT_BYTES * 2 * rows * elements, _FLOAT_BYTES * rows * elements),
    )


_KINDS: dict[str, Callable[[UpdateCompression, int], PackedUpdate]] = {"int8": _int8, "top_k": _top_k, "sketch": _sketch}
