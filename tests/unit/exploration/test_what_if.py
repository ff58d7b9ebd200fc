"""What-ifs of findings: each is a run with that change made by hand, ranked by what it brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import load_scenario, simulate
from sim.exploration.evaluate import Evaluator
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.what_if import explained, gain
from sim.report.budgets import judge
from sim.report.explain_page import told
from sim.report.findings import findings
from sim.report.findings.finding import Finding, WhatIf
from sim.report.findings_section import change_texts
from sim.report.flat_metrics import flat_metrics
from sim.scenario.loading import read_source

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
# shipped scenarios, cut to a few seconds where they are long
SHIPPED = {
    "phone_camera": ("duration=3 s",),
    "camera_and_keyword": ("duration=3 s",),
    "optimize_detector": ("duration=3 s",),
    "driver_assistance": ("duration=3 s",),
    "voice_assistant": ("duration=5 s",),
    "smart_home_hub": (),
    "predictive_maintenance": (),
    "wearable": (),
    "overloaded": (),
    "raspberry_pi_cooling": ("duration=600 s",),
    "ar_headset": ("duration=3 s",),
}


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_what_if_is_a_run_with_the_change_made_by_hand(name: str) -> None:
    file = SCENARIOS / f"{name}.yaml"
    result = simulate(load_scenario(file, overrides=SHIPPED[name]))
    found = findings(result, result.metrics, judge(result.metrics, result.scenario, result.device))[:5]
    base, answers = explained(found, Evaluator(read_source(file, SHIPPED[name]).data, SCENARIOS))
    assert base.metrics["latency_p99_s"] == flat_metrics(result.metrics, ())["latency_p99_s"]
    assert [one.finding for one in answers] == found
    for one in answers:
        for answer in one.answers[:3]:
            flags = (*SHIPPED[name], *change_texts(answer.what_if.changes))
            if answer.outcome.status != "done":
                assert answer.why_not
                continue
            by_hand = simulate(load_scenario(file, overrides=flags))
            row = flat_metrics(by_hand.metrics, judge(by_hand.metrics, by_hand.scenario, by_hand.device))
            assert dict(answer.outcome.metrics) == row, answer.what_if.title


def outcome(point: Point, **metrics: float) -> Outcome:
    return Outcome(point, "k", "c", {"valid": 1, "excess_ratio": 0.0, **metrics}, (), "done", 0.0)


def answers_of(found: list[Finding], table: dict[str, dict[str, float] | None]) -> tuple[Outcome, list]:
    """What-ifs named by the value of a single change; None: impossible."""

    def evaluate(point: Point) -> Outcome:
        if not point.changes:
            return outcome(point, **(table[""] or {}))
        metrics = table[point.changes[0][1]]
        return Outcome(point, "", "", {}, ("no such thing",), "mistake", 0.0) if metrics is None else outcome(point, **metrics)

    return explained(found, evaluate)


def finding(of: str, *names: str) -> Finding:
    return Finding("rule", "text", 0.5, of, {}, tuple(WhatIf(name, (("path", name),)) for name in names))


def test_the_best_comes_first_and_the_impossible_last() -> None:
    table = {"": {"latency_p99_s": 10.0}, "slow": {"latency_p99_s": 12.0}, "fast": {"latency_p99_s": 4.0}, "none": None}
    _, (one,) = answers_of([finding("the time of an answer", "slow", "none", "fast")], table)
    assert [answer.what_if.title for answer in one.answers] == ["fast", "slow", "none"]
    assert [answer.is_possible for answer in one.answers] == [True, True, False]


def test_budgets_come_before_speed() -> None:
    table = {"": {"latency_p99_s": 10.0, "excess_ratio": 0.5}, "fast": {"latency_p99_s": 1.0, "excess_ratio": 0.9}, "held": {"latency_p99_s": 9.0}}
    _, (one,) = answers_of([finding("the time of an answer", "fast", "held")], table)
    assert [answer.what_if.title for answer in one.answers] == ["held", "fast"]


def test_a_missed_budget_shows_what_would_mend_it() -> None:
    missed = Finding("budget_margin", "missed", 1.0, "the limit", {}, (), "others say why")
    table = {"": {"excess_ratio": 0.5}, "better": {"excess_ratio": 0.1}, "worse": {"excess_ratio": 0.7}, "mended": {"excess_ratio": 0.0}}
    _, (first, _) = answers_of([missed, finding("the energy", "better", "worse", "mended")], table)
    assert [answer.what_if.title for answer in first.answers] == ["mended", "better"]


def test_equal_changes_run_once() -> None:
    calls: list[Point] = []

    def evaluate(point: Point) -> Outcome:
        calls.append(point)
        return outcome(point, latency_p99_s=1.0)

    explained([finding("the energy", "a", "b"), finding("the memory", "a")], evaluate)
    assert len(calls) == 3


def test_changes_are_told_in_words() -> None:
    base = {"latency_p99_s": 0.048, "energy_per_inference_j": 0.04, "accuracy_ratio": 0.75, "budgets_held_count": 3}
    new = {"latency_p99_s": 0.021, "energy_per_inference_j": 0.04, "accuracy_ratio": None, "budgets_held_count": 4}
    assert told(new, base) == "p99 48 ms to 21 ms (-56 %), accuracy unknown, budgets held 3 to 4"
    assert told(base, base) == "nothing changes"
    assert gain(new, base, "latency_p99_s") == pytest.approx(21 / 48 - 1)
    assert gain(new, base, "accuracy_ratio") is None


def test_a_title_that_would_not_be_true_is_no_answer() -> None:
    """A runtime that puts nothing on the GPU runs a model elsewhere, whatever is preferred: that says nothing of the GPU."""
    moved = Finding("rule", "text", 0.5, "the time of an answer", {}, (WhatIf("net on the GPU", (("path", "gpu"),), ("net", frozenset({"gpu"}))),))

    def evaluate_on(unit: str):  # type: ignore[no-untyped-def]
        def evaluate(point: Point) -> Outcome:
            return Outcome(point, "k", "c", {"valid": 1, "latency_p99_s": 1.0, "models.net.units": unit if point.changes else "npu"}, (), "done", 0.0)

        return evaluate

    _, (there,) = explained([moved], evaluate_on("gpu, cpu_gold"))
    assert there.answers[0].is_possible
    _, (elsewhere,) = explained([moved], evaluate_on("cpu_gold"))
    assert not elsewhere.answers[0].is_possible
    assert "but on cpu_gold" in elsewhere.answers[0].why_not


def test_a_model_that_is_said_to_move_does() -> None:
    file = SCENARIOS / "phone_camera.yaml"
    result = simulate(load_scenario(file, overrides=["duration=2 s"]))
    found = [one for one in findings(result, result.metrics, judge(result.metrics, result.scenario, result.device)) if one.rule == "array_fill"]
    _, (one,) = explained(found, Evaluator(read_source(file, ["duration=2 s"]).data, SCENARIOS))
    for answer in one.answers:
        assert answer.what_if.moves is not None
        model, units = answer.what_if.moves
        by_hand = simulate(load_scenario(file, overrides=["duration=2 s", *change_texts(answer.what_if.changes)]))
        assert answer.is_possible is bool(units & {segment.unit for segment in by_hand.programs[model].segments})
