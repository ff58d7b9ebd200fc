"""Estimated numbers that matter: those that move a metric, by as much as runs by hand say; published ones and idle units never."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.experiment.names import known_names
from sim.exploration.estimated_numbers import BY, LEAST, estimated_findings
from sim.exploration.evaluate import Evaluator
from sim.exploration.point import Point
from sim.scenario.loading import loaded_scenario, read_source

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"


@pytest.fixture(scope="module")
def pi() -> tuple:
    read = read_source(SCENARIOS / "raspberry_pi_cooling.yaml", ["duration=20 s"])
    loaded = loaded_scenario(read, known_names())
    evaluate = Evaluator(read.data, loaded.directory)
    return loaded, evaluate, estimated_findings(loaded, evaluate, 0.01)


def test_they_move_what_runs_by_hand_say(pi: tuple) -> None:
    _, evaluate, (found, why_not) = pi
    assert found
    assert not why_not
    base = evaluate(Point(0, ())).metrics
    for one in found:
        assert one.evidence["kind"] == "estimated"
        moved = [abs(evaluate(Point(0, what.changes)).metrics[one.evidence["metric"]] / base[one.evidence["metric"]] - 1) for what in one.what_ifs]
        assert one.weight_ratio == pytest.approx(max(moved) / 2)
        assert max(moved) >= LEAST


def test_the_array_of_the_processor_is_one_of_them(pi: tuple) -> None:
    _, _, (found, _) = pi
    (one,) = [one for one in found if one.evidence["parameter"] == "units.cpu.macs_per_cycle"]
    assert f"where it is {BY:.0%} off" in one.text


def test_what_would_take_too_long_is_said(pi: tuple) -> None:
    loaded, evaluate, _ = pi
    found, why_not = estimated_findings(loaded, evaluate, 60.0)
    assert not found
    assert "edgesim sensitivity" in why_not
