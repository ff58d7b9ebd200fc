"""Differences between runs of the same seeds: against SciPy, against textbook corrections, and where nothing is left to chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.significance import holm, mean_interval, paired_difference

stats = pytest.importorskip("scipy.stats")
NUMBERS = st.lists(st.floats(-1e3, 1e3).map(lambda value: round(value, 3)), min_size=3, max_size=12)


@given(NUMBERS, st.integers(0, 1000))
def test_it_is_the_t_test_for_pairs(first, seed):
    second = np.asarray(first) + np.random.default_rng(seed).normal(0.3, 1.0, len(first))
    found = paired_difference(first, second)
    expected = stats.ttest_rel(second, first)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)


def test_what_is_the_same_with_every_seed_is_no_matter_of_chance():
    same = paired_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (same.mean, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    moved = paired_difference([1.0, 2.0, 3.0], [1.5, 2.5, 3.5])
    assert (moved.low, moved.high, moved.p_value) == (0.5, 0.5, 0.0)
    rounding = paired_difference([0.1 + 0.2, 0.3], [0.3, 0.3])
    assert rounding.p_value == 1.0


def test_the_interval_of_a_mean_holds_it_as_often_as_it_says():
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        mean, reach = mean_interval(random.normal(5.0, 2.0, 6))
        hits += abs(mean - 5.0) <= reach
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_the_correction_is_holms():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_of_many_metrics_without_a_difference_hardly_any_is_found_significant():
    random = np.random.default_rng(1)
    families = 0
    for _ in range(200):
        p_values = [paired_difference(random.normal(size=6), random.normal(size=6)).p_value for _ in range(20)]
        families += min(holm(p_values)) < 0.05
    assert families / 200 < 0.1
