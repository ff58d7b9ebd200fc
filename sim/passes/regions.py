"""Regions: small groups of elementwise operators between one tensor and another, recognised by what they compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.passes.edit import Uses, scalar_value
from sim.passes.evaluate import evaluate

_MOST_OPS = 14


@dataclass(frozen=True)
class Region:
    """Operators, in order, that compute ``end`` from ``start`` and stored scalars, and whose inner results nobody else reads."""

    start: str
    end: Op
    ops: tuple[Op, ...]

    @property
    def types(self) -> set[str]:
        return {op.type for op in self.ops}


def regions_ending_at(graph: Graph, uses: Uses, end: Op, position: dict[str, int]) -> Iterator[Region]:
    """Regions with this last operator, the smallest first."""
    inside = [end]
    frontier = _inner_inputs(graph, end)
    while frontier and len(inside) <= _MOST_OPS:
        if len(frontier) == 1 and len(inside) > 1:
            ordered = tuple(sorted(inside, key=lambda op: position[op.name]))
            yield Region(next(iter(frontier)), end, ordered)
        made = [name for name in frontier if name in uses.maker]
        if not made:
            return
        latest = max(made, key=lambda name: position[uses.maker[name].name])
        maker = uses.maker[latest]
        if not _computable(graph, maker) or not uses.only_read_by(latest, inside):
            return
        inside.append(maker)
        frontier = {name: None for name in frontier if name != latest} | _inner_inputs(graph, maker)


def _inner_inputs(graph: Graph, op: Op) -> dict[str, None]:
    return {name: None for name in op.all_inputs if not graph.tensors[name].is_stored}


def _computable(graph: Graph, op: Op) -> bool:
    known = OPS[op.type].elementwise or op.type == "Reduce"
    stored = [graph.tensors[name] for name in op.all_inputs if graph.tensors[name].is_stored]
    return known and not op.fused and len(op.outputs) == 1 and all(tensor.elements == 1 for tensor in stored)


def compute(graph: Graph, region: Region, x: np.ndarray) -> np.ndarray | None:
    """What the region makes of ``x``, or None where a scalar has no stored value or an operator has no meaning here."""
    values: dict[str, np.ndarray] = {region.start: x}
    for op in region.ops:
        operands = []
        for name in op.all_inputs:
            if name in values:
                operands.append(values[name])
                continue
            stored = graph.tensors[name]
            scalar = scalar_value(stored) if stored.elements == 1 else None
            if scalar is None:
                return None
            operands.append(np.asarray(scalar, dtype=float))
        result = evaluate(op, operands, graph.tensors[op.outputs[0]].shape, graph.tensors[op.outputs[0]].dtype)
        if result is None:
            return None
        values[op.outputs[0]] = result
    return values[region.end.outputs[0]]


def replace_region(graph: Graph, uses: Uses, region: Region, type: str, attributes: dict[str, object]) -> Op:
    """Put one operator in place of a region's last one; the caller removes the others."""
    end = region.end
    end.type, end.inputs, end.attributes, end.fused = type, (region.start,), dict(attributes), ()
    gone = {op.name for op in region.ops if op is not end}
    uses.readers[region.start] = [op for op in uses.readers[region.start] if op.name not in gone and op is not end] + [end]
    return end
