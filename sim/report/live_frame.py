"""What the live view shows of one moment of a run: the last stretch of its timeline, clocks, heat and power now, and requests so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from device_models.units import format_quantity
from sim.report import gantt
from sim.report.device_section import temperature_nodes
from sim.report.numbers import celsius, count, percent, seconds, three_digits
from sim.report.page import Page
from sim.report.radio_rows import radio_rows, state_titles
from sim.report.safe_text import printable, shortened
from sim.report.sparkline import sparkline
from sim.report.step_function import StepFunction, counters_of, step_function, total
from sim.report.time_axis import TimeAxis
from sim.report.timeline import LABEL_CELLS
from sim.trace import Status, Trace

if TYPE_CHECKING:
    from rich.text import Text

_SHARE = 6  # cells of a unit's share of the window
_VALUE = 10


@dataclass(frozen=True)
class _Gauge:
    """A quantity over the whole run, between its lowest and highest value."""

    name: str
    function: StepFunction
    written: Callable[[float], str]
    style: str


@dataclass(frozen=True)
class LiveView:
    """Frames of a finished run. All of a frame depends on what happened until its time only, but for the scale of its charts."""

    page: Page

    def frame(self, time_s: float, window_s: float, status: str = "") -> list[Text]:
        """The picture at ``time_s``, of the ``window_s`` before it. ``status``: what the player says of itself. No line is longer than the page."""
        lines = [*self._head(time_s, status), *self._timeline(time_s, window_s), *self._now(time_s), *self._so_far(time_s)]
        for line in lines:
            line.truncate(self.page.width, overflow="crop")
        return lines

    @property
    def end_s(self) -> float:
        return self.page.result.trace.end_s

    def _head(self, time_s: float, status: str) -> list[Text]:
        from rich.text import Text

        page, glyphs = self.page, self.page.glyphs
        left = Text.assemble((printable(page.result.scenario.name, 40), "bold"), "   " + printable(page.result.device.title, 40))
        gap = page.width - left.cell_len - len(status)
        head = [left.append(" " * gap + status)] if gap > 2 else [left, Text(status)]
        clock = f" {three_digits(time_s)} of {three_digits(self.end_s)} s"
        cells = page.width - len(clock) - 1
        done = round(cells * min(time_s / self.end_s, 1.0)) if self.end_s > 0 else cells
        return [*head, Text.assemble((glyphs.bar * done, "green"), (glyphs.empty * (cells - done), "dim"), clock)]

    def _timeline(self, time_s: float, window_s: float) -> list[Text]:
        from rich.text import Text

        page, glyphs = self.page, self.page.glyphs
        if not self._order:
            return [page.heading("timeline"), Text(f"  no spans to show (trace: {page.result.scenario.trace})", style="dim")]
        from_s = time_s - window_s
        axis = TimeAxis(from_s, time_s, page.width - LABEL_CELLS - 2 - _SHARE, from_s)
        past = self._past.between(from_s, time_s)
        lines = [page.heading(f"the last {seconds(window_s)}"), _row("requests", gantt.draw_requests(past, axis, glyphs), "")]
        for row in [*gantt.rows(past, axis), *radio_rows(past, axis)]:
            share = percent(self._busy(row.unit, from_s, time_s), 2) if row.first and row.unit in past.units else ""
            lines.append(_row(row.unit if row.first else "", gantt.draw_row(row, axis, glyphs, self._order, self._titles), share))
        rule, labels = axis.lines(glyphs)
        lines += [Text(" " * (LABEL_CELLS + 2) + text, style="dim") for text in (rule, labels)]
        return lines + page.flow(gantt.legend(self._order, self._titles, glyphs), indent=LABEL_CELLS + 2)

    def _busy(self, unit: str, from_s: float, to_s: float) -> float:
        busy = self._busy_of.get(unit)
        return busy.integral_between(max(from_s, 0.0), to_s) / (to_s - max(from_s, 0.0)) if busy is not None and to_s > max(from_s, 0.0) else 0.0

    def _now(self, time_s: float) -> list[Text]:
        from rich.text import Text

        page = self.page
        if not self._gauges:
            return []
        width = page.width - LABEL_CELLS - _VALUE - 4
        lines = [page.heading("now, and since the beginning")]
        for gauge in self._gauges:
            edges = np.linspace(0.0, max(self.end_s, 1e-9), width + 1)
            past = edges[edges <= time_s]
            means = gauge.function.means(past) if len(past) > 1 else np.zeros(0)
            bars = sparkline(means, page.glyphs, float(gauge.function.values.min()), float(gauge.function.values.max())).ljust(width)
            label = (" " + shortened(gauge.name, LABEL_CELLS).ljust(LABEL_CELLS + 1), "bold")
            lines.append(Text.assemble(label, gauge.written(gauge.function.at(time_s)).rjust(_VALUE) + " ", (bars, gauge.style)))
        return lines

    def _so_far(self, time_s: float) -> list[Text]:
        from rich.text import Text

        if not len(self._past.requests):
            return []
        lines = [self.page.heading("requests so far")]
        for index, name in enumerate(self.page.result.trace.workloads):
            label = Text(" " + shortened(name, LABEL_CELLS).ljust(LABEL_CELLS + 1), style="bold")
            lines.append(label.append("   ".join(self._facts(index, time_s)), style="not bold"))
        return lines

    def _facts(self, workload: int, time_s: float) -> list[str]:
        rows = self._past.requests
        mine = rows["workload"] == workload
        arrived, ended = mine & (rows["arrival_s"] <= time_s), mine & (rows["end_s"] <= time_s)
        answered = ended & np.isin(rows["status"], (Status.DONE, Status.LATE))
        late, lost = (int((ended & np.isin(rows["status"], kinds)).sum()) for kinds in ((Status.LATE,), (Status.DROPPED, Status.EXPIRED)))
        waiting = int(arrived.sum()) - int(answered.sum()) - lost
        facts = [f"{count(int(answered.sum()))} answered", f"{count(waiting)} under way"]
        facts += [f"{count(late)} late"] if late else []
        facts += [f"{count(lost)} dropped"] if lost else []
        if answered.any():
            p50_s, p99_s = np.percentile(rows["end_s"][answered] - rows["arrival_s"][answered], [50, 99])
            facts.append(f"p50 {seconds(float(p50_s))}, p99 {seconds(float(p99_s))}")
        return facts

    @cached_property
    def _titles(self) -> list[str]:
        return [*gantt.stage_titles(self.page.result.trace), *state_titles()]

    @cached_property
    def _order(self) -> list[int]:
        """Of everything that ever runs, so that a stage keeps its colour from frame to frame."""
        trace = self.page.result.trace
        states = np.unique(trace.radio_phases["state"]) + len(trace.stages)
        return [*np.unique(trace.spans["stage"]).tolist(), *states.tolist()]

    @cached_property
    def _past(self) -> _Past:
        return _Past(self.page.result.trace)

    @cached_property
    def _busy_of(self) -> dict[str, StepFunction]:
        return {unit: busy for index, unit in enumerate(self.page.result.trace.units) if (busy := self._past.busy(index)) is not None}

    @cached_property
    def _gauges(self) -> list[_Gauge]:
        page, trace = self.page, self.page.result.trace
        clocks, nodes = counters_of(trace, "frequency_hz"), counters_of(trace, "temperature_c")
        gauges = [_Gauge(name, nodes[name], celsius, "red") for name in temperature_nodes(page, nodes)]
        for name, clock in clocks.items():
            if name in page.result.device.domains and len(np.unique(clock.values)) > 1:
                gauges.append(_Gauge(name, clock, lambda value: format_quantity(value, "frequency"), "yellow"))
        power = total(counters_of(trace, "power_w").values())
        return gauges if power is None else [*gauges, _Gauge("power", power, lambda value: format_quantity(value, "power"), "cyan")]


class _Past:
    """Rows of a trace by time, so that a frame looks at those of its window only."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.requests = trace.requests.columns()
        self._spans = trace.spans.columns()
        self._order = np.argsort(self._spans["end_s"], kind="stable")
        self._ends_s = self._spans["end_s"][self._order]
        # the earliest start among the rows from here on: beyond the first that is past the window, none begins within it
        self._earliest_s = np.minimum.accumulate(self._spans["start_s"][self._order][::-1])[::-1]

    def between(self, from_s: float, to_s: float) -> Trace:
        """The trace with the spans of a window, requests as far as is known at its end."""
        low, high = np.searchsorted(self._ends_s, from_s, side="right"), np.searchsorted(self._earliest_s, to_s, side="left")
        requests = np.flatnonzero((self.requests["arrival_s"] <= to_s) & (self.requests["end_s"] >= from_s))
        trace = self._trace
        return replace(trace, spans=trace.spans.part(np.sort(self._order[low:high])), requests=trace.requests.part(requests))

    def busy(self, unit: int) -> StepFunction | None:
        """1 while anything runs on a unit, else 0."""
        rows = np.flatnonzero(self._spans["unit"] == unit)
        if not len(rows):
            return None
        times_s = np.concatenate([self._spans["start_s"][rows], self._spans["end_s"][rows]])
        changes = np.repeat([1.0, -1.0], len(rows))
        order = np.argsort(times_s, kind="stable")
        return step_function(times_s[order], (np.cumsum(changes[order]) > 0).astype(float), self._trace.end_s)


def _row(label: str, cells: Text, right: str) -> Text:
    from rich.text import Text

    return Text.assemble((" " + shortened(label, LABEL_CELLS).ljust(LABEL_CELLS) + " ", "bold"), cells, right.rjust(_SHARE))
