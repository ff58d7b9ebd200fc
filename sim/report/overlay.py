"""Timelines of several runs over each other: the request at the 99th percentile of each, from its arrival on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.report import gantt
from sim.report.glyphs import Glyphs
from sim.report.metrics import Metrics
from sim.report.numbers import seconds
from sim.report.page import Page
from sim.report.radio_rows import radio_rows, state_titles
from sim.report.safe_text import printable, shortened
from sim.report.time_axis import TimeAxis
from sim.report.timeline import LABEL_CELLS
from sim.report.window import Window, percentile_window, worst_workload

if TYPE_CHECKING:
    from rich.text import Text

_MARK = 3  # cells of the letter of a run


def overlay_lines(pages: Mapping[str, Page]) -> list[Text]:
    """By letter of the run. Rows of one unit stand together, time counts from each request's arrival. Empty where the runs share no workload with answers."""
    from rich.text import Text

    found = _windows(pages)
    if found is None:
        return []
    workload, windows = found
    page = next(iter(pages.values()))
    width = page.width - LABEL_CELLS - _MARK - 3
    before_s = max(window.origin_s - window.from_s for window in windows.values())
    after_s = max(window.to_s - window.origin_s for window in windows.values())
    axes = {letter: TimeAxis(window.origin_s - before_s, window.origin_s + after_s, width, window.origin_s) for letter, window in windows.items()}
    titles = list(dict.fromkeys(title for one in pages.values() for title in _titles(one)))
    rows = {letter: _rows(pages[letter], axis, titles) for letter, axis in axes.items()}
    order = [stage for stage in range(len(titles)) if any(block.stage == stage for run in rows.values() for row in run for block in row.blocks)]
    latencies = ", ".join(f"{letter} {seconds(_p99_s(pages[letter].metrics, workload))}" for letter in pages)
    lines = [page.heading(f"the request at the 99th percentile of {printable(workload, 40)}: {latencies}")]
    for unit in dict.fromkeys(row.unit for run in rows.values() for row in run if row.blocks):
        label = unit
        for letter, run in rows.items():
            for row in (row for row in run if row.unit == unit):
                lines.append(_line(label, letter if row.first else "", gantt.draw_row(row, axes[letter], page.glyphs, order, titles)))
                label = ""
    lines += _axis_lines(TimeAxis(-before_s, after_s, width, 0.0), page.glyphs)
    lines += page.flow(gantt.legend(order, titles, page.glyphs), indent=LABEL_CELLS + _MARK + 2)
    return [*lines, Text("")]


def _windows(pages: Mapping[str, Page]) -> tuple[str, dict[str, Window]] | None:
    """The workload that is worst off in the first run that has one, among those of all runs, and its window in each."""
    shared = [name for name in next(iter(pages.values())).metrics.workloads if all(name in page.metrics.workloads for page in pages.values())]
    worst = [worst_workload(page.result.trace, page.metrics) for page in pages.values() if not page.result.trace.summaries]
    for name in dict.fromkeys([*(name for name in worst if name in shared), *shared]):
        windows = {letter: percentile_window(page.result.trace, page.metrics, str(name)) for letter, page in pages.items()}
        if all(len(page.result.trace.spans) for page in pages.values()) and None not in windows.values():
            return str(name), {letter: window for letter, window in windows.items() if window is not None}
    return None


def _titles(page: Page) -> list[str]:
    return [*gantt.stage_titles(page.result.trace), *state_titles()]


def _rows(page: Page, axis: TimeAxis, titles: Sequence[str]) -> list[gantt.Row]:
    """A run's rows, stages numbered by their titles in all runs."""
    own = [titles.index(title) for title in _titles(page)]
    found = [*gantt.rows(page.result.trace, axis), *radio_rows(page.result.trace, axis)]
    return [replace(row, blocks=tuple(replace(block, stage=own[block.stage]) for block in row.blocks)) for row in found]


def _axis_lines(axis: TimeAxis, glyphs: Glyphs) -> list[Text]:
    from rich.text import Text

    return [Text(" " * (LABEL_CELLS + _MARK + 2) + text, style="dim") for text in axis.lines(glyphs)]


def _line(unit: str, letter: str, cells: Text) -> Text:
    from rich.text import Text

    return Text.assemble((" " + shortened(unit, LABEL_CELLS).ljust(LABEL_CELLS) + " ", "bold"), letter.ljust(_MARK), cells)


def _p99_s(metrics: Metrics, workload: str) -> float:
    latency = metrics.workloads[workload].latency
    assert latency is not None
    return latency.p99_s
