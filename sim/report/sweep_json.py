"""The summary of a sweep as JSON, with units in the names."""

from __future__ import annotations

from typing import Any

from sim.report.sweep_rows import Setting, SweepSummary

SCHEMA = "edgesim-sweep-1"


def sweep_data(summary: SweepSummary) -> dict[str, Any]:
    """Plain data. How long it took is left out: the same sweep gives the same bytes."""
    return {
        "schema": SCHEMA,
        "scenario": summary.name,
        "device": summary.device,
        "axes": list(summary.axes),
        "points_count": summary.count,
        "done_count": summary.done,
        "missing_count": summary.missing,
        "mistakes_count": summary.mistakes_count,
        "failed_count": summary.failed_count,
        "replications_count": summary.replications_count,
        "settings_count": summary.settings_count,
        "valid_count": summary.valid_count,
        "best": {best.quantity.name: _setting(best.setting) for best in summary.best},
        "front": {"objectives": [one.name for one in summary.objectives], "settings": [_setting(one) for one in summary.front]},
        "effects": [
            {
                "axis": one.axis,
                "metric": one.quantity.field,
                "share_ratio": one.share_ratio,
                "means": [{"level": level, one.quantity.field: mean} for level, mean in one.levels],
            }
            for one in summary.effects
        ],
        "interactions_and_chance_ratio": dict(summary.rest_ratio),
        "problems": [{"what": what, "points_count": count} for what, count in summary.problems],
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "changes": dict(setting.changes),
        "metrics": {name: value for name, value in setting.values.items() if value is not None},
        "half_intervals_95": dict(setting.half_intervals),
        "runs_count": setting.runs_count,
        "valid": setting.is_valid,
    }
