"""Latencies of each workload: the distribution as quantiles and as counts, the deadline, percentiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.report.page import Page
from sim.report.run_file.document import Section
from sim.report.safe_text import printable
from sim.trace import Status

MOST_POINTS = 2000  # of a distribution; a longer one is thinned to this many of its own values
BINS = 60
_PERCENTILES = ("p50_s", "p90_s", "p95_s", "p99_s", "p999_s")


def latency_section(page: Page) -> Section:
    """By workload; ``column``: latencies in seconds, ascending, at equally spaced probabilities from the least to the largest."""
    trace = page.result.trace
    columns: dict[str, np.ndarray] = {}
    data: list[dict[str, Any]] = []
    rows = trace.requests.columns()
    for number, name in enumerate(trace.workloads):
        latency = page.metrics.workloads[name].latency
        if latency is None:
            continue
        workload = page.result.scenario.workloads[name]
        one: dict[str, Any] = {
            "workload": printable(name, 200),
            "deadline_s": None if workload.deadline_s is None else float(workload.deadline_s),
            "percentiles": {key.removesuffix("_s"): getattr(latency, key) for key in _PERCENTILES},
            "column": None,
        }
        counted = (rows["workload"] == number) & (rows["arrival_s"] >= page.metrics.warmup_s) & np.isin(rows["status"], (Status.DONE, Status.LATE))
        latencies_s = np.sort(rows["end_s"][counted] - rows["arrival_s"][counted])
        if len(latencies_s):
            one["column"], one["count"] = f"latency_{number}", len(latencies_s)
            columns[f"latency_{number}"] = _thinned(latencies_s)
            columns[f"latency_{number}_counts"], columns[f"latency_{number}_edges"] = _histogram(latencies_s)
        data.append(one)
    return Section(data, columns)


def _thinned(ordered: np.ndarray) -> np.ndarray:
    if len(ordered) <= MOST_POINTS:
        return ordered
    return np.asarray(ordered[np.rint(np.linspace(0, len(ordered) - 1, MOST_POINTS)).astype(int)])


def _histogram(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges; values that differ by less than a millionth are one bar."""
    low, high = float(values[0]), float(values[-1])
    if high - low <= 1e-6 * high:
        return np.array([len(values)]), np.array([low * 0.95, max(high * 1.05, 1e-12)])
    counts, edges = np.histogram(values, bins=BINS)
    return counts.astype(np.int64), edges
