"""How a long run drifts: its first minute against its last, which heat and throttling drive apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.report.quantile import quantile
from sim.report.step_function import StepFunction, counters_of, total
from sim.trace import Status, Trace

WINDOW_S = 60.0


@dataclass(frozen=True)
class WorkloadDrift:
    """One workload in the first and the last window of the run: answers per second (see :class:`Answers`), and the median latency of
    what was answered in it."""

    throughput_first_hz: float
    throughput_last_hz: float
    throughput_kept_ratio: float  # last over first
    latency_p50_first_s: float
    latency_p50_last_s: float
    latency_p50_growth_ratio: float  # last over first


@dataclass(frozen=True)
class DriftMetrics:
    """First against last window, each of ``window_s``: from the end of the warm-up, and up to the last answer.

    ``energy_per_inference``: the device's energy in the window by all answers in it, whatever their workload. Workloads that
    answered nothing in either window are left out.
    """

    window_s: float
    energy_per_inference_first_j: float | None
    energy_per_inference_last_j: float | None
    workloads: dict[str, WorkloadDrift]


@dataclass(frozen=True, eq=False)
class Answers:
    """Requests that were answered. Each counts evenly over the time it ran, so that a window's edge may cut through it: a loop of
    slow requests gives the same rate wherever the window lies."""

    starts_s: np.ndarray
    ends_s: np.ndarray
    latencies_s: np.ndarray

    @staticmethod
    def of(trace: Trace, workload: str | None = None) -> Answers:
        """Those of one workload, or all."""
        columns = trace.requests.columns()
        rows = np.isin(columns["status"], (Status.DONE, Status.LATE))
        if workload is not None:
            rows &= columns["workload"] == trace.workloads.index(workload)
        return Answers(columns["start_s"][rows], columns["end_s"][rows], (columns["end_s"] - columns["arrival_s"])[rows])

    def counts(self, edges_s: np.ndarray) -> np.ndarray:
        """Answers between consecutive edges, parts included, ``[len(edges) - 1]``."""
        return np.diff([self._until(float(edge_s)) for edge_s in edges_s])

    def ended(self, from_s: float, to_s: float) -> np.ndarray:
        """Latencies of those that ended from ``from_s`` up to and with ``to_s``."""
        return self.latencies_s[(self.ends_s >= from_s) & (self.ends_s <= to_s)]

    def _until(self, time_s: float) -> float:
        running = (self.starts_s < time_s) & (self.ends_s > time_s)
        parts = (time_s - self.starts_s[running]) / (self.ends_s[running] - self.starts_s[running])
        return float((self.ends_s <= time_s).sum() + parts.sum())


def drift_metrics(trace: Trace, warmup_s: float, throttled: bool) -> DriftMetrics | None:
    """First and last minute of a run of at least two minutes; of a shorter run that was throttled, its halves; else None. Summaries keep none."""
    length_s = trace.end_s - warmup_s
    if trace.summaries:  # nothing is known of parts of the run
        return None
    if length_s < 2 * WINDOW_S and not (throttled and length_s > 0):
        return None
    window_s = min(WINDOW_S, length_s / 2)
    found = {name: _workload(Answers.of(trace, name), trace.end_s, warmup_s, window_s) for name in trace.workloads}
    workloads = {name: drift for name, drift in found.items() if drift is not None}
    if not workloads:
        return None
    power, answers = total(counters_of(trace, "power_w").values()), Answers.of(trace)
    last_s = float(answers.ends_s.max())
    first_j, last_j = (energy_each_j(power, answers, np.array([from_s, from_s + window_s]))[0] for from_s in (warmup_s, last_s - window_s))
    return DriftMetrics(window_s, _known(first_j), _known(last_j), workloads)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def energy_each_j(power: StepFunction | None, answers: Answers, edges_s: np.ndarray) -> np.ndarray:
    """The device's energy between consecutive edges by the answers in between; nan where there are none, or power is not known."""
    counts = answers.counts(edges_s)
    unknown = np.full(len(counts), np.nan)
    return unknown if power is None else np.divide(np.diff(power.integral(edges_s)), counts, out=unknown, where=counts > 0)


def _workload(answers: Answers, end_s: float, warmup_s: float, window_s: float) -> WorkloadDrift | None:
    """None where nothing was answered at one of the ends."""
    first_s = answers.ended(warmup_s, warmup_s + window_s)
    if not len(first_s) or not len(answers.ended(end_s - window_s, end_s)):
        return None
    until_s = float(answers.ends_s.max())
    last_s = answers.ended(until_s - window_s, until_s)
    first_hz, last_hz = (float(answers.counts(np.array([from_s, from_s + window_s]))[0]) / window_s for from_s in (warmup_s, until_s - window_s))
    first_p50_s, last_p50_s = quantile(np.sort(first_s), 0.5), quantile(np.sort(last_s), 0.5)
    return WorkloadDrift(
        throughput_first_hz=first_hz,
        throughput_last_hz=last_hz,
        throughput_kept_ratio=last_hz / first_hz,
        latency_p50_first_s=first_p50_s,
        latency_p50_last_s=last_p50_s,
        latency_p50_growth_ratio=last_p50_s / first_p50_s if first_p50_s > 0 else 1.0,
    )
