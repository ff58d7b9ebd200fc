"""Fits of power and energy: what was put in comes out; the laws at points where they can be said by hand."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.power_fit import (
    LEAKAGE_SCALES_V,
    BoardEnergy,
    ClusterPower,
    DutyCycle,
    energy_at_voltage,
    fit_board,
    fit_cluster,
    leakage_scale,
    left_out,
    time_at_clock,
    wait_power,
)

FREQUENCY = np.linspace(0.4e9, 2.8e9, 12)
VOLTAGE = 0.5 + 0.2 * (FREQUENCY / 1e9 - 0.4)
SCALE = LEAKAGE_SCALES_V[10]


def test_a_cluster_comes_out_as_it_was_put_in() -> None:
    true = ClusterPower(0.3e-9, 0.4, 0.02, float(VOLTAGE.max()), SCALE)
    power = true.power_w(FREQUENCY, VOLTAGE)
    assert leakage_scale([(FREQUENCY, VOLTAGE, power)]) == SCALE
    fit = fit_cluster(FREQUENCY, VOLTAGE, power, SCALE)
    assert [fit.capacitance_f, fit.leakage_w, fit.base_w] == pytest.approx([0.3e-9, 0.4, 0.02], rel=1e-6)


def test_cluster_power_by_hand() -> None:
    assert ClusterPower(1e-9, 0.5, 0.1, 1.0, 0.2).power_w(np.array([1e9]), np.array([1.0])) == pytest.approx([1.6])


def test_nothing_is_ever_negative() -> None:
    """Power that falls with the clock cannot be explained, and must not give a negative capacitance."""
    fit = fit_cluster(FREQUENCY, VOLTAGE, np.linspace(2.0, 1.0, 12), SCALE)
    assert min(fit.capacitance_f, fit.leakage_w, fit.base_w) >= 0


def test_two_points_cannot_tell_three_parameters() -> None:
    with pytest.raises(ValueError, match="operating points"):
        fit_cluster(FREQUENCY[:2], VOLTAGE[:2], np.ones(2), SCALE)


def test_energy_and_time_scale() -> None:
    assert energy_at_voltage(4.0, 2.0, 1.0) == pytest.approx(1.0)
    assert time_at_clock(1.0, 100e6, 50e6) == pytest.approx(2.0)


def test_duty_cycle_at_its_ends() -> None:
    power = DutyCycle(active_w=0.03, wait_w=0.01, floor_w=0.004, frequency_hz=100e6, voltage_v=1.2)
    assert power.mean_w(1.0, 100e6, 1.2) == pytest.approx(0.03)
    assert power.mean_w(0.0, 100e6, 1.2) == pytest.approx(0.01)
    assert power.mean_w(1.0, 50e6, 1.2) == pytest.approx(0.004 + 0.026 / 2)
    assert power.mean_w(0.0, 50e6, 0.6) == pytest.approx(0.004 + 0.006 / 8)


def test_wait_power_undoes_the_mean() -> None:
    power = DutyCycle(0.03, 0.01, 0.0, 100e6, 1.2)
    assert wait_power(power.mean_w(0.4, 100e6, 1.2), 0.03, 0.4) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="duty cycle"):
        wait_power(0.03, 0.03, 1.0)


def test_board_energy_comes_out_as_it_was_put_in() -> None:
    latency = np.geomspace(1e-3, 2.0, 30)
    fit = fit_board(latency, BoardEnergy(2.8, 3.1, 0.004).energy_j(latency), idle_w=2.8)
    assert [fit.active_w, fit.fixed_j] == pytest.approx([3.1, 0.004], rel=1e-6)


def test_a_group_never_sees_itself() -> None:
    groups, values = np.array(["a", "a", "b", "c"]), np.array([1.0, 1.0, 2.0, 6.0])
    predicted = left_out(groups, lambda learn, held: np.full(held.sum(), values[learn].mean()))
    assert predicted == pytest.approx([4.0, 4.0, 8 / 3, 4 / 3])
