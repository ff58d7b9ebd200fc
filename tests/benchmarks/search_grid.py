"""Runs the whole grid of the shipped scenario search_npu_vision, 5,000 points, and writes what the test of the search compares with.

``python tests/benchmarks/search_grid.py [WORKERS]`` takes some minutes and writes ``tests/benchmarks/search_npu_vision_grid.npz``: ``digest`` of the
base scenario, ``values`` (5000 x 3: p99 latency s, energy per inference J, accuracy as a share), ``feasible`` (5000), in the grid's order.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from sim.exploration.engines import open_engine
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.run_points import run_points
from sim.exploration.search.prepare import prepared
from sim.scenario.loading import load_scenario, read_source

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "search_npu_vision.yaml"
GRID = Path(__file__).with_name("search_npu_vision_grid.npz")


def main(workers: int) -> None:
    """Run and write."""
    plan = prepared(load_scenario(SCENARIO), read_source(SCENARIO).data)
    combinations = list(plan.space.every())
    points = [Point(index, plan.space.changes(chosen)) for index, chosen in enumerate(combinations)]
    found: dict[int, Outcome] = {}

    def done(outcome: Outcome) -> None:
        found[outcome.point.position] = outcome
        if len(found) % 500 == 0:
            print(f"{len(found)} of {len(points)}", flush=True)

    with open_engine("local", workers) as engine:
        run_points(points, plan.evaluate, engine, done)
    judged = [plan.goals.judged(found[index]) for index in range(len(points))]
    values = np.array([[np.nan if value is None else value for value in one.values] for one in judged])
    feasible = np.array([one.is_feasible for one in judged])
    np.savez_compressed(GRID, digest=np.array(plan.evaluator.base_digest), values=values, feasible=feasible)
    print(f"{len(points)} points, {int(feasible.sum())} feasible, {GRID.stat().st_size} bytes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
