"""Which of several runs is the fastest: in the first minute, and in the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_models.units import format_quantity


def order(latencies_s: Mapping[str, float]) -> list[str]:
    """Names from the fastest to the slowest; of those equal in three digits the first named comes first."""
    return sorted(latencies_s, key=lambda name: float(f"{latencies_s[name]:.3g}"))


def ranking_texts(results: Mapping[str, dict[str, Any]]) -> list[str]:
    """Per workload that all results drift in (see :mod:`sim.report.drift_metrics`): the order of median latencies at both ends.

    ``results``: by letter, as :func:`sim.report.metrics_json.result_data` makes them. Ends with an empty line unless there is nothing to say.
    """
    drifts = {letter: (data["metrics"].get("drift") or {}).get("workloads") or {} for letter, data in results.items()}
    shared = [name for name in next(iter(drifts.values()), {}) if all(name in drift for drift in drifts.values())]
    lines: list[str] = []
    for workload in shared:
        first, last = ({letter: float(drift[workload][f"latency_p50_{end}"]["value"]) for letter, drift in drifts.items()} for end in ("first", "last"))
        same = "the same order" if order(first) == order(last) else "another order"
        lines.append(f"{workload}, fastest first, by median latency:")
        lines.append(f"  first minute  {_written(first)}")
        lines.append(f"  last minute   {_written(last)}   ({same})")
    return [*lines, ""] if lines else []


def _written(latencies_s: Mapping[str, float]) -> str:
    return "   ".join(f"{letter} {format_quantity(latencies_s[letter], 'time')}" for letter in order(latencies_s))
