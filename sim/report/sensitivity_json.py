"""A sensitivity page as self-describing data: every parameter with its source, every metric, every answer."""

from __future__ import annotations

from typing import Any

from sim.report.sensitivity_rows import Bar, Measure, MorrisBar, Sensitivity, Tornado

SCHEMA = "edgesim.sensitivity/1"
_UNITS = {"time": "s", "energy": "J", "power": "W", "rate": "Hz", "bytes": "B", "temperature": "degC", "ratio": "1", "count": "1", "voltage": "V"}


def sensitivity_data(found: Sensitivity) -> dict[str, Any]:
    """Plain data, the same for the same scenario and seed."""
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": found.scenario,
        "device": found.device,
        "seed": found.seed,
        "method": found.method,
        "moved": found.by,
        "parameters_count": found.parameters_count,
        "runs_count": found.runs_count,
    }
    if found.trajectories_count is not None:
        data |= {"trajectories_count": found.trajectories_count, "levels_count": found.levels_count}
    data["metrics"] = {tornado.measure.name: _metric(tornado) for tornado in found.tornados}
    data["move_nothing"] = list(found.still)
    data["problems"] = [{"parameter": label, "problem": why} for label, why in found.problems]
    return data


def _metric(tornado: Tornado) -> dict[str, Any]:
    return {"base": _quantity(tornado.measure.base, tornado.measure), "parameters": [_bar(bar, tornado.measure) for bar in tornado.bars]}


def _bar(bar: Bar | MorrisBar, measure: Measure) -> dict[str, Any]:
    data: dict[str, Any] = {"parameter": bar.name, "kind": bar.kind, "source": bar.source, "note": bar.note, "moved": bar.moved or None}
    if isinstance(bar, Bar):
        return data | {
            "down": {"value": bar.low_factor, "unit": "1"},
            "up": {"value": bar.high_factor, "unit": "1"},
            "change_down": _quantity(bar.low, measure, is_change=True),
            "change_up": _quantity(bar.high, measure, is_change=True),
            "elasticity": {"value": bar.elasticity, "unit": "1"},
            "slope": _quantity(bar.slope, measure, is_change=True),
            "shape": bar.shape,
        }
    names = {"mu": bar.mu, "mu_star": bar.mu_star, "mu_star_confidence": bar.confidence, "sigma": bar.sigma}
    return data | {name: _quantity(value, measure, is_change=True) for name, value in names.items()} | {"effects_count": bar.count}


def _quantity(value: float | None, measure: Measure, *, is_change: bool = False) -> dict[str, Any]:
    unit = "K" if is_change and measure.dimension == "temperature" else _UNITS.get(measure.dimension, "1")
    return {"value": value, "unit": unit}
