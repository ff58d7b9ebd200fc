"""The section of a report on drift: rate, latency and energy per inference from the first minute to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from device_models.units import format_quantity
from sim.report.drift_metrics import WINDOW_S, Answers, DriftMetrics, energy_each_j
from sim.report.numbers import percent, rate, seconds
from sim.report.page import Page
from sim.report.safe_text import shortened
from sim.report.sparkline import sparkline
from sim.report.step_function import counters_of, total

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 11
_VALUE = 10
_CHANGE = 14
_STEADY = 0.02  # a smaller change of every number is none


def drift_lines(page: Page) -> list[Text]:
    """Nothing for a run too short to drift; one line for one that stayed as it began."""
    drift = page.metrics.drift
    if drift is None and page.result.trace.summaries and page.metrics.history is not None:
        return page.wrapped("drift", "not kept (trace: summary)", _NAME + 1)
    if drift is None:
        return []
    window = "minute" if drift.window_s == WINDOW_S else f"{seconds(drift.window_s)}"
    if max(_changes(drift), default=0.0) < _STEADY:
        return page.wrapped("steady", f"rate, latency and energy per inference of the last {window} within {percent(_STEADY)} of the first", _NAME + 1)
    return [page.heading(f"from the first {window} to the last"), *_workload_lines(page, drift), *_energy_lines(page, drift)]


def _changes(drift: DriftMetrics) -> list[float]:
    """Relative changes of all numbers, without sign."""
    ratios = [ratio for workload in drift.workloads.values() for ratio in (workload.throughput_kept_ratio, workload.latency_p50_growth_ratio)]
    if drift.energy_per_inference_first_j and drift.energy_per_inference_last_j:
        ratios.append(drift.energy_per_inference_last_j / drift.energy_per_inference_first_j)
    return [abs(ratio - 1.0) for ratio in ratios]


def _workload_lines(page: Page, drift: DriftMetrics) -> list[Text]:
    """Two lines a workload: answers per second and mean latency over the run, between the numbers of its ends."""
    edges_s = _edges_s(page)
    lines = []
    for name, workload in drift.workloads.items():
        answers = Answers.of(page.result.trace, name)
        kept = f"{percent(workload.throughput_kept_ratio)} kept"
        growth = f"{page.glyphs.times}{workload.latency_p50_growth_ratio:.3g}"
        lines.append(_line(page, name, rate(workload.throughput_first_hz), answers.counts(edges_s), rate(workload.throughput_last_hz), kept, "green"))
        ends = (format_quantity(workload.latency_p50_first_s, "time"), format_quantity(workload.latency_p50_last_s, "time"))
        lines.append(_line(page, "  latency", ends[0], _mean_latencies_s(answers, edges_s), ends[1], growth, "yellow"))
    return lines


def _mean_latencies_s(answers: Answers, edges_s: np.ndarray) -> np.ndarray:
    """Mean between consecutive edges; where nothing ended, that of the answer that came next."""
    counts = np.histogram(answers.ends_s, edges_s)[0]
    sums_s = np.histogram(answers.ends_s, edges_s, weights=answers.latencies_s)[0]
    known = np.flatnonzero(counts)
    following = known[np.minimum(np.searchsorted(known, np.arange(len(counts))), len(known) - 1)]
    return np.asarray(sums_s[following] / counts[following])


def _energy_lines(page: Page, drift: DriftMetrics) -> list[Text]:
    """Energy of the device by answered requests of all workloads."""
    first_j, last_j = drift.energy_per_inference_first_j, drift.energy_per_inference_last_j
    if first_j is None or last_j is None:
        return []
    power = total(counters_of(page.result.trace, "power_w").values())
    each_j = energy_each_j(power, Answers.of(page.result.trace), _edges_s(page))
    change = f"{page.glyphs.times}{last_j / first_j:.3g}"
    return [_line(page, "energy each", format_quantity(first_j, "energy"), each_j, format_quantity(last_j, "energy"), change, "cyan")]


def _edges_s(page: Page) -> np.ndarray:
    """Of the columns: from the start to the last answer, so that a request that the run's end cut off is no dip."""
    answers = Answers.of(page.result.trace)
    return np.linspace(0.0, float(answers.ends_s.max()), page.width - _NAME - 2 * _VALUE - _CHANGE - 4 + 1)


def _line(page: Page, name: str, first: str, values: np.ndarray, last: str, change: str, style: str) -> Text:
    from rich.text import Text

    known = values[~np.isnan(values)]
    bars = sparkline(values, page.glyphs, 0.0, float(known.max()) if len(known) else 1.0)  # from 0: half the height is half the value
    label = (" " + shortened(name, _NAME).ljust(_NAME), "bold")
    return Text.assemble(label, first.rjust(_VALUE) + " ", (bars, style), " " + last.ljust(_VALUE), (change.rjust(_CHANGE), "dim"))
