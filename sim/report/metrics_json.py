"""The result file: every metric and verdict with its unit, the same bytes for the same scenario and seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sim.report.atomic_file import atomic_file
from sim.report.budgets import Verdict, is_valid
from sim.report.metrics import Metrics
from sim.report.quantities import described
from sim.report.run_result import RunResult

SCHEMA = "edgesim.result/1"
_SI = {"time": "s", "rate": "Hz", "ratio": "1", "accuracy": "1", "power": "W", "energy": "J", "temperature": "degC", "bytes": "B"}


def result_data(result: RunResult, metrics: Metrics, verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    """Plain data. Nothing in it depends on the clock of the machine that simulated."""
    scenario = result.scenario
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "device": {"name": result.device.name, "title": result.device.title},
        "seed": result.seed,
        "ambient": {"value": float(result.device.default_ambient_c if scenario.ambient_c is None else scenario.ambient_c), "unit": "degC"},
        "valid": is_valid(verdicts),
        "budgets": [_verdict(verdict) for verdict in verdicts],
        "metrics": described(metrics),
    }


def result_text(data: dict[str, Any]) -> str:
    """The data as indented JSON; characters beyond ASCII are escaped."""
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def write_result(data: dict[str, Any], path: Path) -> None:
    """Write the result file. Raises EdgesimError where that cannot be done."""
    with atomic_file(path) as stream:
        stream.write(result_text(data))


def _verdict(verdict: Verdict) -> dict[str, Any]:
    unit = _SI[verdict.dimension]
    return {
        "name": verdict.name,
        "workload": verdict.workload or None,
        "ok": verdict.ok,
        "value": {"value": verdict.value, "unit": unit},
        "limit": {"value": verdict.limit, "unit": unit},
        "at_least": verdict.at_least,
        "detail": verdict.detail,
    }
