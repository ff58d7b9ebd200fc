"""Counters as step functions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.report.step_function import counter_name, step_function, total


def test_mean_is_weighted_by_time() -> None:
    power = step_function(np.array([0.0, 6.0]), np.array([2.0, 1.0]), 10.0)
    assert power.means(np.array([0.0, 5.0, 10.0])).tolist() == [2.0, 1.2]
    assert power.integral_between(5.0, 7.0) == 3.0


def test_last_of_several_values_at_one_time_counts() -> None:
    clock = step_function(np.array([0.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0]), 2.0)
    assert clock.at(1.0) == 3.0 and clock.peak() == 3.0
    assert clock.integral_between(0.0, 2.0) == 4.0


def test_peak_from_a_time_on_includes_the_value_that_holds_then() -> None:
    clock = step_function(np.array([0.0, 1.0]), np.array([5.0, 2.0]), 3.0)
    assert clock.peak(0.5) == 5.0 and clock.peak(1.0) == 2.0


def test_seconds_where_clips_at_the_start() -> None:
    clock = step_function(np.array([0.0, 1.0, 3.0]), np.array([1.0, 0.0, 1.0]), 4.0)
    assert clock.seconds_where(clock.values == 0.0) == 2.0
    assert clock.seconds_where(clock.values == 0.0, from_s=2.5) == 0.5


def test_before_the_first_row_nothing_is_known() -> None:
    late = step_function(np.array([2.0]), np.array([1.0]), 4.0)
    assert np.isnan(late.means(np.array([0.0, 2.0, 4.0]))).tolist() == [True, False]


steps = st.lists(st.tuples(st.floats(0, 100), st.floats(-10, 10)), min_size=1, max_size=20, unique_by=lambda row: row[0])


@given(steps, steps)
def test_total_integrates_to_the_sum(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> None:
    parts = [step_function(np.array([time for time, _ in sorted(rows)]), np.array([value for _, value in sorted(rows)]), 100.0) for rows in (first, second)]
    both = total(parts)
    assert both is not None
    assert np.isclose(both.integral_between(0, 100), sum(part.integral_between(0, 100) for part in parts), atol=1e-6)


def test_counter_names_come_apart() -> None:
    assert counter_name("frequency_hz.cpu_big") == ("frequency_hz", "cpu_big")
    assert counter_name("memory_bytes") == ("memory_bytes", "")
    assert counter_name("something else") == ("", "something else")
