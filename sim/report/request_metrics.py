"""Latency, throughput and fate of the requests of each workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim.report.quantile import Histogram, histogram, quantile, weighted_histogram
from sim.streaming.quantile_sketch import QuantileSketch
from sim.streaming.request_summary import RequestSummary
from sim.trace import Status, Trace


@dataclass(frozen=True)
class LatencyMetrics:
    """From arrival to the end of the last stage, over answered requests. Quantiles are samples, see :func:`sim.report.quantile.quantile`.

    Where only a summary was kept, quantiles and histogram are good to the relative error of its sketch; the rest is exact.
    """

    min_s: float
    mean_s: float
    p50_s: float
    p90_s: float
    p95_s: float
    p99_s: float
    p999_s: float
    max_s: float
    histogram: Histogram


@dataclass(frozen=True)
class WorkloadMetrics:
    """Requests that arrived after the warm-up, by how they ended.

    ``miss_ratio``: late, or given up or unanswered when the deadline had passed, over all but the unanswered still in time;
    ``drop_ratio``: never answered because the queue was full or the deadline had passed, over all that arrived.
    ``first_miss_s``, ``last_miss_s``: arrival of the first and the last of the missed.
    """

    latency: LatencyMetrics | None
    throughput_hz: float
    arrived_count: int
    done_count: int
    late_count: int
    dropped_count: int
    expired_count: int
    unfinished_count: int
    miss_ratio: float | None
    drop_ratio: float | None
    mean_wait_s: float | None  # from arrival until the first stage began to run
    first_miss_s: float | None
    last_miss_s: float | None


def workload_metrics(trace: Trace, warmup_s: float, starts_s: Mapping[str, float]) -> dict[str, WorkloadMetrics]:
    """Metrics of every workload. ``starts_s``: when a workload begins; its throughput counts from there or from the warm-up's end.

    Where only summaries were kept, these are of the run's own warm-up and beginnings.
    """
    if trace.summaries:
        return {name: _summarised(summary, trace.end_s) for name, summary in zip(trace.workloads, trace.summaries, strict=True)}
    columns = trace.requests.columns()
    result = {}
    for index, name in enumerate(trace.workloads):
        rows = columns["workload"] == index
        of_workload = {key: column[rows] for key, column in columns.items()}
        result[name] = _one_workload(of_workload, warmup_s, max(warmup_s, starts_s.get(name, 0.0)), trace.end_s)
    return result


def _one_workload(columns: Mapping[str, np.ndarray], warmup_s: float, from_s: float, end_s: float) -> WorkloadMetrics:
    answered = np.isin(columns["status"], (Status.DONE, Status.LATE))
    # answers, not arrivals, in the window: an overloaded queue neither gains nor loses at its edges
    completions = int((answered & (columns["end_s"] > from_s)).sum()) if from_s else int(answered.sum())
    counted = columns["arrival_s"] >= warmup_s
    columns = {key: column[counted] for key, column in columns.items()}
    status, answered = columns["status"], answered[counted]
    missed = _missed(columns, end_s)
    in_time = (status == Status.UNFINISHED) & ~missed
    count = {kind: int((status == kind).sum()) for kind in Status}
    arrived = len(status)
    decided = arrived - int(in_time.sum())
    missed_at = columns["arrival_s"][missed]
    return WorkloadMetrics(
        latency=latency_metrics((columns["end_s"] - columns["arrival_s"])[answered]),
        throughput_hz=completions / (end_s - from_s) if end_s > from_s else 0.0,
        arrived_count=arrived,
        done_count=count[Status.DONE],
        late_count=count[Status.LATE],
        dropped_count=count[Status.DROPPED],
        expired_count=count[Status.EXPIRED],
        unfinished_count=count[Status.UNFINISHED],
        miss_ratio=len(missed_at) / decided if decided else None,
        drop_ratio=(count[Status.DROPPED] + count[Status.EXPIRED]) / arrived if arrived else None,
        mean_wait_s=float((columns["start_s"] - columns["arrival_s"])[answered].mean()) if answered.any() else None,
        first_miss_s=float(missed_at.min()) if len(missed_at) else None,
        last_miss_s=float(missed_at.max()) if len(missed_at) else None,
    )


def latency_metrics(samples_s: np.ndarray) -> LatencyMetrics | None:
    """Statistics of latencies ``[n]`` in seconds; None of no samples."""
    if not len(samples_s):
        return None
    ordered = np.sort(samples_s)
    return LatencyMetrics(
        min_s=float(ordered[0]),
        mean_s=float(ordered.mean()),
        p50_s=quantile(ordered, 0.5),
        p90_s=quantile(ordered, 0.9),
        p95_s=quantile(ordered, 0.95),
        p99_s=quantile(ordered, 0.99),
        p999_s=quantile(ordered, 0.999),
        max_s=float(ordered[-1]),
        histogram=histogram(ordered),
    )


def _summarised(summary: RequestSummary, end_s: float) -> WorkloadMetrics:
    count = {kind: int(summary.counts[kind]) for kind in Status}
    arrived, missed = sum(count.values()), summary.missed
    overdue = missed - count[Status.LATE] - count[Status.EXPIRED]
    decided = arrived - (count[Status.UNFINISHED] - overdue)
    return WorkloadMetrics(
        latency=_sketched(summary.latency),
        throughput_hz=summary.completions / (end_s - summary.from_s) if end_s > summary.from_s else 0.0,
        arrived_count=arrived,
        done_count=count[Status.DONE],
        late_count=count[Status.LATE],
        dropped_count=count[Status.DROPPED],
        expired_count=count[Status.EXPIRED],
        unfinished_count=count[Status.UNFINISHED],
        miss_ratio=missed / decided if decided else None,
        drop_ratio=(count[Status.DROPPED] + count[Status.EXPIRED]) / arrived if arrived else None,
        mean_wait_s=summary.wait.mean if summary.wait.count else None,
        first_miss_s=summary.first_miss_s if missed else None,
        last_miss_s=summary.last_miss_s if missed else None,
    )


def _sketched(sketch: QuantileSketch) -> LatencyMetrics | None:
    if not sketch.count:
        return None
    return LatencyMetrics(
        min_s=sketch.min,
        mean_s=sketch.mean,
        p50_s=sketch.quantile(0.5),
        p90_s=sketch.quantile(0.9),
        p95_s=sketch.quantile(0.95),
        p99_s=sketch.quantile(0.99),
        p999_s=sketch.quantile(0.999),
        max_s=sketch.max,
        histogram=weighted_histogram(*sketch.points()),
    )


def answered_requests(trace: Trace) -> int:
    """Requests that were answered in the whole run, the warm-up included."""
    if trace.summaries:
        return sum(summary.answered_all for summary in trace.summaries)
    return int(np.isin(trace.requests["status"], (Status.DONE, Status.LATE)).sum())


def _missed(columns: Mapping[str, np.ndarray], end_s: float) -> np.ndarray:
    """Which requests missed their deadline: answered late, given up, or still unanswered after it. A nan deadline is none."""
    overdue = (columns["status"] == Status.UNFINISHED) & (columns["deadline_s"] < end_s)
    return np.isin(columns["status"], (Status.LATE, Status.EXPIRED)) | overdue
