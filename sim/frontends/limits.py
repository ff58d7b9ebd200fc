"""Sizes beyond which a file is taken for damaged: nothing is allocated for them, but no device holds them either."""

from __future__ import annotations

from collections.abc import Iterable

from sim.errors import ModelError
from sim.graph.ir import Graph

MAX_RANK = 8
MAX_ELEMENTS = 2**45  # 32 Ti elements; the largest published model has about 2**41 parameters


def check_shape(where: str, shape: Iterable[int]) -> tuple[int, ...]:
    """The shape as a tuple; raises ModelError if an extent is negative or the tensor is absurdly large."""
    extents = tuple(int(extent) for extent in shape)
    if len(extents) > MAX_RANK:
        raise ModelError(f"{where}: {len(extents)} dimensions, at most {MAX_RANK} are supported")
    elements = 1
    for extent in extents:
        elements *= extent
        if extent < 0 or elements > MAX_ELEMENTS:
            raise ModelError(f"{where}: shape {list(extents)} cannot be right; the file is damaged, or a dimension was bound to a wrong value")
    return extents


def check_sizes(graph: Graph) -> Graph:
    """The graph, if every tensor has a size that a model may have."""
    for name, tensor in graph.tensors.items():
        check_shape(f"tensor {name!r}", tensor.shape)
    return graph
