"""Sparse tensors of a .tflite file: levels of dense or compressed dimensions, perhaps of blocks, and the values that are kept.

tensorflow/lite/schema/schema.fbs, table SparsityParameters: dimensions are walked in ``traversal_order``; those beyond the rank are the
blocks of the dimensions that ``block_map`` names. A compressed level lists, for each entry of the level above, which of its indices are kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from sim.errors import ModelError
from sim.frontends.limits import MAX_RANK
from sim.graph.ir import Sparsity

_INDEX_TYPES = {1: ("<i4", 4), 2: ("<u2", 2), 3: ("u1", 1)}  # union SparseIndexVector
_DENSE, _COMPRESSED = 0, 1
MAX_KEPT = 2**28


@dataclass(frozen=True)
class Level:
    """A dimension. Dense: ``size`` indices each; compressed: ``segments`` (one more than entries above) cut ``indices``."""

    size: int
    segments: np.ndarray | None = None
    indices: np.ndarray | None = None


@dataclass(frozen=True)
class SparseLayout:
    """Which elements of a tensor a file keeps."""

    order: tuple[int, ...]
    block_map: tuple[int, ...]
    levels: tuple[Level, ...]

    def kept(self) -> int:
        """Number of stored values. Raises ModelError where levels do not fit each other."""
        count = 1
        for level in self.levels:
            if level.segments is None or level.indices is None:
                count *= level.size
            else:
                _check_compressed(level, count)
                count = len(level.indices)
            if count > MAX_KEPT:
                raise ModelError(f"damaged file: a sparse tensor keeps more than {MAX_KEPT:,} values")
        return count

    def block(self, rank: int) -> tuple[int, int]:
        """Rows and columns of its blocks, of the matrix ``[first dimension, rest]``."""
        sizes = {self.block_map[dim - rank]: level.size for dim, level in zip(self.order, self.levels, strict=True) if dim >= rank}
        return sizes.get(0, 1), prod(size for dim, size in sizes.items() if dim > 0)

    def sparsity(self, shape: tuple[int, ...]) -> Sparsity:
        """Share and structure of what is not kept."""
        elements = prod(shape)
        ratio = max(1.0 - self.kept() / elements, 0.0) if elements else 0.0
        block = self.block(len(shape))
        return Sparsity(ratio) if block == (1, 1) else Sparsity(ratio, "block", block)

    def dense(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The whole tensor. ``values``: the kept ones in the file's order."""
        rank = len(shape)
        places = [np.zeros(1, np.int64)]  # index of each entry in every level walked so far
        for level in self.levels:
            if level.segments is None or level.indices is None:
                entries = len(places[0])
                places = [np.repeat(place, level.size) for place in places]
                own = np.tile(np.arange(level.size, dtype=np.int64), entries)
            else:
                places = [np.repeat(place, np.diff(level.segments)) for place in places]
                own = level.indices.astype(np.int64)
            places.append(own)
        coordinates = [np.zeros(len(places[0]), np.int64) for _ in shape]
        for dim, place in zip(self.order, places[1:], strict=True):
            if dim < rank:
                coordinates[dim] += place * self._block_of(dim, rank)
            else:
                coordinates[self.block_map[dim - rank]] += place
        if any(((at < 0) | (at >= extent)).any() for at, extent in zip(coordinates, shape, strict=True)) or len(values) != len(places[0]):
            raise ModelError("damaged file: a sparse tensor keeps values outside of it")
        result = np.zeros(shape, values.dtype)
        result[tuple(coordinates)] = values
        return result

    def _block_of(self, dim: int, rank: int) -> int:
        sizes = {self.block_map[other - rank]: level.size for other, level in zip(self.order, self.levels, strict=True) if other >= rank}
        return sizes.get(dim, 1)


def _check_compressed(level: Level, entries: int) -> None:
    segments, indices = level.segments, level.indices
    if segments is None or indices is None:
        return
    fits = len(segments) == entries + 1 and segments[0] == 0 and segments[-1] == len(indices) and (np.diff(segments) >= 0).all()
    if not fits or (len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= level.size)):
        raise ModelError(f"damaged file: a compressed dimension of {level.size} indices does not fit the {entries} entries above it")


def read_layout(raw: Any, shape: tuple[int, ...]) -> SparseLayout | None:
    """From a generated reader of SparsityParameters; None if the file says nothing beyond that the tensor is sparse."""
    if raw is None or raw.DimMetadataIsNone() or raw.TraversalOrderIsNone():
        return None
    if raw.DimMetadataLength() > 2 * MAX_RANK or raw.TraversalOrderLength() != raw.DimMetadataLength() or raw.BlockMapLength() > MAX_RANK:
        raise ModelError(f"damaged file: a sparse tensor of {len(shape)} dimensions is walked in {raw.DimMetadataLength()}")
    order = tuple(int(raw.TraversalOrder(i)) for i in range(raw.TraversalOrderLength()))
    blocks = tuple(int(raw.BlockMap(i)) for i in range(raw.BlockMapLength())) if not raw.BlockMapIsNone() else ()
    if sorted(order) != list(range(len(shape) + len(blocks))) or any(not 0 <= dim < len(shape) for dim in blocks) or len(set(blocks)) != len(blocks):
        raise ModelError(f"damaged file: a sparse tensor of {len(shape)} dimensions is walked in the order {list(order)} with blocks of {list(blocks)}")
    sizes = [int(raw.DimMetadata(i).DenseSize()) for i in range(len(order))]
    block_sizes = {blocks[dim - len(shape)]: size for dim, size in zip(order, sizes, strict=True) if dim >= len(shape)}
    levels = []
    for i, dim in enumerate(order):
        level = _read_level(raw.DimMetadata(i), sizes[i], shape[dim] // max(block_sizes.get(dim, 1), 1) if dim < len(shape) else 0)
        levels.append(level)
    for dim, extent in enumerate(shape):
        if block_sizes.get(dim, 1) < 1 or extent % block_sizes.get(dim, 1):
            raise ModelError(f"damaged file: blocks of {block_sizes[dim]} do not divide an extent of {extent}")
    layout = SparseLayout(order, blocks, tuple(levels))
    layout.kept()
    return layout


def _read_level(raw: Any, size: int, extent: int) -> Level:
    """``extent``: how many indices the tensor has along a dimension; a compressed one states no size of its own."""
    if raw.Format() == _DENSE:
        if size < 0:
            raise ModelError(f"damaged file: a sparse tensor has a dimension of {size}")
        return Level(size)
    if raw.Format() != _COMPRESSED:
        raise ModelError(f"damaged file: a sparse tensor has a dimension of unknown format {raw.Format()}")
    segments = _numbers(raw.ArraySegmentsType(), raw.ArraySegments())
    indices = _numbers(raw.ArrayIndicesType(), raw.ArrayIndices())
    return Level(extent or size, segments, indices)


def _numbers(kind: int, table: Any) -> np.ndarray:
    """A vector of a union of three widths, bounds checked."""
    if table is None or kind not in _INDEX_TYPES:
        raise ModelError("damaged file: a compressed dimension of a sparse tensor has no indices")
    code, width = _INDEX_TYPES[kind]
    at = table.Pos
    data = table.Bytes
    vtable = at - struct.unpack_from("<i", data, at)[0]
    if not 0 <= vtable <= len(data) - 6:
        raise ModelError("damaged file: indices of a sparse tensor lie outside the file")
    slot = struct.unpack_from("<H", data, vtable + 4)[0] if struct.unpack_from("<H", data, vtable)[0] > 4 else 0
    if not slot:
        return np.zeros(0, np.int64)
    start = at + slot + struct.unpack_from("<I", data, at + slot)[0]
    count = struct.unpack_from("<I", data, start)[0]
    if start + 4 + count * width > len(data):
        raise ModelError("damaged file: indices of a sparse tensor lie outside the file")
    return np.frombuffer(data, code, count, start + 4).astype(np.int64)
