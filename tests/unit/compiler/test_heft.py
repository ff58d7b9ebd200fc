"""HEFT against closed forms and brute force."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.compute import kernel_seconds
from sim.compiler import compile_model
from sim.compiler.heft import Problem, assign
from sim.graph.builder import GraphBuilder
from sim.scenario.model import Placement


def _finish(problem: Problem, order, units) -> float:
    """End of the last kernel when kernels start in this order on these units."""
    free = [0.0] * len(problem.units)
    ends: dict[int, float] = {}
    for kernel in order:
        unit = units[kernel]
        ready = 0.0 if problem.before[kernel] else problem.dispatch[unit]
        for other in problem.before[kernel]:
            ready = max(ready, ends[other] + (0.0 if units[other] == unit else problem.handing[other] + problem.dispatch[unit]))
        ends[kernel] = free[unit] = max(ready, free[unit]) + problem.seconds[kernel, unit]
    return max(ends.values())


def _orders(problem: Problem):
    count = len(problem.seconds)
    for order in permutations(range(count)):
        position = {kernel: i for i, kernel in enumerate(order)}
        if all(position[other] < position[kernel] for kernel in range(count) for other in problem.before[kernel]):
            yield order


def _best(problem: Problem) -> float:
    count = len(problem.seconds)
    every = product(range(len(problem.units)), repeat=count)
    assignments = [units for units in every if all(np.isfinite(problem.seconds[kernel, unit]) for kernel, unit in enumerate(units))]
    return min(_finish(problem, order, units) for order in _orders(problem) for units in assignments)


def _achieved(problem: Problem) -> float:
    units = assign(problem)
    return min(_finish(problem, order, units) for order in _orders(problem))


@st.composite
def chains(draw):
    """One kernel after another."""
    count = draw(st.integers(1, 6))
    times = st.floats(0.1, 10.0)
    seconds = np.array([[draw(times) for _ in range(2)] for _ in range(count)])
    for kernel in range(count):
        if draw(st.booleans()) and draw(st.booleans()):
            seconds[kernel, 1] = np.inf
    before = [[i - 1] if i else [] for i in range(count)]
    handing = np.array([draw(st.floats(0.0, 3.0)) for _ in range(count)])
    return Problem(("a", "b"), seconds, before, handing, np.array([0.0, draw(st.floats(0.0, 2.0))]))


def test_heft_is_close_to_the_optimum_on_average():
    """Communication leaves HEFT without a guarantee for a single graph, so the judgement is over many: brute force over orders and units."""
    random = np.random.default_rng(0)
    ratios = []
    for _ in range(150):
        count = int(random.integers(2, 6))
        seconds = np.exp(random.uniform(np.log(0.5), np.log(5.0), (count, 2)))
        before = [sorted(set(random.integers(0, i, size=random.integers(0, 3)).tolist())) if i else [] for i in range(count)]
        problem = Problem(("a", "b"), seconds, before, random.uniform(0.0, 1.0, count), np.array([0.0, random.uniform(0.0, 0.5)]))
        ratios.append(_achieved(problem) / _best(problem))
    assert min(ratios) >= 1 - 1e-12
    assert np.mean(ratios) <= 1.1
    assert np.quantile(ratios, 0.9) <= 1.35
    assert np.mean(np.array(ratios) < 1 + 1e-9) >= 0.5


@settings(max_examples=60)
@given(chains())
def test_a_chain_gets_the_earliest_finish_step_by_step(problem):
    ends, previous, chosen = 0.0, None, []
    for kernel in range(len(problem.seconds)):
        options = []
        for unit in range(2):
            if previous is None:
                ready = problem.dispatch[unit]
            else:
                ready = ends + (0.0 if unit == previous else problem.handing[kernel - 1] + problem.dispatch[unit])
            options.append(ready + problem.seconds[kernel, unit])
        previous = int(np.argmin(options))
        ends = options[previous]
        chosen.append(previous)
    assert assign(problem) == chosen


def test_independent_kernels_share_the_units():
    problem = Problem(("a", "b"), np.array([[1.0, 1.0]] * 4), [[], [], [], []], np.zeros(4), np.zeros(2))
    assert sorted(assign(problem)) == [0, 0, 1, 1]


def _seconds(program, device):
    ends: list[float] = []
    free: dict[str, float] = {}
    for segment in program.segments:
        hz = float(device.domains[device.units[segment.unit].domain].operating_points[-1].frequency_hz)
        start = max([free.get(segment.unit, 0.0), *(ends[other] for other in segment.after)])
        ends.append(start + segment.entry_s + float(kernel_seconds(segment.costs, hz).sum()))
        free[segment.unit] = ends[-1]
    return max(ends)


@pytest.mark.parametrize("runtime", ["tflite", "ncnn", "onnxruntime"])
@pytest.mark.parametrize("channels", [8, 64, 256])
def test_heft_is_never_slower_than_one_favourite(phone, chain, runtime, channels):
    graph = chain("", "CumSum", channels=channels)
    best = min(_seconds(compile_model(graph, phone, runtime=runtime, placement=Placement(prefer=(kind,))), phone) for kind in ("cpu", "gpu", "npu"))
    heft = _seconds(compile_model(graph, phone, runtime=runtime, placement=Placement(policy="heft")), phone)
    assert heft <= best * 1.01


def test_branches_overlap_where_that_pays(phone):
    """Two heavy branches from a common stem end sooner on two units than one after the other on either."""
    b = GraphBuilder("branches")
    x = b.add("Relu", [b.input("x", (1, 256, 56, 56))])
    ends = []
    for side in range(2):
        y = x
        for _ in range(4):
            y = b.add("Conv", [y, b.weight("w", (256, 256, 1, 1))], name=f"side{side}")
        ends.append(y)
    graph = b.finish(b.add("Concat", ends, {"axis": 1}))
    placement = Placement(prefer=("cpu_big", "gpu"), policy="heft")
    program = compile_model(graph, phone, runtime="ncnn", placement=placement)
    alone = min(_seconds(compile_model(graph, phone, runtime="ncnn", placement=Placement(prefer=(unit,))), phone) for unit in ("cpu_big", "gpu"))
    assert {segment.unit for segment in program.segments} == {"cpu_big", "gpu"}
    assert _seconds(program, phone) < 0.9 * alone
