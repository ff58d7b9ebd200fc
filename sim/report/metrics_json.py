"""The result file: every metric and verdict with its unit, the same bytes for the same scenario and seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from device_models.residuals import LEVEL
from sim.report.atomic_file import atomic_file
from sim.report.budgets import Verdict, is_valid
from sim.report.findings import findings
from sim.report.findings_section import findings_data
from sim.report.metrics import Metrics
from sim.report.quantities import described
from sim.report.run_result import RunResult
from sim.report.uncertainty import Uncertainty

SCHEMA = "edgesim.result/1"
_SI = {
    "time": "s",
    "rate": "Hz",
    "ratio": "1",
    "accuracy": "1",
    "power": "W",
    "energy": "J",
    "temperature": "degC",
    "bytes": "B",
    "traffic": "B",
    "count": "1",
    "price": "currency",
}


def result_data(result: RunResult, metrics: Metrics, verdicts: tuple[Verdict, ...], known: Uncertainty | None = None) -> dict[str, Any]:
    """Plain data. Nothing in it depends on the clock of the machine that simulated. ``known``: adds ``low`` and ``high`` to metrics."""
    scenario = result.scenario
    numbers = described(metrics)
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "device": {"name": result.device.name, "title": result.device.title},
        "seed": result.seed,
        "ambient": {"value": float(result.device.default_ambient_c if scenario.ambient_c is None else scenario.ambient_c), "unit": "degC"},
        "valid": is_valid(verdicts),
        "budgets": [verdict_data(verdict) for verdict in verdicts],
        **({} if known is None else {"uncertainty": _with_intervals(numbers, known)}),
        "metrics": numbers,
        "findings": findings_data(findings(result, metrics, verdicts)),
    }


def result_text(data: dict[str, Any]) -> str:
    """The data as indented JSON; characters beyond ASCII are escaped."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def write_result(data: dict[str, Any], path: Path) -> None:
    """Write the result file. Raises EdgesimError where that cannot be done."""
    with atomic_file(path) as stream:
        stream.write(result_text(data))


def _with_intervals(numbers: dict[str, Any], known: Uncertainty) -> dict[str, Any]:
    """Add the bounds of intervals to the metrics that have one; returns what is said of all of them together."""
    for path, interval in known.intervals.items():
        place: Any = numbers
        for key in path:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict) and "value" in place:
            place |= {"low": interval.low, "high": interval.high}
    about = {"level_ratio": LEVEL, "regime": known.regime, "simulated_again_s": known.window_s, "units": known.units}
    return {key.removesuffix("_ratio").removesuffix("_s"): described(value, key) for key, value in about.items()}


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """One budget as plain data."""
    unit = _SI[verdict.dimension]
    interval, chance = verdict.interval, verdict.chance
    sure = {} if interval is None else {"low": interval.low, "high": interval.high}
    return {
        "name": verdict.name,
        "workload": verdict.workload or None,
        "ok": verdict.ok,
        "value": {"value": verdict.value, "unit": unit, **sure},
        **({} if chance is None else {"probability": {"value": chance, "unit": "1"}, "likelihood": verdict.likelihood}),
        "limit": {"value": verdict.limit, "unit": unit},
        "at_least": verdict.at_least,
        "detail": verdict.detail,
    }
