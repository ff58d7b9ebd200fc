"""Edits that several passes make: rewiring uses, reading small stored values, finding producers and sole consumers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sim.graph.ir import Graph, Op, Tensor

SMALL_ELEMENTS = 4096  # stored values a pass may look at; larger ones stay in the file


class Uses:
    """Producers and consumers of a graph's tensors, kept up to date while a pass rewrites operators."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maker = graph.producers()
        self.readers = graph.consumers()

    def sole_reader(self, tensor: str) -> Op | None:
        """The only operator that reads a tensor nobody else sees (it is not an output of the graph)."""
        readers = self.readers.get(tensor, [])
        return readers[0] if len(readers) == 1 and tensor not in self.graph.outputs else None

    def only_read_by(self, tensor: str, ops: Iterable[Op]) -> bool:
        """Whether no operator but these reads the tensor, and it is no output of the graph."""
        allowed = {op.name for op in ops}
        return tensor not in self.graph.outputs and all(reader.name in allowed for reader in self.readers.get(tensor, []))


def replace_uses(graph: Graph, old: str, new: str) -> None:
    """Every operator and graph output that reads ``old`` reads ``new`` instead."""
    for op in graph.ops:
        op.inputs = tuple(new if name == old else name for name in op.inputs)
        for fused in op.fused:
            fused.inputs = tuple(new if name == old else name for name in fused.inputs)
    graph.outputs = [new if name == old else name for name in graph.outputs]


def remove_ops(graph: Graph, ops: Iterable[Op]) -> None:
    gone = {id(op) for op in ops}
    graph.ops = [op for op in graph.ops if id(op) not in gone]


def small_value(tensor: Tensor) -> np.ndarray | None:
    """Stored values of a small constant or weight, else None."""
    if not tensor.is_stored or tensor.load is None or tensor.elements > SMALL_ELEMENTS:
        return None
    return np.asarray(tensor.load())


def scalar_value(tensor: Tensor) -> float | None:
    """The one value a stored tensor holds (all elements alike), else None."""
    value = small_value(tensor)
    if value is None or value.size == 0 or not np.all(value == value.flat[0]):
        return None
    return float(value.flat[0])


def fresh_name(graph: Graph, stem: str) -> str:
    """A tensor name the graph does not have."""
    name, count = stem, 0
    while name in graph.tensors:
        count += 1
        name = f"{stem}_{count}"
    return name


def fresh_op_name(graph: Graph, stem: str) -> str:
    """An operator name the graph does not have."""
    taken = {op.name for op in graph.ops}
    name, count = stem, 0
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    return name
