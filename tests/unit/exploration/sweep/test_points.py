"""The points of a sweep: all combinations in their order, or samples that are what they are called."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.exploration.sweep.points import combinations, count_points, probes, sweep_points
from sim.scenario.sweep import Sweep, read_sweep


def sweep_of(**section) -> Sweep:
    found, wrong = read_sweep(section)
    assert not wrong
    assert found is not None
    return found


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_is_the_product_of_its_axes(lengths):
    axes = {f"axis{index}": [f"v{value}" for value in range(length)] for index, length in enumerate(lengths)}
    sweep = sweep_of(**axes)
    assert [tuple(value for _, value in changes) for changes in combinations(sweep)] == list(itertools.product(*axes.values()))
    assert count_points(sweep) == len(list(combinations(sweep)))


def test_zipped_axes_move_together():
    sweep = sweep_of(a=[1, 2], b=[3, 4, 5], c=[6, 7], zip=[["a", "c"]])
    expected = [(a, b, c) for (a, c), b in itertools.product([(1, 6), (2, 7)], [3, 4, 5])]
    assert [tuple(value for _, value in changes) for changes in combinations(sweep)] == expected
    assert count_points(sweep) == 6


def test_conditions_leave_points_out():
    sweep = sweep_of(a=[1, 2, 3], b=[1, 2, 3], where=["a < b"])
    assert [tuple(value for _, value in changes) for changes in combinations(sweep)] == [(1, 2), (1, 3), (2, 3)]
    assert [point.position for point in sweep_points(sweep, 0)] == [0, 1, 2]
    assert count_points(sweep) == 3


def test_replications_have_seeds_of_their_own():
    points = list(sweep_points(sweep_of(a=[1, 2], replications=3), 10))
    assert [point.changes for point in points] == [(("a", a), ("seed", seed)) for a in (1, 2) for seed in (10, 11, 12)]
    assert len({point.point_id("x") for point in points}) == 6


@pytest.mark.parametrize("kind", ["random", "latin_hypercube", "sobol"])
def test_samples_lie_in_their_ranges_and_depend_on_the_seed_alone(kind):
    if kind != "random":
        pytest.importorskip("scipy")

    def drawn(seed: int) -> list:
        axes = {"a": {"from": "1 GHz", "to": "2 GHz"}, "b": ["x", "y"], "c": {"from": 1, "to": 6}, "d": {"from": 1.0, "to": 100.0, "scale": "log"}}
        return list(combinations(sweep_of(**axes, sample={"kind": kind, "points": 64, "seed": seed})))

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert len(first) == 64
    for changes in first:
        values = dict(changes)
        assert 1.0 <= float(values["a"].removesuffix(" GHz")) <= 2.0
        assert values["b"] in ("x", "y")
        assert isinstance(values["c"], int)
        assert 1 <= values["c"] <= 6
        assert 1.0 <= values["d"] <= 100.0
    assert np.median([dict(changes)["d"] for changes in first]) == pytest.approx(10, rel=0.6)  # evenly in the logarithm


def test_a_latin_hypercube_hits_every_stratum_once():
    pytest.importorskip("scipy")
    axes = {name: {"from": 0.0, "to": 1.0} for name in "abc"}
    found = list(combinations(sweep_of(**axes, sample={"kind": "latin_hypercube", "points": 50})))
    for name in "abc":
        assert sorted(int(dict(changes)[name] * 50) for changes in found) == list(range(50))


def test_sobol_points_are_scipys():
    qmc = pytest.importorskip("scipy.stats").qmc
    axes = {name: {"from": 0.0, "to": 1.0} for name in "ab"}
    found = [tuple(value for _, value in changes) for changes in combinations(sweep_of(**axes, sample={"kind": "sobol", "points": 16, "seed": 3}))]
    assert np.array(found) == pytest.approx(qmc.Sobol(2, scramble=True, seed=3).random(16), abs=1e-8)


def test_values_of_lists_are_drawn_equally_often():
    pytest.importorskip("scipy")
    found = combinations(sweep_of(a=["x", "y", "z", "w"], sample={"kind": "latin_hypercube", "points": 400}))
    assert set(Counter(value for ((_, value),) in found).values()) == {100}


def test_points_are_drawn_as_they_are_wanted():
    sweep = sweep_of(**{f"axis{index}": list(range(1000)) for index in range(6)})
    assert count_points(sweep) == 10**18
    assert [point.position for point in itertools.islice(sweep_points(sweep, 0), 3)] == [0, 1, 2]


def test_every_value_is_tried_once():
    sweep = sweep_of(a=["x", "y", "z"], b=[1, 2], c={"from": 1, "to": 1000, "step": 1})
    tried = list(probes(sweep))
    for path, values in (("a", {"x", "y", "z"}), ("b", {1, 2})):
        assert {dict(changes)[path] for _, changes in tried} == values
    assert {1, 1000} < {dict(changes)["c"] for _, changes in tried}
    assert len(tried) < 20


def test_a_condition_that_cannot_be_worked_out_is_told():
    with pytest.raises(EdgesimError, match="cannot be worked out"):
        list(combinations(sweep_of(a=["x", 1], where=["a > 2"])))


def test_what_is_ruled_out_is_not_tried():
    sweep = sweep_of(a=["x", "y", "z"], b=[1, 2], where=["a == 'x' and b == 2 or a != 'x' and b == 1"])
    tried = [tuple(value for _, value in changes) for _, changes in probes(sweep)]
    assert tried == [("x", 2), ("y", 1), ("z", 1)]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(2, 9))
def test_tried_values_are_those_that_are_run(many, others, most):
    sweep = sweep_of(a=list(range(many)), b=list(range(others)), where=[f"a + b < {most} and a != 1"])
    wanted, tried = list(combinations(sweep)), [changes for _, changes in probes(sweep)]
    assert set(tried) <= set(wanted)
    assert {change for changes in tried for change in changes} == {change for changes in wanted for change in changes}


def test_a_large_grid_is_tried_in_all_its_regions():
    axes = {f"axis{index}": [f"v{value}" for value in range(100)] for index in range(3)}
    tried = [dict(changes) for _, changes in probes(sweep_of(**axes, where=["axis0 != 'v0' and axis0 != 'v1'"]))]
    assert {one["axis0"] for one in tried} == set(axes["axis0"][2:])
    assert {one["axis2"] for one in tried} == set(axes["axis2"])


def test_conditions_over_too_many_combinations_are_told_not_waited_for():
    sweep = sweep_of(**{f"axis{index}": list(range(1000)) for index in range(4)}, where=["axis0 > axis1"])
    with pytest.raises(EdgesimError, match="sample"):
        count_points(sweep)
