"""Memory plans of random programs: judged by replaying them on real bytes, in every order the segments allow."""

from __future__ import annotations

from itertools import combinations, permutations
from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.compiler.dataflow import dataflow_of
from sim.compiler.liveness import Requirement, live_bytes, requirements
from sim.compiler.memory_plan import lower_bound, plan_memory
from sim.compiler.partition import partition, segment_dependencies
from sim.compiler.plan_check import plan_problems, replay_problems
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.work import graph_work

KINDS = ("Relu", "Sigmoid", "Reshape", "Add", "Concat", "Softmax", "Slice")


@st.composite
def graphs(draw) -> Graph:
    """Random operators over vectors of a few sizes: elementwise ones, views, joins, cuts."""
    b = GraphBuilder("random")
    known = [b.input("x", (draw(st.sampled_from([4, 16])),)), b.input("y", (draw(st.sampled_from([4, 16])),))]
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(KINDS))
        x = draw(st.sampled_from(known))
        extent = b.graph.tensors[x].elements
        if kind == "Reshape" and extent % 2 == 0:
            known.append(b.add("Reshape", [x], {"shape": (extent // 2, 2) if len(b.shape(x)) == 1 else (extent,)}))
        elif kind == "Add":
            alike = [name for name in known if b.shape(name) == b.shape(x)]
            known.append(b.add("Add", [x, draw(st.sampled_from(alike))]))
        elif kind == "Concat" and extent < 64:
            known.append(b.add("Concat", [x, x], {"axis": 0}))
        elif kind == "Slice" and b.shape(x)[0] >= 2:
            known.append(b.add("Slice", [x], {"starts": [0], "ends": [b.shape(x)[0] // 2], "axes": [0]}))
        else:
            known.append(b.add(kind if kind in ("Relu", "Sigmoid", "Softmax") else "Relu", [x]))
    made = [name for op in b.graph.ops for name in op.outputs]
    outputs = draw(st.sets(st.sampled_from(made), min_size=1, max_size=3))
    return b.finish(*sorted(outputs))


def _tag(name: str) -> int:
    return crc32(name.encode()) % 251 + 1


def _linear_extension(draw, after):
    """A random order of segments in which each follows those it waits for."""
    waiting, order = set(range(len(after))), []
    while waiting:
        ready = sorted(index for index in waiting if not set(after[index]) & waiting)
        order.append(draw(st.sampled_from(ready)))
        waiting.discard(order[-1])
    return order


@settings(max_examples=150)
@given(graphs(), st.data(), st.booleans(), st.sampled_from([1, 16]))
def test_no_value_is_lost_in_any_order_of_segments(graph, data, in_place, alignment):
    ops, _ = graph_work(graph)
    if not ops:
        return
    flow = dataflow_of(graph, ops)
    units = data.draw(st.lists(st.sampled_from(["a", "b"]), min_size=len(ops), max_size=len(ops)))
    segments = partition(flow, units, frozenset(data.draw(st.sets(st.integers(0, len(ops) - 1), max_size=3))))
    after = segment_dependencies(flow, segments)
    found, shares = requirements(flow, segments, after, in_place=in_place, alignment=alignment)
    plan = plan_memory(found)
    assert plan_problems(plan) == []

    home = {buffer.tensor: buffer for buffer in plan.buffers}
    arena = np.zeros(plan.arena_bytes, dtype=np.uint8)

    def place(name):
        buffer = home[shares.get(name, name)]
        size = int(graph.tensors[name].bytes)
        return slice(buffer.offset_bytes, buffer.offset_bytes + size)

    view = {name: op.inputs[0] for op in graph.ops if op.type == "Reshape" for name in op.outputs}

    def origin(name):
        while name in view:
            name = view[name]
        return name

    for name in graph.inputs:
        if name in home:
            arena[place(name)] = _tag(name)
    for segment in _linear_extension(data.draw, after):
        for kernel in segments[segment][1]:
            op = ops[kernel]
            for name in map(origin, op.inputs):
                assert np.all(arena[place(name)] == _tag(name)), f"{op.name} reads {name} after it was overwritten"
            for name in op.outputs:
                arena[place(name)] = _tag(name)
    for name in map(origin, graph.outputs):
        assert np.all(arena[place(name)] == _tag(name)), f"output {name} was overwritten"


@settings(max_examples=100)
@given(graphs(), st.booleans())
def test_the_verifier_accepts_what_replays(graph, in_place):
    ops, _ = graph_work(graph)
    if not ops:
        return
    flow = dataflow_of(graph, ops)
    segments = partition(flow, ["a"] * len(ops))
    found, shares = requirements(flow, segments, [()], in_place=in_place, alignment=1)
    plan = plan_memory(found)
    ordered = [ops[kernel] for _, rows in segments for kernel in rows]
    assert replay_problems(type(plan)(plan.buffers, plan.arena_bytes, plan.lower_bound_bytes, tuple(shares.items())), graph, ordered) == []


@st.composite
def intervals(draw, most=9):
    count = draw(st.integers(1, most))
    found = []
    for index in range(count):
        first = draw(st.integers(0, 8))
        found.append(Requirement(f"t{index}", draw(st.integers(1, 9)), first, first + draw(st.integers(0, 4))))
    return found


@settings(max_examples=200)
@given(intervals())
def test_a_plan_never_overlaps_and_never_beats_the_bound(found):
    plan = plan_memory(found)
    for one, two in combinations(plan.buffers, 2):
        together = set(range(one.first, one.last + 1)) & set(range(two.first, two.last + 1))
        bytes_one = set(range(one.offset_bytes, one.offset_bytes + one.size_bytes))
        assert not (together and bytes_one & set(range(two.offset_bytes, two.offset_bytes + two.size_bytes)))
    most = max(sum(item.size_bytes for item in found if item.first <= kernel <= item.last) for kernel in range(20))
    assert plan.lower_bound_bytes == lower_bound(found) == most <= plan.arena_bytes
    assert plan.arena_bytes == max(buffer.offset_bytes + buffer.size_bytes for buffer in plan.buffers)
    assert live_bytes(found, 20).max() == most


@settings(max_examples=40)
@given(intervals(most=5))
def test_small_plans_are_close_to_the_best_there_is(found):
    """Against every order of first fit, one of which is optimal."""
    best = min(_first_fit([found[i] for i in order]) for order in permutations(range(len(found))))
    assert best <= plan_memory(found).arena_bytes <= 1.34 * best


def _first_fit(items) -> int:
    placed: list[tuple[Requirement, int]] = []
    for item in items:
        busy = sorted((offset, offset + other.size_bytes) for other, offset in placed if item.first <= other.last and other.first <= item.last)
        offset = 0
        for low, high in busy:
            if offset + item.size_bytes <= low:
                break
            offset = max(offset, high)
        placed.append((item, offset))
    return max(offset + item.size_bytes for item, offset in placed)
