"""Batteries that end before the run does."""

from __future__ import annotations

from collections.abc import Iterator

from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding
from sim.report.numbers import percent, seconds

NAME = "battery"
ABOUT = "a battery that ends before the run"


def find(run: Examined) -> Iterator[Finding]:
    found = run.metrics.battery
    planned_s = float(run.result.scenario.duration_s)
    if found is None or not found.ended or run.metrics.simulated_s >= planned_s:
        return
    missing = 1.0 - run.metrics.simulated_s / planned_s
    heaviest = max(run.metrics.energy.components_j.items(), key=lambda item: item[1], default=("", 0.0))
    share = heaviest[1] / run.metrics.energy.total_j if run.metrics.energy.total_j else 0.0
    text = f"the battery ends after {seconds(run.metrics.simulated_s)} of {seconds(planned_s)}; most of it went into {heaviest[0]} ({percent(share, 2)})"
    evidence = {"lasted_s": run.metrics.simulated_s, "planned_s": planned_s, "largest_consumer": heaviest[0], "largest_j": heaviest[1]}
    yield Finding(NAME, text, missing, "the time of the run", evidence, (), "what else is found saves energy; so would a larger battery")
