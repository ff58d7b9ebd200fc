"""The section of a report that shows what ran when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report import gantt
from sim.report.numbers import seconds
from sim.report.page import Page
from sim.report.radio_rows import radio_label, radio_rows, state_titles
from sim.report.radio_section import time_text
from sim.report.safe_text import shortened
from sim.report.time_axis import TimeAxis
from sim.report.unit_metrics import UnitMetrics
from sim.report.window import Window

if TYPE_CHECKING:
    from rich.text import Text

LABEL_CELLS = 11


def timeline(page: Page, window: Window | None) -> list[Text]:
    """Heading, a line per unit with its utilisation and bound, one per radio with the time it transfers and that of its tail, the time axis, and a legend."""
    from rich.text import Text

    trace, glyphs = page.result.trace, page.glyphs
    if window is None or not (len(trace.spans) or len(trace.radio_phases)):
        return [
            page.heading("timeline"),
            Text("  no spans to show" + ("" if page.result.scenario.trace == "full" else f" (trace: {page.result.scenario.trace} keeps none)")),
            *_without_chart(page),
        ]
    right = {name: _right(unit) for name, unit in page.metrics.units.items()}
    right |= {radio_label(trace, name): time_text(radio, page.metrics.simulated_s) for name, radio in page.metrics.radios.items()}
    right_cells = max((len(text) for text in right.values()), default=0) + 2
    axis = TimeAxis(window.from_s, window.to_s, page.width - LABEL_CELLS - 2 - right_cells, window.origin_s)
    chart = [*gantt.rows(trace, axis), *radio_rows(trace, axis)]
    titles = [*gantt.stage_titles(trace), *state_titles()]
    order = gantt.stages_shown(chart)
    lines = [page.heading(window.title)]
    lines.append(_line("requests", gantt.draw_requests(trace, axis, glyphs), ""))
    for row in chart:
        label, bound = (row.unit, right.get(row.unit, "")) if row.first else ("", "")
        lines.append(_line(label, gantt.draw_row(row, axis, glyphs, order, titles), bound))
    rule, labels = axis.lines(glyphs)
    lines.append(Text(" " * (LABEL_CELLS + 2) + rule, style="dim"))
    lines.append(Text(" " * (LABEL_CELLS + 2) + labels, style="dim"))
    marks = Text.assemble((glyphs.arrival, "dim"), " arrival  ", (glyphs.answered, "dim"), " answer  ", (glyphs.missed, "bold red"), " late or dropped")
    return lines + page.flow([*gantt.legend(order, titles, glyphs), marks], indent=LABEL_CELLS + 2)


def _line(label: str, cells: Text, right: str) -> Text:
    from rich.text import Text

    line = Text.assemble((" " + shortened(label, LABEL_CELLS).ljust(LABEL_CELLS) + " ", "bold"), cells, "  " + right)
    line.rstrip()
    return line


def _right(unit: UnitMetrics) -> str:
    share = f"{100 * unit.utilisation_ratio:3.0f} %"
    return share if unit.bound in ("idle", "unknown") else f"{share}  {unit.bound}-bound"


def _without_chart(page: Page) -> list[Text]:
    from rich.text import Text

    return [
        Text(f" {shortened(name, LABEL_CELLS).ljust(LABEL_CELLS)} busy {seconds(unit.busy_s)}, {_right(unit).strip()}")
        for name, unit in page.metrics.units.items()
    ]
