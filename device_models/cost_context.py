"""What a cost law knows besides the work: the unit, its class, the memory, and how the runtime uses them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from device_models.cost_classes import CostClass
from device_models.figure import Figure
from device_models.spec import MemorySpec, UnitSpec
from device_models.work import DType, Kind, Work

INTEGER = (DType.I8, DType.I4, DType.I2, DType.I1)
T = TypeVar("T")
_KIND_NAMES = tuple(kind.name.lower() for kind in Kind)

MAC_FORMATS: dict[int, tuple[str, ...]] = {
    # number format -> columns of ``macs_per_cycle`` that can carry it, the best first
    DType.F32: ("float32", "float16"),
    DType.F64: ("float32",),
    DType.F16: ("float16", "float32"),
    DType.BF16: ("bfloat16", "float16", "float32"),
    DType.F8: ("float16", "float32"),
    DType.I16: ("int16", "int8"),
    DType.I8: ("int8",),
    DType.BOOL: ("int8",),
    DType.I32: ("int8",),
    DType.I64: ("int8",),
    DType.I4: ("int4", "int8"),
    DType.I2: ("int4", "int8"),
    DType.I1: ("int4", "int8"),
}


@dataclass(frozen=True)
class CostContext:
    """One unit of one device as a law sees it. Frequencies in Hz, bytes in B, bandwidth in B/s.

    ``threads``: software threads asked for; ``cores``: cores they may use; ``speeds``: of each of these cores, the fastest first,
    in units of the fastest core. ``network_weight_bytes``: weights of the network (decides cache residency).
    ``memo``: what laws have worked out for this unit, shared by all calls with the same unit and threads.
    """

    unit: UnitSpec
    memory: MemorySpec
    cost_class: CostClass
    max_hz: float
    threads: int
    cores: int
    speeds: tuple[float, ...]
    runtime: str | None
    network_weight_bytes: float
    on_chip_bytes: float
    memo: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returns, worked out at the first call for ``key`` and kept; it may depend on everything but the work."""
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = make()
        return found

    def value(self, name: str) -> float:
        """A structural parameter of the unit's class."""
        if name not in self.cost_class.values:
            raise ValueError(f"cost class {self.unit.cost_class!r} has no value {name!r}")
        return float(self.cost_class.values[name])

    def table(self, name: str) -> dict[str, Figure]:
        return self.cost_class.table(name)

    def by_kind(self, table: str, default: float | None = None) -> np.ndarray:
        """A table of the class as an array to index with ``work.kind``; ``default`` for the kinds it does not name."""
        named = self.table(table)
        other = 1.0 if default is None else default
        return self.once(("by_kind", table, other), lambda: np.array([float(named.get(name, other)) for name in _KIND_NAMES]))

    def parameters(self, key: str) -> Mapping[str, Figure]:
        """The unit's own parameters: those fitted with this runtime (``int8.tflite``) over the plain ones (``int8``)."""
        plain = self.unit.parameters.get(key, {})
        own = self.unit.parameters.get(f"{key}.{self.runtime}", {}) if self.runtime else {}
        return {**plain, **own}

    def float_values(self) -> Mapping[str, float]:
        """All structural parameters of the unit's class as plain floats."""
        return self.once("values", lambda: {name: float(value) for name, value in self.cost_class.values.items()})

    def macs_per_cycle(self, dtype: int) -> float:
        """Peak multiply-accumulates a cycle of one core in the format that carries ``dtype``; the slowest one if none does."""
        rates = self.unit.macs_per_cycle
        for name in MAC_FORMATS[int(dtype)]:
            if name in rates:
                return float(rates[name])
        return float(min(rates.values()))

    def by_format(self, rate: Callable[[int], float]) -> np.ndarray:
        """``rate`` of every number format as an array to index with ``work.dtype``."""
        return np.array([rate(dtype) for dtype in DType])


def among(codes: np.ndarray, members: tuple[int, ...]) -> np.ndarray:
    """Which kinds or number formats are among ``members``, same shape; much quicker than :func:`numpy.isin` for such small numbers."""
    return _member_table(members).take(codes)


@lru_cache(maxsize=256)
def _member_table(members: tuple[int, ...]) -> np.ndarray:
    table = np.zeros(max(len(Kind), len(DType)), dtype=bool)
    table[list(members)] = True
    return table


def weight_traffic(work: Work) -> np.ndarray:
    """Weight bytes each kernel reads, ``[kernels]``: a recurrent layer all of them at every step, a look-up only its rows."""
    read = work.weight_bytes * work.steps
    looks_up = work.kind == Kind.EMBED
    if looks_up.any():
        rows = work.weight_bytes * np.minimum(work.out_elements / np.maximum(work.weight_elements, 1.0), 1.0)
        return np.where(looks_up, rows, read)
    return read
