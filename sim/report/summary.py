"""The report on screen: what ran, the verdict, the timeline, and the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.residuals import LEVEL
from device_models.units import format_quantity
from sim.report.adaptive_section import adaptive_lines
from sim.report.batching_section import batching_lines
from sim.report.battery_section import ended_lines
from sim.report.budgets import RUNAWAY, Verdict, is_valid
from sim.report.device_section import energy_lines, state_lines
from sim.report.drift_section import drift_lines
from sim.report.findings_section import finding_lines
from sim.report.generation_section import generation_lines
from sim.report.heat_section import runaway_lines
from sim.report.loadgen_section import loadgen_lines
from sim.report.model_section import accuracy_lines, model_lines, regime_lines
from sim.report.numbers import count, percent, seconds, three_digits
from sim.report.page import Page
from sim.report.request_section import request_lines
from sim.report.safe_text import printable, shortened
from sim.report.sheet import Sheet
from sim.report.spiking_section import spiking_lines
from sim.report.timeline import timeline
from sim.report.window import Window

if TYPE_CHECKING:
    from rich.text import Text


def summary(page: Page, window: Window | None, cpu_s: float | None = None) -> list[Text]:
    """All lines of the report, none longer than the page. ``cpu_s``: what the simulation cost, for the header only."""
    lines = [*header_lines(page, cpu_s), *verdict_lines(page), *ended_lines(page), *runaway_lines(page), *timeline(page, window), *state_lines(page)]
    lines += [
        *drift_lines(page),
        *request_lines(page),
        *loadgen_lines(page),
        *batching_lines(page),
        *generation_lines(page),
        *adaptive_lines(page),
        *energy_lines(page),
        *model_lines(page),
        *spiking_lines(page),
        *accuracy_lines(page),
        *regime_lines(page),
        *finding_lines(page),
    ]
    for line in lines:
        line.truncate(page.width, overflow="crop")
    return lines


def header_lines(page: Page, cpu_s: float | None) -> list[Text]:
    """Scenario, device, ambient, seed; simulated time, its cost, operators."""
    from rich.text import Text

    scenario, device = page.result.scenario, page.result.device
    ambient_c = float(device.default_ambient_c if scenario.ambient_c is None else scenario.ambient_c)
    left = Text.assemble((printable(scenario.name, 40), "bold"), f"   {printable(device.title, 60)}   {ambient_c:g} degC   seed {page.result.seed}")
    right = Text(f"{seconds(page.metrics.simulated_s)} simulated")
    if cpu_s:
        right.append(f" in {format_quantity(cpu_s, 'time', 2)} of CPU ({page.glyphs.times}{three_digits(page.metrics.simulated_s / cpu_s)})")
    if page.metrics.operators_count is not None:
        right.append(f", {count(page.metrics.operators_count)} operators")
    room = page.width - left.cell_len - right.cell_len
    if room < 3:
        return [left, right]
    left.append(" " * room)
    return [left.append_text(right)]


def verdict_lines(page: Sheet) -> list[Text]:
    """Budgets that are not held, one a line and why; then those that are."""
    from rich.text import Text

    if not page.verdicts:
        return [Text.assemble((" VALID ", "bold black on green"), "  no budgets to judge by")]
    failed = [verdict for verdict in page.verdicts if not verdict.ok]
    word = Text(" VALID ", style="bold black on green") if is_valid(page.verdicts) else Text(" INVALID ", style="bold white on red")
    budgets = [verdict for verdict in page.verdicts if verdict.name != RUNAWAY]
    held_text = f"  {sum(verdict.ok for verdict in budgets)} of {len(budgets)} budgets held" if budgets else "  no budgets to judge by"
    if any(verdict.interval_text for verdict in page.verdicts):
        held_text += f"   (in brackets: {percent(LEVEL)} intervals)"
    lines = [word.append(Text(held_text, style="not bold default on default"))]
    titles = max((len(_title(verdict)) for verdict in failed), default=0)
    for verdict, before in zip(failed, ["", *(verdict.detail for verdict in failed)], strict=False):
        # what several budgets fail of is said once
        lines += _failed_lines(verdict, page, titles, "" if verdict.detail == before else verdict.detail)
    held = [verdict for verdict in page.verdicts if verdict.ok]
    titles = max((len(_title(verdict)) for verdict in held), default=0)
    cells = [Text.assemble(("ok ", "green"), _judged(verdict, page, titles)) for verdict in held]
    return lines + page.columns(cells, max((cell.cell_len for cell in cells), default=0) + 3)


def _failed_lines(verdict: Verdict, page: Sheet, title_cells: int, detail: str) -> list[Text]:
    from rich.text import Text

    line = Text.assemble((" FAIL ", "bold red"), _judged(verdict, page, title_cells))
    detail = printable(detail, 1000)
    if not detail:
        return [line]
    if line.cell_len + 3 + len(detail) <= page.width:
        return [line.append("   " + detail, style="red")]
    return [line, *page.wrapped("", detail, 6, "red")]


def _title(verdict: Verdict) -> str:
    return f"{verdict.title} ({shortened(verdict.workload, 16)})" if verdict.workload else verdict.title


def _judged(verdict: Verdict, page: Sheet, title_cells: int) -> str:
    band, word = verdict.interval_text, ""
    if verdict.likelihood:  # always of holding the budget, whatever the sign before the limit says
        word = f": {verdict.likelihood}" if verdict.ok else f" (to hold: {verdict.likelihood})"
    value = f"{verdict.value_text:>9}{' ' if band else ''}{band}"
    return f"{_title(verdict).ljust(title_cells)}  {value} {_relation(verdict, page)} {verdict.limit_text}{word}"


def _relation(verdict: Verdict, page: Sheet) -> str:
    """How the value stands to its limit: what is written is true of every budget, held or not."""
    if verdict.ok or verdict.value is None:
        return page.glyphs.at_least if verdict.at_least else page.glyphs.at_most
    return "<" if verdict.at_least else ">"
