"""What writing over inputs saved, and which buffers set the size of the arena."""

from __future__ import annotations

from sim.compiler.dataflow import dataflow_of
from sim.compiler.liveness import requirements
from sim.compiler.memory_plan import lower_bound
from sim.compiler.program import Buffer, Program
from sim.compiler.runtimes import runtime


def bytes_without_in_place(program: Program) -> int:
    """The most bytes alive at once if every kernel wrote to a buffer of its own, in the same order; a lower bound of any such plan."""
    if program.graph is None:
        return program.plan.lower_bound_bytes
    ops = {op.name: op for op in program.graph.ops}
    flow = dataflow_of(program.graph, [ops[name] for name in program.kernels.names])
    segments = [(part.unit, list(range(part.first, part.stop))) for part in program.segments]
    alignment = runtime(program.runtime).arena.alignment_bytes
    found, _ = requirements(flow, segments, [part.after for part in program.segments], in_place=False, alignment=alignment)
    return lower_bound(found)


def buffers_at_peak(program: Program) -> tuple[Buffer, ...]:
    """The buffers alive at the kernel where most bytes are, the largest first."""
    buffers = program.plan.buffers
    alive = [[buffer for buffer in buffers if buffer.first <= kernel <= buffer.last] for kernel in sorted({buffer.first for buffer in buffers})]
    peak = max(alive, key=lambda group: sum(buffer.size_bytes for buffer in group), default=[])
    return tuple(sorted(peak, key=lambda buffer: -buffer.size_bytes))
