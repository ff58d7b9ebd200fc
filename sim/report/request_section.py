"""The section of a report on latency, throughput, missed deadlines and drops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from device_models.residuals import LEVEL
from device_models.units import format_quantity
from sim.report.numbers import band, percent, rate, seconds
from sim.report.page import Page
from sim.report.request_metrics import LatencyMetrics, WorkloadMetrics
from sim.report.safe_text import shortened
from sim.report.sparkline import histogram_bars

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14
_NUMBER = 9
_EQUAL = 1e-3  # a relative spread below the digits shown is no histogram
_WIDE = 104  # from here on the histogram stands in the workload's own line


def request_lines(page: Page) -> list[Text]:
    """A line per workload, and its histogram."""
    from rich.text import Text

    titles = ("p50", "p90", "p99", "max", "rate", "missed", "dropped")
    head = " " + "latency".ljust(_NAME) + "".join(title.rjust(_NUMBER) for title in titles)
    lines = [page.heading("requests"), Text(head, style="dim")]
    for name, workload in page.metrics.workloads.items():
        lines += _workload_lines(name, workload, page)
    return lines


def _workload_lines(name: str, workload: WorkloadMetrics, page: Page) -> list[Text]:
    from rich.text import Text

    latency = workload.latency
    numbers = [format_quantity(value, "time") for value in (latency.p50_s, latency.p90_s, latency.p99_s, latency.max_s)] if latency else ["-"] * 4
    line = Text.assemble((" " + shortened(name, _NAME - 1).ljust(_NAME), "bold"), "".join(text.rjust(_NUMBER) for text in numbers))
    line.append(rate(workload.throughput_hz).rjust(_NUMBER))
    has_deadline = page.result.scenario.workloads[name].deadline_s is not None
    line.append(_share(workload.miss_ratio if has_deadline else None).rjust(_NUMBER), style="red" if workload.miss_ratio else "")
    line.append(_share(workload.drop_ratio).rjust(_NUMBER), style="red" if workload.drop_ratio else "")
    counts = _counts(workload, has_deadline)
    if latency is None:
        return [line, *page.wrapped("", counts, _NAME + 1, "dim")]
    bands = _band_lines(name, [*numbers, rate(workload.throughput_hz)], page)
    if latency.max_s - latency.min_s <= _EQUAL * latency.max_s:
        return [line, *bands, *page.wrapped("", f"{counts}, all equally fast", _NAME + 1, "dim")]
    if page.width >= _WIDE:
        bars = histogram_bars(latency.histogram.counts_count, page.width - line.cell_len - 5, page.glyphs)
        line.append("   " + page.glyphs.ends[0]).append(bars, style="cyan").append(page.glyphs.ends[1])
        return [line, *bands, *page.wrapped("", counts, _NAME + 1, "dim")]
    return [line, *bands, _histogram_line(latency, page), *page.wrapped("", counts, _NAME + 1, "dim")]


def _band_lines(name: str, numbers: Sequence[str], page: Page) -> list[Text]:
    """Below the latencies and the rate what they may be, if anything is known of that."""
    from rich.text import Text

    paths = [*(("workloads", name, "latency", key) for key in ("p50", "p90", "p99", "max")), ("workloads", name, "throughput")]
    found = [None if page.known is None else page.known.find(*path) for path in paths]
    writers: list[Callable[[float], str]] = [lambda value: format_quantity(value, "time")] * 4 + [rate]
    bands = [
        "" if interval is None else band(text, interval.low, interval.high, write)[1:-1] for interval, text, write in zip(found, numbers, writers, strict=True)
    ]
    if not any(bands):
        return []
    line = Text(" " + f"{percent(LEVEL)} band".ljust(_NAME), style="dim")
    for cell in bands:
        line.append(" " + cell.rjust(_NUMBER - 1) if len(cell) < _NUMBER else " " + cell)
    return [line]


def _histogram_line(latency: LatencyMetrics, page: Page) -> Text:
    from rich.text import Text

    low, high = format_quantity(latency.min_s, "time"), format_quantity(latency.max_s, "time")
    width = page.width - _NAME - len(low) - len(high) - 7
    bars = histogram_bars(latency.histogram.counts_count, width, page.glyphs)
    return Text.assemble(" " * (_NAME + 3), (low + " ", "dim"), page.glyphs.ends[0], (bars, "cyan"), page.glyphs.ends[1], (" " + high, "dim"))


def _counts(workload: WorkloadMetrics, has_deadline: bool) -> str:
    """How many, by fate; those that are zero are left out."""
    parts = [f"{workload.arrived_count} arrived", f"{workload.done_count} {'in time' if has_deadline else 'answered'}"]
    named = (("late", workload.late_count), ("dropped", workload.dropped_count), ("expired", workload.expired_count), ("unfinished", workload.unfinished_count))
    parts += [f"{count} {title}" for title, count in named if count]
    if workload.mean_wait_s:
        parts.append(f"waiting {seconds(workload.mean_wait_s)} on average")
    return ", ".join(parts)


def _share(ratio: float | None) -> str:
    return "-" if ratio is None else percent(ratio)
