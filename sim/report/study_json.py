"""The result file of a study: every metric and verdict with its unit, the same bytes for the same study and seed."""

from __future__ import annotations

from typing import Any

from sim.report.budgets import Verdict, is_valid
from sim.report.metrics_json import verdict_data
from sim.report.quantities import described
from sim.scenario.study import LoadedStudy

SCHEMA = "edgesim.study/1"


def study_data(loaded: LoadedStudy, seed: int, metrics: Any, verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    """Plain data. ``metrics``: a dataclass whose numbers state their unit in their names."""
    return {
        "schema": SCHEMA,
        "study": loaded.study.name,
        "kind": loaded.kind,
        "seed": seed,
        "valid": is_valid(verdicts),
        "budgets": [verdict_data(verdict) for verdict in verdicts],
        "metrics": described(metrics),
    }
