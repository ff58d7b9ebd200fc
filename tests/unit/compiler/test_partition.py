"""Partitioning and crossings: every kernel once, dependencies respected, every crossing tensor paid once per unit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.compute import invocation_costs
from sim.compiler import compile_model
from sim.compiler.crossing import EntryCosts, crossings
from sim.compiler.dataflow import dataflow_of
from sim.compiler.partition import partition, segment_dependencies
from sim.compiler.pipeline import resolve_runtime
from sim.compiler.support import targets_of
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.work import graph_work
from sim.scenario.model import Placement


def _graph(sources: list[list[int]]) -> Graph:
    """One elementwise operator per entry, reading the results it names (the input where it names none)."""
    b = GraphBuilder("dag")
    x = b.input("x", (1, 64))
    made: list[str] = []
    for reads in sources:
        made.append(b.add("Sum", [made[read] for read in reads] or [x]))
    read = {made[i] for reads in sources for i in reads}
    return b.finish(*(name for name in made if name not in read))


@st.composite
def dags(draw, most=14):
    count = draw(st.integers(1, most))
    return [sorted(draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else [] for i in range(count)]


@given(dags(), st.data())
def test_a_partition_covers_every_kernel_once_in_order(sources, data):
    graph = _graph(sources)
    ops, _ = graph_work(graph)
    flow = dataflow_of(graph, ops)
    units = data.draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=len(ops), max_size=len(ops)))
    cut = frozenset(data.draw(st.sets(st.integers(0, len(ops) - 1))))
    segments = partition(flow, units, cut)
    order = [kernel for _, rows in segments for kernel in rows]
    assert sorted(order) == list(range(len(ops)))
    assert all(units[kernel] == unit for unit, rows in segments for kernel in rows)
    position = {kernel: row for row, kernel in enumerate(order)}
    assert all(position[other] < position[kernel] for kernel, before in enumerate(flow.before) for other in before)
    after = segment_dependencies(flow, segments)
    assert all(other < index for index, before in enumerate(after) for other in before)
    owner = {kernel: index for index, (_, rows) in enumerate(segments) for kernel in rows}
    assert all(owner[other] == owner[kernel] or owner[other] in after[owner[kernel]] for kernel, before in enumerate(flow.before) for other in before)


@given(dags(), st.data())
def test_segments_are_maximal_without_cuts(sources, data):
    """Two neighbours are never on the same unit: the first would have taken the second's kernels."""
    graph = _graph(sources)
    ops, _ = graph_work(graph)
    units = data.draw(st.lists(st.sampled_from(["a", "b"]), min_size=len(ops), max_size=len(ops)))
    segments = partition(dataflow_of(graph, ops), units)
    assert all(one[0] != two[0] for one, two in pairwise(segments))


@given(dags(), st.data())
def test_a_crossing_tensor_is_handed_over_once_per_unit(sources, data):
    graph = _graph(sources)
    ops, _ = graph_work(graph)
    flow = dataflow_of(graph, ops)
    units = data.draw(st.lists(st.sampled_from(["host", "b", "c"]), min_size=len(ops), max_size=len(ops)))
    segments = partition(flow, units)
    found = crossings(flow, segments, {"host"})
    arrived = [(unit, name) for (unit, _), crossing in zip(segments, found, strict=True) for name in crossing.arriving]
    left = [name for crossing in found for name in crossing.leaving]
    assert len(arrived) == len(set(arrived))
    assert len(left) == len(set(left))
    origin = {name: units[flow.maker[name]] if name in flow.maker else "host" for reads in flow.reads for name in reads}
    expected = {(units[reader], name) for reader, reads in enumerate(flow.reads) for name in reads if units[reader] != origin[name]}
    assert set(arrived) == expected
    leaving = {name for _, name in expected if name in flow.maker} | {name for name in flow.outputs if units[flow.maker[name]] != "host"}
    assert set(left) == leaving


def test_entries_cost_dispatch_copies_and_waiting(phone):
    """GPU in the middle of a CPU program, by hand: 2 x 1 MiB copied each way over 20 GB/s."""
    b = GraphBuilder("net")
    x = b.input("x", (1, 16, 128, 128))  # 1 MiB
    y = b.add("Sigmoid", [x], name="first")
    z = b.add("Conv", [b.add("Tanh", [y], name="second"), b.weight("w", (16, 16, 1, 1))], name="third")
    graph = b.finish(b.add("Add", [z, y], name="last"))
    program = compile_model(graph, phone, runtime="ncnn", placement=Placement(prefer=("cpu",), fixed={"second": "gpu", "third": "gpu"}))
    first, gpu, last = program.segments
    assert (first.entry_s, first.entry_bytes) == (0.0, 0.0)
    assert gpu.entry_bytes == 2 * 2 * 2**20
    assert gpu.entry_s == pytest.approx(invocation_costs(phone, "gpu", runtime="ncnn").fixed_s + gpu.entry_bytes / 20e9)
    assert last.entry_s == pytest.approx(20e-6)
    assert last.after == (0, 1)


def test_a_second_call_pays_the_switch(phone):
    targets = targets_of(phone, resolve_runtime("ncnn"))
    prices = EntryCosts(phone, targets, "ncnn", "as_stored")
    again = prices.entry("gpu", [], [], first=False, waits=True).seconds
    assert again == pytest.approx(prices.entry("gpu", [], [], first=True, waits=False).seconds + 200e-6)


def test_fitted_invocation_times_come_before_the_delegates_estimate(phone):
    targets = targets_of(phone, resolve_runtime("qnn"))
    prices = EntryCosts(phone, targets, "qnn", "as_stored")
    assert prices.calls["npu"].fixed_s > 0
    assert prices.entry("npu", [], [], first=True, waits=False).seconds == prices.calls["npu"].fixed_s


def test_costs_are_those_of_the_whole_unit_in_pieces(phone, chain):
    """Cutting a program in two changes no kernel's cost."""
    whole = compile_model(chain(), phone, runtime="ncnn")
    parts = compile_model(chain(), phone, runtime="ncnn", placement=Placement(prefer=("cpu_big",), fixed={"conv_2": "gpu"}))
    ours = np.concatenate([segment.costs.compute_cycles for segment in parts.segments if segment.unit == "cpu_big"])
    kept = [i for i, name in enumerate(whole.kernels.names) if name != "conv_2"]
    np.testing.assert_allclose(ours, whole.segments[0].costs.compute_cycles[kept])
