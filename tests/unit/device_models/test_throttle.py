"""The closed loop of heat and throttling: its balance, its limits, and a fit that finds what it was made with."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from device_models.throttle import ThrottledDevice, fit_throttled, mean_in_bins, settling_at, shape, throttled_run

PHONE = ThrottledDevice(10.0, 6.0, 0.5, 13.0, 50.0, 60.0)


def test_the_clock_settles_where_heat_and_law_balance() -> None:
    _, clocks, degrees = throttled_run(PHONE, 25.0, 3000.0)
    assert clocks[-1] == pytest.approx(PHONE.sustained_clock(25.0), abs=1e-6)
    assert degrees[-1] == pytest.approx(25.0 + 10.0 * PHONE.power_w(clocks[-1]), abs=1e-6)


def test_the_first_throttling_is_when_the_exponential_reaches_the_onset() -> None:
    times, clocks, _ = throttled_run(replace(PHONE, polling_s=0.01), 25.0, 60.0)
    exact = -60.0 * math.log(1 - 25.0 / (10.0 * PHONE.power_w(1.0)))
    assert times[np.argmax(clocks < 1.0)] == pytest.approx(exact, abs=0.011)


def test_a_cool_device_is_never_throttled() -> None:
    cool = replace(PHONE, resistance_k_per_w=1.0)
    assert cool.sustained_clock(25.0) == pytest.approx(1.0)
    assert (throttled_run(cool, 25.0, 600.0)[1] == 1.0).all()


def test_hotter_air_and_a_worse_path_lower_the_clock() -> None:
    assert PHONE.sustained_clock(40.0) < PHONE.sustained_clock(25.0)
    assert replace(PHONE, resistance_k_per_w=14.0).sustained_clock(25.0) < PHONE.sustained_clock(25.0)


def test_bins_hold_the_mean_of_a_step_function() -> None:
    means = mean_in_bins(np.array([0.0, 5.0, 10.0]), np.array([1.0, 3.0, 7.0]), np.array([0.0, 10.0]), 10.0)
    assert means == pytest.approx([2.0, 7.0])


def test_shape_of_a_step() -> None:
    bins = np.arange(0.0, 400.0, 10.0)
    found = shape(bins, np.where(bins < 60, 100.0, 50.0), 10.0)
    assert found.plateau_ratio == 0.5
    assert found.time_to_middle_s == pytest.approx(60.0)  # of a step between the middles of two bins
    assert found.time_to_plateau_s == pytest.approx(55.0 + 10.0 * (100 - 60) / (100 - 50))


def test_a_level_that_never_falls_is_at_its_plateau_at_once() -> None:
    found = shape(np.arange(0.0, 400.0, 10.0), np.full(40, 7.0), 10.0)
    assert found.plateau_ratio == 1.0 and found.time_to_middle_s == found.time_to_plateau_s == 5.0


def test_a_device_settles_at_the_clock_and_the_power_it_is_made_for() -> None:
    made = settling_at(PHONE, 25.0, 4.7, 0.6)
    assert made.sustained_clock(25.0) == pytest.approx(0.6, abs=1e-9) and made.power_w(0.6) == pytest.approx(4.7)
    assert throttled_run(made, 25.0, 600.0, start_c=25.0 + 10.0 * 4.7)[1] == pytest.approx(0.6, abs=1e-9)


@pytest.mark.parametrize("watts", [0.4, 2.0])
def test_a_power_that_does_not_throttle_cannot_be_settled_at(watts: float) -> None:
    with pytest.raises(ValueError, match="never sets in"):
        settling_at(PHONE, 25.0, watts, 0.6)


def test_a_fit_reproduces_the_run_it_was_made_with() -> None:
    bins = np.arange(0.0, 400.0, 10.0)
    times, clocks, _ = throttled_run(PHONE, 25.0, 400.0)
    made = mean_in_bins(times, clocks, bins, 10.0)
    sustained = PHONE.power_w(PHONE.sustained_clock(25.0))
    fit = fit_throttled(bins, 80.0 * made, 10.0, replace(PHONE, heat_capacity_j_per_k=4.0, dynamic_w=10.0, band_k=40.0), 25.0, sustained)
    assert fit.heat_capacity_j_per_k == pytest.approx(PHONE.heat_capacity_j_per_k, rel=0.05)
    times, clocks, _ = throttled_run(fit, 25.0, 400.0)
    assert mean_in_bins(times, clocks, bins, 10.0) == pytest.approx(made, abs=0.02)
