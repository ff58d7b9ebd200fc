"""The driver on a function instead of runs: what is run, what is told, and that nothing depends on who is quicker."""

import pytest

from sim.exploration.outcome import Outcome
from sim.exploration.search.driver import Search
from sim.exploration.search.goals import Constraint, Goals, Objective
from sim.exploration.search.samplers import SAMPLERS, SamplerPlan, automatic, sampler_named
from sim.exploration.search.space import search_space

SPACE = {"a": "range(12)", "b": "range(12)", "kind": ["x", "y", "z"], "extra": {"choices": [1, 2, 3], "when": {"kind": "y"}}}
OBJECTIVES = (Objective("f", "f", False), Objective("g", "g", True))


def outcome(point, **changed):
    values = dict(point.changes)
    f = values["a"] + 0.3 * (values["b"] - 5) ** 2 + {"x": 0, "y": 2, "z": 1}[values["kind"]]
    g = -((12 - values["a"]) ** 1.5) - values.get("extra", 0)
    return Outcome(point, "", "", {"f": f, "g": g, "valid": 1, **changed}, (), "done", 0.0)


def searching(name, run, *, seed=0, goals=None, space=SPACE, generation=10):
    built = search_space(space, {})
    wanted = goals or Goals(OBJECTIVES, (), False, False)
    return Search(built, wanted, sampler_named(name, SamplerPlan(built, len(wanted.objectives), generation, seed)), run, generation, seed)


def searched(name, trials, run=lambda points: [outcome(point) for point in points], **kind):
    search = searching(name, run, **kind)
    search.go(trials)
    return search


@pytest.mark.parametrize("name", SAMPLERS)
def test_nothing_is_run_twice_and_the_same_seed_gives_the_same_trials(name):
    first, again = (searched(name, 60) for _ in range(2))
    changes = [trial.outcome.point.changes for trial in first.trials]
    assert len(set(changes)) == len(changes) == 60
    assert changes == [trial.outcome.point.changes for trial in again.trials]
    assert [trial.number for trial in first.trials] == list(range(60))


@pytest.mark.parametrize("name", ["nsga2", "tpe", "random"])
def test_another_seed_gives_other_trials_and_more_trials_begin_with_the_same_ones(name):
    changes = [[trial.outcome.point.changes for trial in searched(name, count, seed=seed).trials] for count, seed in ((25, 0), (45, 0), (25, 1))]
    assert changes[1][:25] == changes[0]
    assert changes[2] != changes[0]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_small_space_ends_when_every_combination_has_been_tried(name):
    found = searched(name, 500, space={"a": [0, 1, 2], "b": [5, 6], "kind": ["x", "y"], "extra": {"choices": [1, 2], "when": {"kind": "y"}}})
    assert found.is_exhausted
    assert len(found.trials) == found.space.count() == 18


def test_what_cannot_be_run_or_is_unknown_never_holds_everything():
    def run(points):
        found = []
        for point in points:
            values = dict(point.changes)
            if values["kind"] == "z":
                found.append(Outcome(point, "", "", {}, ("no such unit",), "mistake", 0.0))
            else:
                found.append(outcome(point, **({"g": None} if values["kind"] == "y" else {})))
        return found

    for name in ("nsga2", "tpe"):
        trials = searched(name, 60, run).trials
        assert {trial.outcome.point.changes[2][1] for trial in trials if trial.judged.is_feasible} == {"x"}
        late = [dict(trial.outcome.point.changes)["kind"] for trial in trials[-20:]]
        assert late.count("x") > 20 / 3  # it has learnt to stay away from them


def test_an_accuracy_nobody_knows_rules_out_unless_it_is_accepted():
    goals = [Goals((Objective("f", "f", False), Objective("accuracy_ratio", "accuracy", True)), (), False, accepted) for accepted in (False, True)]
    point = Outcome(None, "", "", {"f": 1.0, "accuracy_ratio": None}, (), "done", 0.0)
    strict, accepting = (one.judged(point) for one in goals)
    assert strict.violations and not accepting.violations
    assert goals[1].costs(accepting) == [1.0, 0.0]  # it does not win by being unknown


def test_constraints_lead_where_they_hold():
    goals = Goals(OBJECTIVES, (Constraint("f", True, 6.0, "f >= 6"),), False, False)
    for name in ("nsga2", "tpe"):
        trials = searched(name, 80, goals=goals).trials
        assert all((trial.judged.values[0] >= 6.0) == trial.judged.is_feasible for trial in trials)
        front = min(trial.judged.values[0] for trial in trials if trial.judged.is_feasible)
        assert front < 7.0


def test_budgets_count_by_how_far_they_are_missed():
    goals = Goals(OBJECTIVES, (), True, False)
    missed = [goals.judged(Outcome(None, "", "", {"f": 1.0, "g": 1.0, "valid": 0, "excess_ratio": excess}, (), "done", 0.0)) for excess in (0.1, 2.0)]
    assert 0 < missed[0].violations["budgets"] < missed[1].violations["budgets"]


def test_few_trials_or_one_objective_are_for_the_estimator():
    assert [automatic(100, 3), automatic(5000, 1), automatic(5000, 2)] == ["tpe", "tpe", "nsga2"]
