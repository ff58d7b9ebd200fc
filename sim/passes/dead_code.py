"""Remove operators whose results nobody needs."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.passes.base import PASSES, Pass


@PASSES.register("dead_code")
@dataclass(frozen=True)
class DeadCode(Pass):
    """Keep only operators on a way to an output of the graph, and those that write state."""

    name = "dead_code"

    def apply(self, graph: Graph) -> None:
        needed = set(graph.outputs)
        kept: list[Op] = []
        for op in reversed(graph.ops):
            writes_state = OPS[op.type].overwrites > 0
            if writes_state or any(name in needed for name in op.outputs):
                needed.update(op.all_inputs)
                kept.append(op)
        graph.ops = kept[::-1]
