"""Which part of a run a timeline shows: around the request at the 99th percentile, unless the user says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.units import UnitError, format_quantity, parse_quantity
from sim.errors import EdgesimError
from sim.report.metrics import Metrics
from sim.trace import Status, Trace


@dataclass(frozen=True)
class Window:
    """From ``from_s`` to ``to_s``, what there is to see, and the time that short distances are counted from."""

    from_s: float
    to_s: float
    title: str
    origin_s: float


def parse_window(text: str) -> tuple[float, float]:
    """``1.2 s..1.5 s`` -> seconds. Raises EdgesimError."""
    start, dots, stop = text.partition("..")
    if not dots:
        raise EdgesimError(f"--window {text!r}: expected START..END, for example '1.2 s..1.5 s'")
    try:
        from_s, to_s = parse_quantity(start.strip(), "time"), parse_quantity(stop.strip(), "time")
    except UnitError as error:
        raise EdgesimError(f"--window {text!r}: {error}") from None
    if not 0 <= from_s < to_s:
        raise EdgesimError(f"--window {text!r}: END must be after START")
    return from_s, to_s


def chosen_window(trace: Trace, from_s: float, to_s: float) -> Window:
    """The window a user asked for, cut to the run. Raises EdgesimError where it lies outside."""
    if from_s >= trace.end_s:
        raise EdgesimError(f"--window begins at {format_quantity(from_s, 'time')}, after the run's end at {format_quantity(trace.end_s, 'time')}")
    return Window(from_s, min(to_s, trace.end_s), "the chosen window", from_s)


def interesting_window(trace: Trace, metrics: Metrics) -> Window | None:
    """The request at the 99th percentile of the workload that is worst off, with some time around it; None without rows of requests."""
    if trace.summaries:
        return None
    name = worst_workload(trace, metrics)
    return None if name is None else percentile_window(trace, metrics, name)


def percentile_window(trace: Trace, metrics: Metrics, name: str) -> Window | None:
    """The request at the 99th percentile of one workload, with some time around it; None without rows of requests, or answers."""
    latency = metrics.workloads[name].latency
    if latency is None or trace.summaries:
        return None
    columns = trace.requests.columns()
    rows = (columns["workload"] == trace.workloads.index(name)) & (columns["arrival_s"] >= metrics.warmup_s)
    rows &= np.isin(columns["status"], (Status.DONE, Status.LATE))
    latencies_s = np.where(rows, columns["end_s"] - columns["arrival_s"], np.nan)
    row = int(np.nanargmin(np.abs(latencies_s - latency.p99_s)))
    arrival_s, length_s = float(columns["arrival_s"][row]), float(latencies_s[row])
    margin_s = max(0.25 * length_s, 1e-9)
    to_s = min(arrival_s + length_s + margin_s, max(trace.end_s, arrival_s + length_s))
    title = f"request {int(columns['request'][row])} of {name}, the 99th percentile: {format_quantity(length_s, 'time')} from {arrival_s:.3f} s"
    return Window(max(arrival_s - margin_s, 0.0), to_s, title, arrival_s)


def worst_workload(trace: Trace, metrics: Metrics) -> str | None:
    """The one that is worst off: most missed deadlines, then the longest 99th percentile relative to the median; of equals the first."""
    candidates = [name for name in trace.workloads if metrics.workloads[name].latency is not None]

    def badness(name: str) -> tuple[float, float]:
        workload = metrics.workloads[name]
        assert workload.latency is not None
        return workload.miss_ratio or 0.0, workload.latency.p99_s / max(workload.latency.p50_s, 1e-30)

    return max(candidates, key=badness, default=None)
