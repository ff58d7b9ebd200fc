"""Fan governors and idle policies, by hand."""

from __future__ import annotations

import pytest

from sim.policies.cooling import FANS, FanView
from sim.policies.idle import IDLE
from sim.policies.idle.menu import typical_interval_s


def _states(name: str, temperatures_c: list[float]) -> list[int]:
    view = FanView(25.0, 0, [50.0, 60.0, 67.5, 75.0], [5.0] * 4)
    states = []
    for view.temperature_c in temperatures_c:
        view.state = FANS[name]().decide(view)
        states.append(view.state)
    return states


def test_bang_bang_is_on_or_off() -> None:
    assert _states("bang_bang", [49.9, 50.0, 45.1, 45.0, 44.9, 49.0]) == [0, 4, 4, 4, 0, 0]


def test_a_fan_curve_has_a_hysteresis_at_every_speed() -> None:
    assert _states("fan_curve", [49.9, 50.0, 60.0, 55.0, 54.9, 76.0, 70.0, 69.9, 62.0, 44.9]) == [0, 1, 2, 2, 1, 4, 4, 3, 2, 0]


def test_menu_predicts_the_mean_of_steady_intervals() -> None:
    assert typical_interval_s([0.010] * 8) == pytest.approx(0.010)
    assert typical_interval_s([0.010] * 7) == 0.0  # too few to tell
    assert typical_interval_s([0.010] * 6 + [1.0, 5.0]) == pytest.approx(0.010)  # without two outliers
    assert typical_interval_s([0.010] * 5 + [1.0, 5.0, 9.0]) == 0.0
    assert typical_interval_s([0.009, 0.011] * 4) == pytest.approx(0.010)


@pytest.mark.parametrize(("name", "state"), [("menu", 2), ("timeout", 0)])
def test_the_deepest_state_that_fits(name: str, state: int) -> None:
    assert IDLE[name]().choose([0.010] * 8, [0.001, 0.009, 0.011]) == state
    assert IDLE[name]().choose([], [0.001, 0.009, 0.011]) == 0
