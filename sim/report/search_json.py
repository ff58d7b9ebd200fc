"""A search as self-describing data: every trial with what was chosen, its objectives and what it violates, and the front."""

from __future__ import annotations

from typing import Any

from sim.report.quantities import unit_of
from sim.report.search_rows import SearchRow, SearchSummary

SCHEMA = "edgesim.search/1"


def search_data(found: SearchSummary) -> dict[str, Any]:
    """Plain data, the same for the same scenario, sampler and number of trials, whoever ran them."""
    return {
        "schema": SCHEMA,
        "scenario": found.name,
        "device": found.device,
        "sampler": found.sampler,
        "seed": found.seed,
        "generation": found.generation,
        "combinations_count": found.combinations_count,
        "objectives": [
            {"metric": one.metric, "asked": one.asked, "direction": "maximize" if one.maximize else "minimize", "unit": unit_of(one.metric)}
            for one in found.objectives
        ],
        "constraints": list(found.constraints),
        "budgets": found.has_budgets,
        "accepts_unknown_accuracy": found.accepts_unknown,
        "accuracy_basis": list(found.basis),
        "trials_count": len(found.rows),
        "feasible_count": found.feasible_count,
        "repeats_count": found.repeats_count,
        "is_exhausted": found.is_exhausted,
        "violated": found.violated,
        "base": _row(found.base, found),
        "front": [row.number for row in found.front],
        "knee": next((row.number for row in found.front if row.is_knee), None),
        "hypervolume": {"growth": list(found.growth), "best": list(found.best), "worst": list(found.worst)},
        "importances": {one.decision: dict(zip([goal.metric for goal in found.objectives], one.shares, strict=True)) for one in found.importances},
        "trials": [_row(row, found) for row in found.rows],
    }


def _row(row: SearchRow, found: SearchSummary) -> dict[str, Any]:
    return {
        "number": row.number,
        "point_id": row.point_id,
        "status": row.status,
        "choices": dict(row.choices),
        "objectives": {one.metric: value for one, value in zip(found.objectives, row.values, strict=True)},
        "accuracy_error_ratio": row.accuracy_error_ratio,
        "violations": dict(row.violations),
        "problems": list(row.problems),
    }
