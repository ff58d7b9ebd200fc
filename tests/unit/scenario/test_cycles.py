"""Stages that wait for each other in a circle are found, and only those: judged by networkx on random pipelines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario.checks import Known, check_scenario
from sim.scenario.positions import Places


def problems(after: list[list[int] | None]) -> list[str]:
    stages = [{"name": f"s{n}", "work": {}, **({} if names is None else {"after": [f"s{m}" for m in names]})} for n, names in enumerate(after)]
    data = {"workloads": {"w": {"arrival": {"kind": "closed"}, "pipeline": stages}}}
    return [problem.what for problem in check_scenario(data, Places(), None, Known(), Path())]


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 8).flatmap(lambda n: st.lists(st.none() | st.lists(st.integers(0, n - 1), max_size=3), min_size=n, max_size=n)))
def test_circles_are_found_and_only_circles(after):
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(after)))
    for n, names in enumerate(after):
        graph.add_edges_from((n, m) for m in (([n - 1] if n else []) if names is None else names))
    found = problems(after)
    if networkx.is_directed_acyclic_graph(graph):
        assert found == []
        return
    [what] = found
    circle = [int(name[1:]) for name in what.split(": ")[1].split(" -> ")]
    assert circle[0] == circle[-1]
    assert all(graph.has_edge(a, b) for a, b in pairwise(circle))


def test_a_long_pipeline_needs_no_deep_stack():
    assert problems([[n + 1] for n in range(4999)] + [[]]) == []
    assert "in a circle" in problems([[(n + 1) % 5000] for n in range(5000)])[0]
