"""Verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sim.report.budgets import Verdict, is_valid, judge
from sim.report.metrics import measure
from sim.scenario.model import Scenario

Verdicts = Callable[[dict[str, Any]], tuple[Verdict, ...]]


@pytest.fixture
def verdicts(run: Any, scenario_data: dict[str, Any]) -> Verdicts:
    return lambda budgets: judge(measure(run), Scenario.model_validate({**scenario_data, "budgets": budgets}), run.device)


@pytest.mark.parametrize(
    ("name", "held", "missed"),
    [
        ("latency_p50", "38.1 ms", "37.9 ms"),
        ("latency_p90", "38.1 ms", "37.9 ms"),
        ("latency_p99", "53.1 ms", "52.9 ms"),
        ("latency_max", "53.1 ms", "52.9 ms"),
        ("throughput", "0.5 Hz", "0.6 Hz"),
        ("power", "2 W", "1.9 W"),
        ("energy_per_inference", "200 mJ", "190 mJ"),
        ("skin_temperature", "30 degC", "29.9 degC"),
        ("die_temperature", "40 degC", "39.9 degC"),
        ("memory", "100 MiB", "99 MiB"),
        ("storage", "3.6 MB", "3.5 MB"),
        ("miss_rate", "10.1 %", "9.9 %"),
        ("drop_rate", "0 %", None),
        ("battery_life", "6480 s", "6481 s"),
    ],
)
def test_each_budget_at_its_limit(verdicts: Verdicts, name: str, held: str, missed: str | None) -> None:
    (verdict,) = verdicts({name: held})
    assert verdict.ok, verdict
    if missed is not None:
        (verdict,) = verdicts({name: missed})
        assert not verdict.ok and not is_valid([verdict])


def test_worst_workload_is_named(verdicts: Verdicts) -> None:
    (slowest,) = verdicts({"latency_p50": "1 s"})
    (fewest,) = verdicts({"throughput": "1 Hz"})
    assert slowest.workload == "camera" and fewest.workload == "voice"


def test_budget_of_one_workload(verdicts: Verdicts) -> None:
    (verdict,) = verdicts({"per": {"voice": {"latency_max": "20.1 ms"}}})
    assert verdict.ok and verdict.workload == "voice"


def test_failure_says_when(verdicts: Verdicts) -> None:
    (verdict,) = verdicts({"latency_p99": "33 ms"})
    assert "misses 10 %, all after 900 ms" in verdict.detail
    assert "npu throttled to 500 MHz from 6 s" in verdict.detail


def test_unknown_accuracy_fails(verdicts: Verdicts) -> None:
    (verdict,) = verdicts({"accuracy": "1 %"})
    assert verdict.value is None and not verdict.ok and "detector" in verdict.detail


def test_no_answered_request_fails_a_latency_budget(run: Any, verdicts: Verdicts) -> None:
    run.trace.requests = type(run.trace)([], [], [], []).requests
    (verdict,) = verdicts({"latency_p99": "1 s"})
    assert verdict.value is None and not verdict.ok


def test_no_budgets_are_valid(verdicts: Verdicts) -> None:
    assert is_valid(verdicts({}))
