"""The search against the whole grid: 5,000 scenarios of search_npu_vision, each run once by benchmarks/search_grid.py, of which a search sees 300."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.search.front import non_dominated
from sim.exploration.search.hypervolume import hypervolume
from sim.exploration.search.prepare import prepared
from sim.scenario.loading import load_scenario, read_source
from sim.scenario.search_axis import value_key

pytest.importorskip("optuna")
TESTS = Path(__file__).resolve().parents[1]
SCENARIO = TESTS.parent / "scenarios" / "search_npu_vision.yaml"
TRIALS = 300


@lru_cache(maxsize=1)
def grid():
    """The plan, the position of each combination, values as they were run (5000 x 3), and costs over the grid's range, 0 to 1."""
    plan = prepared(load_scenario(SCENARIO), read_source(SCENARIO).data)
    with np.load(TESTS / "benchmarks" / "search_npu_vision_grid.npz") as stored:
        values = stored["values"]
    index = {value_key(plan.space.changes(chosen)): position for position, chosen in enumerate(plan.space.every())}
    costs = values * [-1.0 if one.maximize else 1.0 for one in plan.goals.objectives]
    return plan, index, values, (costs - costs.min(axis=0)) / np.ptp(costs, axis=0)


def replayed(point):
    """The grid's outcome of a point."""
    plan, index, values, _ = grid()
    found = dict(zip([one.metric for one in plan.goals.objectives], map(float, values[index[value_key(point.changes)]]), strict=True))
    return Outcome(point, "", "", {**found, "power_w": 1.0, "valid": 1}, (), "done", 0.0)


@lru_cache
def share(sampler, seed, at_nadir=False):
    """Of the grid's dominated volume; up to the worst of the whole grid, or, a stricter reference, of its front."""
    plan, index, _, costs = grid()
    plan = type(plan)(**{**vars(plan), "section": plan.section.model_copy(update={"seed": seed})})
    search = plan.search(sampler, lambda points: [replayed(point) for point in points])
    search.go(TRIALS)
    seen = [index[value_key(trial.outcome.point.changes)] for trial in search.trials]
    assert len(set(seen)) == TRIALS
    corner = costs[non_dominated(costs)].max(axis=0) if at_nadir else np.ones(costs.shape[1])
    return hypervolume(costs[seen], corner) / hypervolume(costs, corner)


def test_the_stored_grid_is_what_the_simulator_gives():
    plan, index, values, _ = grid()
    assert values.shape == (5000, 3)
    assert plan.space.count() == len(index) == 5000
    combinations = list(plan.space.every())
    for position in (0, 1234, 4999):
        outcome = plan.evaluate(Point(position, plan.space.changes(combinations[position])))
        assert plan.goals.judged(outcome).values == pytest.approx(tuple(values[position]), rel=1e-9), "run tests/benchmarks/search_grid.py again"


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
@pytest.mark.parametrize("seed", range(3))
def test_300_trials_dominate_95_percent_of_what_5000_do(sampler, seed):
    found = share(sampler, seed)
    print(f"{sampler} seed {seed}: {100 * found:.2f} %, up to the worst of the front {100 * share(sampler, seed, at_nadir=True):.2f} %")
    assert found >= 0.95


def test_both_samplers_beat_drawing_at_random():
    drawn = np.mean([share("random", seed, at_nadir=True) for seed in range(3)])
    for sampler in ("nsga2", "tpe"):
        assert np.mean([share(sampler, seed, at_nadir=True) for seed in range(3)]) > drawn
