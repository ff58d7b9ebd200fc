"""The shipped scenarios that search architectures, through the driver: what they need is there, and devices get subnets of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.cli.search_each import each_data, print_each
from sim.experiment.names import known_names
from sim.exploration.search.driver import Trial
from sim.exploration.search.each import Best, elsewhere
from sim.exploration.search.prepare import Prepared, prepared
from sim.scenario.loading import load_scenario, read_source

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"


def searched(name: str, trials: int, *overrides: str) -> tuple[Prepared, list[Trial]]:
    path = SCENARIOS / f"{name}.yaml"
    found = prepared(load_scenario(path, overrides=overrides, known=known_names()), read_source(path, overrides).data)
    search = found.search("random", lambda points: [found.evaluate(point) for point in points])
    search.go(trials)
    return found, search.trials


def best(trials: list[Trial]) -> Trial:
    """The most accurate one that holds the budgets."""
    return max((trial for trial in trials if trial.judged.is_feasible), key=lambda trial: trial.judged.values[0] or 0.0)


def test_each_device_gets_its_own_subnet_within_the_same_latency() -> None:
    """The same forty subnets on two boards: the quicker one has time for a better subnet, which is too slow for the other."""
    slow, quick = (searched("subnets_for_a_device", 40, f"device={device}")[1] for device in ("raspberry_pi_4", "raspberry_pi_5"))
    assert [trial.outcome.point for trial in slow] == [trial.outcome.point for trial in quick]
    assert all(trial.outcome.status == "done" and trial.outcome.metrics["accuracy_ratio"] for trial in (*slow, *quick))
    of_slow, of_quick = best(slow), best(quick)
    assert of_slow.outcome.point != of_quick.outcome.point
    assert (of_quick.judged.values[0] or 0) > (of_slow.judged.values[0] or 0) + 0.02
    assert not slow[of_quick.number].judged.is_feasible


def test_tables_of_what_is_best_on_each_and_of_what_it_is_worth_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["device=raspberry_pi_4", "device=raspberry_pi_5", "budgets.latency_p99=1 us"]
    bests = [Best.of(change, *searched("subnets_for_a_device", 12, change)) for change in changes]
    slow, quick, hopeless = bests
    assert slow.trial is not None and quick.trial is not None and hopeless.trial is None and hopeless.feasible_count == 0
    crossed = elsewhere(bests)
    assert crossed[0][0] == slow.trial.judged and crossed[2] == [None, None, None]
    there = crossed[1][0]
    assert there is not None and not there.is_feasible and there.values[0] == quick.trial.judged.values[0]

    print_each(bests[:2])
    told = " ".join(capsys.readouterr().out.split())
    assert "device accuracy latency_p99 feasible what was chosen" in told and "not held: budgets" in told
    print_each(bests)
    assert "none of them holds" in " ".join(capsys.readouterr().out.split())
    assert json.loads(json.dumps(each_data(bests)))[2]["changes"] is None
    assert each_data(bests)[1]["objectives"]["accuracy_ratio"] == quick.trial.judged.values[0]


def test_digits_are_learnt_in_the_trials() -> None:
    pytest.importorskip("sklearn")
    _, trials = searched("digits_on_a_microcontroller", 8, "search.accuracy.epochs=8", "search.accuracy.seeds=1")
    assert all(trial.outcome.status == "done" for trial in trials)
    shares = [float(trial.outcome.metrics["accuracy_ratio"] or 0) for trial in trials]
    assert max(shares) > 0.9 and max(shares) - min(shares) > 0.03
    assert "trained once, 8 epochs, judged in int8" in str(trials[0].outcome.metrics["accuracy_basis"])
