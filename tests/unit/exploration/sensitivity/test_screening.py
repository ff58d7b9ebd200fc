"""Morris screening of a device: on metrics whose effects are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.find import parameters_of
from sim.exploration.sensitivity.screening import Screen
from sim.scenario.loading import LoadedScenario

Evaluators = Callable[..., Callable[[Point], Outcome]]
BANDWIDTH, BASE, LEAKAGE = "memory.bandwidth", "base_power", "units.cpu.power.leakage"


def screen_of(loaded: LoadedScenario, *names: str, count: int = 4) -> Screen:
    return Screen(ChangedDevice.of(loaded), parameters_of(loaded).chosen(names), by=0.1, count=count, seed=4)


def test_effects_are_over_the_whole_range_in_the_metrics_unit(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    screen = screen_of(loaded, BASE, LEAKAGE, BANDWIDTH)
    evaluate = evaluator({"power_w": lambda at: at[BASE] + 3.0 * at[LEAKAGE]})
    found = screen.screening({point.position: evaluate(point) for point in screen.points}, [])
    assert found.runs_count == len(screen.points) == 1 + 4 * 4
    assert [one.parameter.name for one in found.of_metric("power_w")] == [BASE, LEAKAGE]
    base, leakage = found.of_metric("power_w")
    assert base.effect.mu == pytest.approx(0.2 * 2.86)
    assert leakage.effect.mu == pytest.approx(0.2 * 3.0 * 0.1)
    assert base.effect.sigma == pytest.approx(0.0, abs=1e-12)


def test_interactions_show_in_sigma(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    screen = screen_of(loaded, BASE, LEAKAGE, count=12)
    evaluate = evaluator({"power_w": lambda at: (at[BASE] - 2.86) * (at[LEAKAGE] - 0.1)})
    found = screen.screening({point.position: evaluate(point) for point in screen.points}, [])
    for one in found.of_metric("power_w"):
        assert (one.effect.sigma or 0.0) > 0.5 * (one.effect.mu_star or 0.0) > 0


def test_a_number_of_two_parameters_is_moved_by_both(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    screen = screen_of(loaded, "units.cpu.speed", "units.cpu.parameters.compute")
    path = "units.cpu.parameters.threads_4.compute"
    evaluate = evaluator({"throughput_hz": lambda at: at[path]})
    values = {float(evaluate(point).metrics["throughput_hz"] or 0.0) for point in screen.points[1:]}
    now = next(cell.value for cell in screen.parameters[0].cells if cell.path == path)
    factors = [0.9, 0.9 + 0.2 / 3, 1.1 - 0.2 / 3, 1.1]
    products = [now * one * other for one in factors for other in factors]
    assert all(min(abs(value - product) for product in products) < 1e-9 for value in values)
    assert len(values) > 4


def test_points_without_a_run_are_counted_and_told(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    screen = screen_of(loaded, BASE, LEAKAGE)
    evaluate = evaluator({"power_w": lambda at: at[BASE]})
    outcomes = {point.position: evaluate(point) for point in screen.points}
    outcomes[2] = Outcome(screen.points[2], "", "", {}, ("too hot",), "mistake", 0.0)
    found = screen.screening(outcomes, [])
    assert (found.lost, found.problems) == (1, ("too hot",))
    assert sum(one.effect.count for one in found.screened) < 2 * 4
