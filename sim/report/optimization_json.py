"""A search as self-describing data: every row with its quantities, budgets, accuracies and reason."""

from __future__ import annotations

from typing import Any

from sim.report.budgets import is_valid
from sim.report.metrics_json import verdict_data
from sim.report.optimization_metrics import QUANTITIES, RunMeasures
from sim.report.optimization_rows import Optimization, Row, reason, trades_of
from sim.report.quantities import described

SCHEMA = "edgesim.optimization/1"


def optimization_data(found: Optimization) -> dict[str, Any]:
    """Plain data, the same for the same search."""
    return {
        "schema": SCHEMA,
        "scenario": found.scenario,
        "device": found.device,
        "seed": found.seed,
        "models": list(found.models),
        "untouched": dict(found.untouched),
        "search": found.search,
        "objective": found.objective,
        "least_gain": described(found.least_gain, "least_gain_ratio"),
        "accuracy_drop": described(found.accuracy_drop, "accuracy_drop_ratio"),
        "rows": [_row(found, row) for row in found.rows],
        "winner": {"row": found.winner, "techniques": list(found.techniques), "valid": is_valid(found.best.budgets)},
    }


def _row(found: Optimization, row: Row) -> dict[str, Any]:
    better, worse = trades_of(found, row)
    data: dict[str, Any] = {
        "row": row.number,
        "label": row.label,
        "fate": row.fate,
        "compared_with": row.base,
        "taken_instead": row.better,
        "reason": reason(found, row),
        "problems": list(row.problems),
        "better": [column.name for column in better],
        "at_the_expense_of": [column.name for column in worse],
    }
    return data | (_measures(row.measures) if row.measures else {})


def _measures(measures: RunMeasures) -> dict[str, Any]:
    return {
        "metrics": {name: described(measures.values[name], column.field) for name, column in QUANTITIES.items()},
        "budgets": [verdict_data(verdict) for verdict in measures.budgets],
        "valid": is_valid(measures.budgets),
        "profiles": described(measures.profiles),
        "accuracies": {name: _accuracy(one.value, one) for name, one in measures.accuracies.items()},
    }


def _accuracy(value: float | None, one: Any) -> dict[str, Any]:
    return {
        "value": {"value": value, "unit": "1" if one.is_share else one.metric},
        "kind": one.kind if value is not None else "unknown",
        "metric": one.metric,
        "source": one.source,
        "note": one.note,
    }
