"""An independent check of memory plans: every pair of buffers that are alive together, byte range by byte range.

Shares no code with the planner on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.compiler.program import Buffer, MemoryPlan
from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS


def plan_problems(plan: MemoryPlan) -> list[str]:
    """Everything wrong with a plan by itself: overlaps, buffers outside the arena, a wrong lower bound."""
    buffers = plan.buffers
    columns = np.array([(buffer.first, buffer.last, buffer.offset_bytes, buffer.size_bytes) for buffer in buffers], dtype=np.int64)
    first, last, begin, size = columns.reshape(-1, 4).T
    end = begin + size
    problems = [
        f"{buffers[at].tensor} at {buffers[at].offset_bytes} .. {end[at]} lies outside the arena of {plan.arena_bytes} bytes"
        for at in np.flatnonzero((begin < 0) | (end > plan.arena_bytes))
    ]
    for i, one in enumerate(buffers):
        later = slice(i + 1, None)
        clash = (first[i] <= last[later]) & (first[later] <= last[i]) & (end[i] > begin[later]) & (end[later] > begin[i])
        for j in i + 1 + np.flatnonzero(clash):
            when = f"kernels {max(first[i], first[j])} .. {min(last[i], last[j])}"
            problems.append(f"{one.tensor} and {buffers[j].tensor} are alive together ({when}) and overlap in memory")
    most = max((int(size[(first <= kernel) & (kernel <= last)].sum()) for kernel in np.unique(first)), default=0)
    if most != plan.lower_bound_bytes:
        problems.append(f"{most} bytes are alive at once, the plan says {plan.lower_bound_bytes}")
    if plan.arena_bytes < most:
        problems.append(f"the arena of {plan.arena_bytes} bytes is smaller than the {most} bytes alive at once")
    return problems


def replay_problems(plan: MemoryPlan, graph: Graph, ops: Sequence[Op]) -> list[str]:
    """What goes wrong when kernels run in this order: a buffer read or written outside its lifetime, or after something else was written over it."""
    buffers = {buffer.tensor: buffer for buffer in plan.buffers}
    shared = dict(plan.shares)
    seen = _views(graph)
    holds: dict[str, str] = {name: name for name in graph.inputs}
    problems = []
    for row, op in enumerate(ops):
        for name in (seen.get(read, read) for read in op.all_inputs):
            home = shared.get(name, name)
            if home in buffers and holds.get(home) != name:
                problems.append(f"{op.name} reads {name!r}, whose memory holds {holds.get(home)!r} by then")
            problems += _outside(buffers.get(home), row, f"{op.name} reads {name!r}")
        for name in op.outputs:
            home = shared.get(name, name)
            problems += _outside(buffers.get(home), row, f"{op.name} writes {name!r}")
            holds[home] = name
    for name in (seen.get(output, output) for output in graph.outputs):
        home = shared.get(name, name)
        if home in buffers and (holds.get(home) != name or buffers[home].last < len(ops) - 1):
            problems.append(f"output {name!r} is lost before the end")
    return problems


def _views(graph: Graph) -> dict[str, str]:
    """Tensors that are views -> the tensor whose memory they name."""
    seen: dict[str, str] = {}
    for op in graph.ops:
        if OPS[op.type].view and not op.fused:
            seen.update(dict.fromkeys(op.outputs, seen.get(op.inputs[0], op.inputs[0])))
        seen.update({name: seen.get(source, source) for source, name in zip(op.inputs, op.outputs[: OPS[op.type].overwrites], strict=False)})
    return seen


def _outside(buffer: Buffer | None, row: int, what: str) -> list[str]:
    return [] if buffer is None or buffer.first <= row <= buffer.last else [f"{what} at kernel {row}, alive {buffer.first} .. {buffer.last}"]


def check_plan(plan: MemoryPlan, graph: Graph, ops: Sequence[Op]) -> MemoryPlan:
    """The plan, if nothing is wrong with it for kernels in this order. Raises RuntimeError otherwise: a wrong plan is a defect of the compiler."""
    problems = [*plan_problems(plan), *replay_problems(plan, graph, ops)]
    if problems:
        raise RuntimeError("memory plan: " + "; ".join(problems[:5]))
    return plan
