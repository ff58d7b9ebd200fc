"""The shipped fleets run and show what their descriptions say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.experiment.fleet.study import prepare_fleet
from sim.experiment.names import known_names
from sim.report.budgets import is_valid
from sim.report.fleet_budgets import judge_fleet
from sim.report.fleet_metrics import FleetMetrics, measure_fleet
from sim.scenario.study import load_study

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"


def measured(name: str, *overrides: str) -> tuple[FleetMetrics, bool]:
    loaded = load_study(SCENARIOS / f"{name}.yaml", overrides=overrides, known=known_names())
    assert loaded is not None
    result = prepare_fleet(loaded).run()
    metrics = measure_fleet(result)
    return metrics, is_valid(judge_fleet(metrics, result.fleet.budgets))


@pytest.mark.parametrize(("name", "task"), [("cameras_sharing_an_uplink", "detect"), ("assistant_on_the_road", "ask")])
def test_only_the_policy_that_chooses_holds_the_budgets(name: str, task: str) -> None:
    _, held = measured(name)
    assert held
    assert not measured(name, f"fleet.tasks.{task}.policy=local")[1]


def test_sending_everything_fills_the_network() -> None:
    metrics, held = measured("cameras_sharing_an_uplink", "fleet.tasks.detect.policy=remote", "fleet.duration=20 s")
    assert not held and metrics.links["wifi up"].busy_ratio > 0.98 and (metrics.tasks["detect"].miss_ratio or 0.0) > 0.5


def test_the_coach_falls_back_on_its_phones_in_the_tunnel() -> None:
    metrics, _ = measured("assistant_on_the_road")
    ask = metrics.tasks["ask"]
    assert ask.fell_back_count > 20 and {"local", "edge", "cloud"} <= set(ask.ways)
    assert metrics.groups["phone"].radio_j["tail"] > 0.5 * sum(metrics.groups["phone"].radio_j.values())
