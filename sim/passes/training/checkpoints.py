"""Where the forward pass is cut: activations at the cuts are kept, those between are computed again."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isqrt

from sim.errors import ModelError
from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.graph.work import op_work
from sim.passes.training.options import TrainingOptions
from sim.passes.training.peak import peak_bytes

_MOST_SEGMENTS = 64


def segments_of(ops: list[Op], cuts: frozenset[str]) -> dict[str, int]:
    """Operator -> number of its segment; a segment begins at each operator named in ``cuts``."""
    number, found = 0, {}
    for index, op in enumerate(ops):
        number += 1 if index and op.name in cuts else 0
        found[op.name] = number
    return found


def cuts_for(graph: Graph, ops: list[Op], options: TrainingOptions, written: Callable[[frozenset[str]], Graph]) -> frozenset[str]:
    """Names of the operators that begin a segment. ``written`` makes the whole step for some cuts (to measure it)."""
    rule = options.checkpointing
    if rule is None:
        return frozenset()
    kernels = [op for op in ops if not OPS[op.type].view]
    if rule.segments:
        known = {op.name for op in ops}
        unknown = [name for name in rule.segments if name not in known]
        if unknown:
            raise ModelError(
                f"{graph.name}: no operator {unknown[0]!r} with a gradient to begin a segment; such are {', '.join(op.name for op in ops[:3])} ..."
            )
        return frozenset(rule.segments)
    if rule.every is not None:
        return frozenset(op.name for op in kernels[rule.every :: rule.every])
    if rule.budget_bytes is not None:
        return _within(graph, kernels, rule.budget_bytes, written)
    return balanced_cuts(graph, kernels, ceil(len(kernels) / max(isqrt(len(kernels)), 1)))


def balanced_cuts(graph: Graph, ops: list[Op], segments: int) -> frozenset[str]:
    """Cuts into so many segments of about as many operators; each moves a little to where the fewest bytes cross it."""
    if segments < 2 or len(ops) < 2:
        return frozenset()
    crossing = _crossing_bytes(graph, ops)
    step = len(ops) / segments
    reach = int(step / 3)
    places = set()
    for number in range(1, segments):
        middle = min(max(round(number * step), 1), len(ops) - 1)
        near = range(max(middle - reach, 1), min(middle + reach, len(ops) - 1) + 1)
        places.add(min(near, key=lambda place: (crossing[place], abs(place - middle))))
    return frozenset(ops[place].name for place in places)


def _crossing_bytes(graph: Graph, ops: list[Op]) -> list[float]:
    """For each operator the bytes of activations made before it that it or a later one reads."""
    made = {name: index for index, op in enumerate(ops) for name in op.outputs}
    last: dict[str, int] = {}
    for index, op in enumerate(ops):
        for name in op.inputs:
            if name in made:
                last[name] = index
    change = [0.0] * (len(ops) + 1)
    for name, end in last.items():
        change[made[name] + 1] += graph.tensors[name].bytes
        change[end + 1] -= graph.tensors[name].bytes
    total, found = 0.0, []
    for index in range(len(ops)):
        total += change[index]
        found.append(total)
    return found


def _within(graph: Graph, ops: list[Op], budget: float, written: Callable[[frozenset[str]], Graph]) -> frozenset[str]:
    """The plan with the fewest operations whose activations fit. Raises ModelError with the smallest that can be had."""
    candidates = [frozenset[str]()]
    for segments in range(2, min(len(ops), _MOST_SEGMENTS) + 1):
        if segments <= 16 or segments % 4 == 0:
            candidates.append(balanced_cuts(graph, ops, segments))
    fitting: list[tuple[float, int, frozenset[str]]] = []
    smallest = float("inf")
    for index, cuts in enumerate(dict.fromkeys(candidates)):
        step = written(cuts)
        peak = peak_bytes(step)
        smallest = min(smallest, peak)
        if peak <= budget:
            fitting.append((_operations(step), index, cuts))
            if not cuts:
                break
    if not fitting:
        raise ModelError(
            f"{graph.name}: a training step needs at least {smallest:.0f} bytes for activations and gradients, more than the budget of {budget:.0f}"
        )
    return min(fitting)[2]


def _operations(graph: Graph) -> float:
    works = [op_work(graph, op) for op in graph.ops]
    return sum(work.macs + work.exp_elements + work.out_elements for work in works)
