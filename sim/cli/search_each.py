"""The tables of ``edgesim search --each``: what is best in each scenario, and what it would be worth in the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.cli.table import print_table

if TYPE_CHECKING:
    from sim.exploration.search.driver import Trial
    from sim.exploration.search.each import Best
    from sim.exploration.search.goals import Judged, Objective


def print_each(found: Sequence[Best]) -> None:
    """Two tables. Runs the best of each scenario in all others, for the second."""
    objectives = found[0].prepared.goals.objectives
    path, names = _names(found)
    rows = [
        [name, *_values(one, objectives), f"{one.feasible_count} of {one.trials_count}", _choice(one.trial)] for name, one in zip(names, found, strict=True)
    ]
    head = [path, *(objective.asked for objective in objectives), "feasible", "what was chosen"]
    print_table(head, rows, right=range(1, len(objectives) + 2), wrap=True)
    if sum(one.trial is not None for one in found) > 1:
        print()
        print_table(["the best for", *(f"on {name}" if path == "device" else f"with {name}" for name in names)], _crossed(found, names), wrap=True)


def each_data(found: Sequence[Best]) -> list[dict[str, Any]]:
    """The first table as plain data; ``changes`` and ``objectives`` are those of the best trial, null where there is none."""
    return [
        {
            "each": one.change,
            "trials": one.trials_count,
            "feasible": one.feasible_count,
            "changes": None if one.trial is None else dict(one.trial.outcome.point.changes),
            "objectives": None if one.trial is None else _by_metric(one, one.trial.judged),
        }
        for one in found
    ]


def _by_metric(one: Best, judged: Judged) -> dict[str, float | None]:
    return {objective.metric: value for objective, value in zip(one.prepared.goals.objectives, judged.values, strict=True)}


def _names(found: Sequence[Best]) -> tuple[str, list[str]]:
    """What all changes change, and the values; the changes whole where that differs."""
    parts = [one.change.partition("=") for one in found]
    paths = {path for path, _, _ in parts}
    return (paths.pop(), [value for _, _, value in parts]) if len(paths) == 1 else ("with", [one.change for one in found])


def _values(one: Best, objectives: Sequence[Objective]) -> list[str]:
    if one.trial is None:
        return ["-"] * len(objectives)
    metrics = one.trial.outcome.metrics
    shown = [_shown(objective.metric, value) for objective, value in zip(objectives, one.trial.judged.values, strict=True)]
    error = metrics.get("accuracy_error_ratio")
    if not isinstance(error, float):
        return shown
    return [f"{text} ±{100 * error:.1f}" if objective.is_accuracy and text != "unknown" else text for objective, text in zip(objectives, shown, strict=True)]


def _crossed(found: Sequence[Best], names: Sequence[str]) -> list[list[str]]:
    from sim.exploration.search.each import elsewhere

    objectives = found[0].prepared.goals.objectives
    return [[name, *(_judged(cell, objectives) for cell in row)] for name, row in zip(names, elsewhere(found), strict=True)]


def _judged(judged: Judged | None, objectives: Sequence[Objective]) -> str:
    """The objectives' values, and what does not hold."""
    if judged is None:
        return "-"
    shown = ", ".join(_shown(objective.metric, value) for objective, value in zip(objectives, judged.values, strict=True))
    return shown if judged.is_feasible else f"{shown} (not held: {', '.join(judged.violations)})"


def _shown(metric: str, value: float | None) -> str:
    from sim.report.budgets import format_value
    from sim.report.flat_metrics import QUANTITIES
    from sim.report.quantities import unit_of

    if value is None:
        return "unknown"
    quantity = next((one for one in QUANTITIES.values() if one.field == metric.rpartition(".")[2]), None)
    if quantity is not None:
        return format_value(value, quantity.dimension)
    unit = unit_of(metric) or ""
    return f"{value:.4g}{f' {unit}' if unit not in ('', '1') else ''}"


def _choice(trial: Trial | None) -> str:
    """Last parts of paths and their values; lists without brackets."""
    if trial is None:
        return "none of them holds all that has to hold"
    return ", ".join(f"{path.rpartition('.')[2]} {_plain(value)}" for path, value in trial.outcome.point.changes)


def _plain(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, int) for one in value):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
