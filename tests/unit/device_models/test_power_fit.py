"""Fits of power and energy: what was put in comes out; the laws at points where they can be said by hand."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.power_fit import (
    LEAKAGE_SCALES_V,
    ClusterPower,
    fit_cluster,
    leakage_scale,
    left_out,
    relative_fit,
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


def test_a_relative_fit_finds_terms_of_any_size_and_none_below_zero() -> None:
    columns = np.column_stack([np.geomspace(1e-3, 2.0, 30), np.linspace(1e8, 5e9, 30), np.ones(30)])
    assert relative_fit(columns, columns @ [3.1, 5e-11, 0.004]) == pytest.approx([3.1, 5e-11, 0.004], rel=1e-6)
    assert relative_fit(columns[:, 1:2] * -1.0, np.ones(30)) == pytest.approx([0.0])


def test_a_group_never_sees_itself() -> None:
    groups, values = np.array(["a", "a", "b", "c"]), np.array([1.0, 1.0, 2.0, 6.0])
    predicted = left_out(groups, lambda learn, held: np.full(held.sum(), values[learn].mean()))
    assert predicted == pytest.approx([4.0, 4.0, 8 / 3, 4 / 3])
