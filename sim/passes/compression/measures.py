"""What a graph is before and after a step: parameters, work, size, zeros; always counted on the graph itself."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph
from sim.graph.storage import stored_file_bytes
from sim.graph.work import total_macs


@dataclass(frozen=True)
class Measures:
    """``size_bytes``: everything stored; ``sparsity_ratio``: share of the parameters that is zero because a step pruned it."""

    parameters_count: int
    macs_count: int
    size_bytes: float
    sparsity_ratio: float


@dataclass(frozen=True)
class Change:
    """What one step did to a graph. ``step``: the technique with its options."""

    step: str
    before: Measures
    after: Measures


def measures_of(graph: Graph) -> Measures:
    """Counted, never scaled from another graph's."""
    parameters = graph.parameters()
    zeros = sum(tensor.elements * tensor.sparsity.ratio for tensor in graph.tensors.values() if tensor.role == "weight" and tensor.sparsity is not None)
    return Measures(parameters, total_macs(graph), stored_file_bytes(graph), zeros / parameters if parameters else 0.0)
