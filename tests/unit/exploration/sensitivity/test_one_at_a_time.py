"""One parameter at a time, on metrics whose answers are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.errors import EdgesimError
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.find import parameters_of
from sim.exploration.sensitivity.one_at_a_time import OneAtATime, Table, elasticities
from sim.exploration.sensitivity.parameter import Parameter
from sim.exploration.sensitivity.response import Response
from sim.scenario.loading import LoadedScenario

BANDWIDTH, BASE, LEAKAGE = "memory.bandwidth", "base_power", "units.cpu.power.leakage"
Evaluators = Callable[..., Callable[[Point], Outcome]]


def named(loaded: LoadedScenario, *names: str) -> tuple[Parameter, ...]:
    return parameters_of(loaded).chosen(names)


def response(table: Table, parameter: str, metric: str) -> Response:
    return next(one for one in table.responses if one.parameter.name == parameter and one.metric == metric)


def test_powers_of_a_parameter_have_their_exponent_as_elasticity(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator({"latency_p99_s": lambda at: 1e9 / at[BANDWIDTH], "power_w": lambda at: at[BASE] ** 2, "energy_j": lambda at: 3.0 * at[BASE]})
    table = elasticities(loaded, ["latency_p99", "power_w", "energy_j"], named(loaded, BANDWIDTH, BASE), evaluate, by=0.001)
    assert response(table, BANDWIDTH, "latency_p99_s").elasticity == pytest.approx(-1.0, abs=1e-5)
    assert response(table, BASE, "power_w").elasticity == pytest.approx(2.0, abs=1e-5)
    assert response(table, BASE, "energy_j").elasticity == pytest.approx(1.0, abs=1e-9)
    assert response(table, BANDWIDTH, "power_w").shape == "none"
    assert [one.parameter.name for one in table.of_metric("power_w")] == [BASE]
    assert table.metrics["power_w"] == pytest.approx(2.86**2)
    assert not table.idle


def test_two_runs_for_each_parameter_and_one_as_things_are(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    seen: list[Point] = []
    evaluate = evaluator({"power_w": lambda at: at[BASE]})
    parameters = named(loaded, BASE, LEAKAGE, BANDWIDTH)
    elasticities(loaded, [], parameters, lambda point: (seen.append(point), evaluate(point))[1])
    assert len(seen) == 7
    assert seen[0].changes == ()
    assert [point.position for point in seen] == list(range(7))


def test_several_numbers_of_a_parameter_rise_together(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    points = [f"domains.cpu.operating_points[{index}].frequency" for index in range(5)]
    evaluate = evaluator({"throughput_hz": lambda at: sum(at[path] for path in points)})
    table = elasticities(loaded, [], named(loaded, "domains.cpu.frequency"), evaluate)
    found = response(table, "domains.cpu.frequency", "throughput_hz")
    assert found.elasticity == pytest.approx(1.0)
    assert found.parameter.is_shared
    assert found.parameter.label == "cpu.frequency"


def test_a_limit_a_valley_and_a_step_are_told_apart(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator(
        {
            "limited_w": lambda at: min(at[BASE], 2.86),
            "valley_w": lambda at: 1.0 + (at[BASE] - 2.86) ** 2,
            "step_w": lambda at: 1.0 if at[BASE] < 2.95 else 2.0,
            "plain_w": lambda at: at[BASE],
        }
    )
    parameters = named(loaded, BASE)
    plan = OneAtATime(ChangedDevice.of(loaded), parameters)
    outcomes = {point.position: evaluate(point) for point in plan.points}
    metrics = ["limited_w", "valley_w", "step_w", "plain_w"]
    first = plan.table(outcomes, metrics)
    assert [response(first, BASE, name).shape for name in metrics] == ["one side", "not monotonic", "one side", "plain"]
    further = plan.halfway(first)
    assert len(further) == 2
    outcomes |= {point.position: evaluate(point) for point in further}
    second = plan.table(outcomes, metrics)
    assert [response(second, BASE, name).shape for name in metrics] == ["one side", "not monotonic", "step", "plain"]
    assert response(second, BASE, "plain_w").elasticity == pytest.approx(1.0)


def test_a_device_that_is_not_valid_with_a_number_is_told_and_the_rest_goes_on(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator({"memory_bytes": lambda at: at["memory.reserved"]})
    table = elasticities(loaded, [], named(loaded, "memory.reserved", "base_power"), evaluate, by=0.95)
    assert not table.problems
    shrunk = named(loaded, "memory.capacity")
    table = elasticities(loaded, ["memory"], (*shrunk, *named(loaded, "memory.reserved")), evaluate, by=0.95)
    (factor, why), *_ = table.problems["memory.capacity"]
    assert factor == pytest.approx(0.05)
    assert "leave nothing for models" in why
    assert response(table, "memory.reserved", "memory_bytes").elasticity == pytest.approx(1.0)


def test_temperatures_move_by_their_distance_and_are_told_in_kelvin(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator({"die_peak_c": lambda at: at["ambient"] + 30.0, "power_w": lambda at: at["thermal.trips[0].temperature"]})
    table = elasticities(loaded, [], named(loaded, "ambient", "thermal.trips"), evaluate)
    ambient = response(table, "ambient", "die_peak_c")
    assert (ambient.change(ambient.low), ambient.change(ambient.high)) == pytest.approx((-6.0, 6.0))  # a tenth of 80 - 20 degC
    trip = response(table, "thermal.trips.soc.temperature", "power_w")
    assert (trip.change(trip.low), trip.change(trip.high)) == pytest.approx((-6.0, 6.0))


def test_a_metric_that_is_nothing_has_a_slope_but_no_elasticity(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator({"miss_ratio": lambda at: max(at[BASE] - 2.86, 0.0)})
    found = response(elasticities(loaded, ["miss_rate"], named(loaded, BASE), evaluate), BASE, "miss_ratio")
    assert found.elasticity is None
    assert found.slope == pytest.approx(0.286 / 0.2)


def test_unknown_metrics_and_a_scenario_without_a_run_are_refused_at_once(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator({"latency_p99_s": lambda at: 1.0})
    with pytest.raises(EdgesimError, match="no metric 'latency_p98'; did you mean 'latency_p99'"):
        elasticities(loaded, ["latency_p98"], named(loaded, BASE), evaluate)

    def broken(point: Point) -> Outcome:
        return Outcome(point, "", "", {}, ("the models do not fit",), "mistake", 0.0)

    with pytest.raises(EdgesimError, match="no run to compare with: the models do not fit"):
        elasticities(loaded, [], named(loaded, BASE), broken)


def test_metrics_that_are_unknown_at_a_move_leave_the_other_side(loaded: LoadedScenario, evaluator: Evaluators) -> None:
    evaluate = evaluator({"latency_p99_s": lambda at: None if at[BASE] > 3.0 else at[BASE]})
    found = response(elasticities(loaded, [], named(loaded, BASE), evaluate), BASE, "latency_p99_s")
    assert found.high is None
    assert found.elasticity == pytest.approx(1.0)
