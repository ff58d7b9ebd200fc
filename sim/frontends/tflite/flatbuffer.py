"""Checks that a file is a well-formed TFLite flatbuffer before anybody follows an offset in it.

The generated readers trust every offset and length. This walk over the part of the schema that the importer reads
(tensorflow/lite/schema/schema.fbs, version 3) bounds them all, so that a damaged file is one error, not a hang or gigabytes.
"""

from __future__ import annotations

import struct
from mmap import mmap

from sim.errors import ModelError

IDENTIFIER = b"TFL3"
MAX_TABLES = 300_000  # a language model of 30 layers has some ten thousand

_VECTOR, _STRING, _TABLE, _TABLES, _OPAQUE, _BYTES = "vector", "string", "table", "tables", "opaque", "bytes"

# table -> {slot: (what its offset leads to, element size or table)}; slots left out hold plain numbers or are not read
_SCHEMA: dict[str, dict[int, tuple[str, int | str]]] = {
    "Model": {1: (_TABLES, "OperatorCode"), 2: (_TABLES, "SubGraph"), 3: (_STRING, 1), 4: (_TABLES, "Buffer")},
    "OperatorCode": {1: (_STRING, 1)},
    "SubGraph": {0: (_TABLES, "Tensor"), 1: (_VECTOR, 4), 2: (_VECTOR, 4), 3: (_TABLES, "Operator"), 4: (_STRING, 1)},
    "Tensor": {0: (_VECTOR, 4), 3: (_STRING, 1), 4: (_TABLE, "QuantizationParameters"), 6: (_TABLE, "SparsityParameters"), 7: (_VECTOR, 4)},
    "SparsityParameters": {0: (_VECTOR, 4), 1: (_VECTOR, 4), 2: (_TABLES, "DimensionMetadata")},
    "DimensionMetadata": {3: (_OPAQUE, ""), 5: (_OPAQUE, "")},
    "QuantizationParameters": {0: (_VECTOR, 4), 1: (_VECTOR, 4), 2: (_VECTOR, 4), 3: (_VECTOR, 8)},
    "Operator": {1: (_VECTOR, 4), 2: (_VECTOR, 4), 4: (_OPAQUE, ""), 5: (_BYTES, 1), 8: (_VECTOR, 4)},
    "Buffer": {0: (_BYTES, 1)},
}


class _Walk:
    """Visits every table that can be reached from the root, each once."""

    def __init__(self, data: bytes | mmap) -> None:
        self.data = data
        self.size = len(data)
        self.entries = 0  # of lists of tables
        self.waiting: list[tuple[int, str]] = []
        self.seen: set[tuple[int, str]] = set()

    def number(self, code: str, at: int, what: str) -> int:
        if not 0 <= at <= self.size - struct.calcsize(code):
            raise ModelError(f"damaged file: {what} lies outside the file")
        return int(struct.unpack_from(code, self.data, at)[0])

    def enter(self, at: int, table: str) -> None:
        if (at, table) not in self.seen:
            self.seen.add((at, table))
            self.waiting.append((at, table))

    def visit(self, at: int, table: str) -> None:
        vtable = at - self.number("<i", at, f"a {table} table")
        length = self.number("<H", vtable, f"the field list of a {table}")
        extent = self.number("<H", vtable + 2, f"the field list of a {table}")
        if length < 4 or length % 2 or vtable + length > self.size or extent < 4 or at + extent > self.size:
            raise ModelError(f"damaged file: a {table} table does not fit into the file")
        fields = struct.unpack_from(f"<{(length - 4) // 2}H", self.data, vtable + 4)
        if any(offset >= extent for offset in fields):
            raise ModelError(f"damaged file: a field of a {table} lies outside its table")
        for slot, (kind, of) in _SCHEMA.get(table, {}).items():
            if slot < len(fields) and fields[slot]:
                place = at + fields[slot]
                target = place + self.number("<I", place, f"a field of a {table}")
                self.follow(target, kind, of, table)

    def follow(self, target: int, kind: str, of: int | str, table: str) -> None:
        if kind in (_TABLE, _OPAQUE):
            self.enter(target, str(of) or "options")
            return
        count = self.number("<I", target, f"a list of a {table}")
        width = 4 if kind == _TABLES else int(of)
        if target + 4 + count * width > self.size:
            raise ModelError(f"damaged file: a list of a {table} with {count} elements does not fit into the file")
        if kind == _TABLES:
            self.entries += count
            if self.entries > MAX_TABLES:
                raise ModelError(f"more than {MAX_TABLES} tables")
            for i in range(count):
                place = target + 4 + 4 * i
                self.enter(place + self.number("<I", place, f"an element of a {table}"), str(of))


class Copies:
    """Counts what is copied out of a file: a hostile one refers to the same long vector from many tables."""

    LIMIT = 8_000_000  # numbers and characters; the shapes, scales and names of a large language model are some three million

    def __init__(self) -> None:
        self.count = 0

    def take(self, table: object, *slots: int) -> None:
        """Announce that the vectors or strings at these slots of a generated reader object are copied."""
        tab = table._tab  # type: ignore[attr-defined]
        for slot in slots:
            offset = tab.Offset(4 + 2 * slot)
            self.count += tab.VectorLen(offset) if offset else 0
        if self.count > self.LIMIT:
            raise ModelError("shapes, names and quantization parameters are larger than any model's")


def check_layout(data: bytes | mmap) -> None:
    """Raise ModelError unless every offset and length that the importer follows stays inside the file."""
    if len(data) < 8 or bytes(data[4:8]) != IDENTIFIER:
        raise ModelError("not a TFLite file (no 'TFL3' mark at byte 4)")
    walk = _Walk(data)
    walk.enter(walk.number("<I", 0, "the root table"), "Model")
    while walk.waiting:
        walk.visit(*walk.waiting.pop())


def int_vector(table: object, slot: int, data_size: int) -> tuple[int, ...] | None:
    """A vector of int32 of an options table, bounds checked; None if absent. ``table``: a generated reader object."""
    tab = table._tab  # type: ignore[attr-defined]
    offset = tab.Offset(4 + 2 * slot)
    if not offset:
        return None
    count, start = tab.VectorLen(offset), tab.Vector(offset)
    if start < 0 or count > 64 or start + 4 * count > data_size:
        raise ModelError("damaged file: a list of options does not fit into the file")
    return struct.unpack_from(f"<{count}i", tab.Bytes, start)
