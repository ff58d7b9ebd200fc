"""The file as protobuf fields on the wire: large tensors are cut out before anything is parsed.

A model is mostly weights, and an import needs their shapes, not their values. :func:`slim` copies the encoded model without the
payload of large tensors; each of those keeps its name, type and dimensions and gets a mark saying which span of the file holds it.
What is left is small, so parsing costs neither the time nor the memory of the weights. Field numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.errors import ModelError

LARGE_BYTES = 16_384  # tensors above this stay in the file; shapes, scales and per-channel vectors are below
MAX_FIELDS = 1_000_000  # at the level of nodes and tensors; a network of 100,000 operators has about 400,000
MARK = "edgesim.span"  # key of the entry that says where a tensor that was cut out lies

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor"},
    "tensor": {},
}
_TENSOR_DATA = (4, 5, 6, 7, 9, 10, 11)  # float_data, int32_data, string_data, int64_data, raw_data, double_data, uint64_data
_RAW_DATA, _EXTERNAL_DATA = 9, 13
_LENGTH_DELIMITED = 2


@dataclass(frozen=True)
class Span:
    """Where an encoded tensor lies in the file, and how many bytes its raw payload has (None: another encoding)."""

    start: int
    end: int
    raw_bytes: int | None


class Slimmer:
    """Copies one encoded message without large tensor payloads, collecting their :class:`Span` s."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.spans: list[Span] = []
        self._fields = 0

    def model(self) -> bytes:
        return self._copy("model", 0, len(self.data))

    def _copy(self, kind: str, start: int, end: int) -> bytes:
        children, kept, run = _CHILDREN[kind], [], start
        raw_bytes, cut = None, False
        for number, wire, first, payload, after in self._walk(start, end):
            if wire != _LENGTH_DELIMITED or after - payload <= LARGE_BYTES:
                continue
            if kind == "tensor" and number in _TENSOR_DATA:
                cut, raw_bytes = True, after - payload if number == _RAW_DATA else None
                replacement = b""
            elif number in children:
                replacement = _field(number, self._copy(children[number], payload, after))
            else:
                continue
            kept += [bytes(self.data[run:first]), replacement]
            run = after
        kept.append(bytes(self.data[run:end]))
        if cut:
            self.spans.append(Span(start, end, raw_bytes))
            entry = _field(1, MARK.encode()) + _field(2, str(len(self.spans) - 1).encode())
            kept.append(_field(_EXTERNAL_DATA, entry))
        return b"".join(kept)

    def _walk(self, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
        """(number, wire type, start, start of payload, end) of each field."""
        at = start
        while at < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise ModelError(f"has more than {MAX_FIELDS:,} parts; no real network does")
            tag, payload = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            after = self._end_of(wire, payload, end)
            if after > end or number == 0:
                raise ModelError(f"is damaged: the part at byte {at:,} claims to reach beyond its place")
            if wire == _LENGTH_DELIMITED:
                payload = self._varint(payload, end)[1]
            yield number, wire, at, payload, after
            at = after

    def _end_of(self, wire: int, payload: int, end: int) -> int:
        if wire == 0:
            return self._varint(payload, end)[1]
        if wire == _LENGTH_DELIMITED:
            length, first = self._varint(payload, end)
            return first + length
        if wire in (1, 5):
            return payload + (8 if wire == 1 else 4)
        raise ModelError(f"is damaged or no ONNX file: an unknown kind of field at byte {payload - 1:,}")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self.data[at]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                return value, at
            shift += 7
        raise ModelError(f"is damaged: it ends inside a number at byte {at:,}")


def _field(number: int, payload: bytes) -> bytes:
    return _encode(number << 3 | _LENGTH_DELIMITED) + _encode(len(payload)) + payload


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
