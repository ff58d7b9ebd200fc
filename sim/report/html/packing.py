"""Columns as a few bytes a row: differences of whole numbers, bytes of equal weight together, one deflated stream."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def pack(columns: Mapping[str, np.ndarray]) -> tuple[list[dict[str, Any]], bytes]:
    """Descriptions of the columns by name, and the zlib stream of all of them.

    ``kind`` i: whole numbers (``int64`` little-endian, each but the first as the difference to the one before); f: ``float64``. Either way the
    lowest bytes of all rows come first, then the next: the high bytes are nearly all equal and take no room. Whole numbers are exact up
    to 2**53, as in JavaScript. Raises ValueError beyond.
    """
    index, parts = [], []
    for name, column in sorted(columns.items()):
        whole = column.dtype.kind in "iub"
        if whole:
            numbers = column.astype("<i8")
            if len(numbers) and int(np.abs(numbers).max()) > 2**53:
                raise ValueError(f"column {name!r} has whole numbers beyond 2**53")
            stored = np.diff(numbers, prepend=np.int64(0)).astype("<i8")
        else:
            stored = column.astype("<f8")
        parts.append(np.ascontiguousarray(stored.view(np.uint8).reshape(-1, 8).T).tobytes())
        index.append({"name": name, "kind": "i" if whole else "f", "rows": len(column)})
    return index, zlib.compress(b"".join(parts), 9)
