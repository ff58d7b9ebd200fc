"""The page of a sweep: how much of it there is, the best of each metric, the Pareto front, and what each axis does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.report.budgets import format_value
from sim.report.flat_metrics import Quantity
from sim.report.glyphs import Glyphs
from sim.report.numbers import count, percent, seconds
from sim.report.results_cells import short_names
from sim.report.safe_text import printable, shortened
from sim.report.sheet import StudySheet
from sim.report.sweep_rows import Effect, Setting, SweepSummary

if TYPE_CHECKING:
    from rich.text import Text

_FRONT = 12  # rows shown
_BAR = 8  # cells of the bar of an effect
_LEAST = 0.005  # a smaller share of the variance is nothing
_PROBLEMS = 5


def sweep_lines(summary: SweepSummary, width: int, glyphs: Glyphs) -> list[Text]:
    """All lines, none longer than ``width``."""
    page = StudySheet(width, glyphs)
    lines = [*totals_lines(summary, width, glyphs), *_problem_lines(summary, page)]
    if summary.settings_count:
        lines += [*_best_lines(summary, page), *_front_lines(summary, page), *_effect_lines(summary, page)]
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines


def totals_lines(summary: SweepSummary, width: int, glyphs: Glyphs) -> list[Text]:
    """What was swept, how many points have ended, how fast."""
    from rich.text import Text

    page = StudySheet(width, glyphs)
    head = [Text(printable(summary.name, 40), style="bold"), Text(printable(summary.device, 60)), Text(f"{summary.count:,} points of {_axes(summary)}")]
    facts = [f"{summary.done:,} done"]
    facts += [f"{summary.mistakes_count:,} without a result: mistakes" if summary.mistakes_count else ""]
    facts += [f"{summary.failed_count:,} given up" if summary.failed_count else ""]
    facts += [f"{summary.missing:,} still to run" if summary.missing else ""]
    facts += [f"{summary.before_count:,} of them earlier" if summary.before_count else ""]
    if summary.ran_count and summary.elapsed_s > 0:
        facts.append(f"{count(summary.ran_count / summary.elapsed_s)}/s in {seconds(summary.elapsed_s)}")
    facts += [f"{summary.lost_workers_count} workers died and were replaced" if summary.lost_workers_count else ""]
    return [*page.flow(head, indent=0), *page.flow([Text(fact) for fact in facts if fact])]


def _axes(summary: SweepSummary) -> str:
    names = ", ".join(short_names(summary.axes))
    return names + (f", {summary.replications_count} seeds each" if summary.replications_count > 1 else "")


def _problem_lines(summary: SweepSummary, page: StudySheet) -> list[Text]:
    from rich.text import Text

    if not summary.problems:
        return []
    lines = [page.heading("points without a result")]
    for what, points in summary.problems[:_PROBLEMS]:
        lines += page.wrapped(f"{points:,}", printable(what, 400), 8)
    more = len(summary.problems) - _PROBLEMS
    return lines + ([Text(f"        and {more} other reasons", style="dim")] if more > 0 else [])


def _best_lines(summary: SweepSummary, page: StudySheet) -> list[Text]:
    valid = f"of {summary.valid_count:,} of {summary.settings_count:,} settings that hold every budget"
    title = f"best {valid if summary.valid_count else 'of all settings (none holds every budget)'}"
    if not summary.best:
        return [page.heading(title), *page.facts("", ["every setting gives the same"], 2)]
    rows = [[best.quantity.title, _value(best.quantity, best.setting), *_changes(summary, best.setting)] for best in summary.best]
    return [page.heading(title), *_table(["", "best", *_names(summary)], rows, page, right=1)]


def _front_lines(summary: SweepSummary, page: StudySheet) -> list[Text]:
    from rich.text import Text

    if len(summary.objectives) < 2 or not summary.front:
        return []
    wanted = ", ".join(one.title for one in summary.objectives)
    shown = _spread(summary.front)
    rows = [[*(_value(one, setting) for one in summary.objectives), *_changes(summary, setting)] for setting in shown]
    lines = [page.heading(f"Pareto front of {wanted}: {len(summary.front):,} setting{'s' if len(summary.front) > 1 else ''}")]
    lines += _table([*(one.title for one in summary.objectives), *_names(summary)], rows, page, right=len(summary.objectives) - 1, first_right=0)
    hidden = len(summary.front) - len(shown)
    return lines + ([Text(f" and {hidden:,} between them (--json has all)", style="dim")] if hidden else [])


def _spread(front: Sequence[Setting]) -> list[Setting]:
    """Both ends and some evenly between."""
    if len(front) <= _FRONT:
        return list(front)
    step = (len(front) - 1) / (_FRONT - 1)
    return [front[round(index * step)] for index in range(_FRONT)]


def _effect_lines(summary: SweepSummary, page: StudySheet) -> list[Text]:
    """A row for each axis, a cell for each quantity: the share of its variance that the axis explains, and which way."""
    from rich.text import Text

    quantities = [best.quantity for best in summary.best]
    rows = []
    for axis, name in zip(summary.axes, short_names(summary.axes), strict=True):
        effects = {one.quantity.name: one for one in summary.effects if one.axis == axis}
        if effects:
            rows.append([name, *(_effect_cell(effects.get(one.name), page.glyphs) for one in quantities)])
    if not rows or len(summary.axes) < 2:
        return []
    if summary.rest_ratio:
        rows.append(["together", *(_share(summary.rest_ratio.get(one.name, 0.0)) for one in quantities)])
    lines = [page.heading("what each axis does: its share of the variance, and which way")]
    heads = ["", *(one.title for one in quantities)]
    room = max((page.width - 2 - max(len(row[0]) for row in rows)) // 12, 1)
    for low in range(1, len(heads), room):
        lines += _table([heads[0], *heads[low : low + room]], [[row[0], *row[low : low + room]] for row in rows], page, right=room)
    notes = ["up: more of the axis, more of the metric", *(["together: axes acting on each other, and chance"] if summary.rest_ratio else [])]
    return lines + page.flow([Text(note, style="dim") for note in notes])


def _effect_cell(effect: Effect | None, glyphs: Glyphs) -> str:
    if effect is None:
        return "-"
    way = {True: " up", False: " down", None: ""}[effect.rises] if effect.share_ratio >= _LEAST else ""
    return _share(effect.share_ratio) + way


def _share(ratio: float) -> str:
    return percent(ratio, 2) if ratio >= _LEAST else "0"


def _names(summary: SweepSummary) -> list[str]:
    return short_names(summary.axes)


def _changes(summary: SweepSummary, setting: Setting) -> list[str]:
    return [_written(setting.changes.get(axis)) for axis in summary.axes]


def _written(value: Any) -> str:
    return printable("-" if value is None else str(value), 60)


def _value(quantity: Quantity, setting: Setting) -> str:
    value = setting.values.get(quantity.field)
    if value is None:
        return "unknown"
    half = setting.half_intervals.get(quantity.field)
    text = format_value(value, quantity.dimension)
    if half is None or not half or half < 5e-4 * abs(value):
        return text
    return f"{text} ±{percent(half / abs(value), 2)}" if value else text


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], page: StudySheet, right: int, first_right: int = 1) -> list[Text]:
    """Columns ``first_right`` to ``right`` are numbers, aligned to the right; long texts give way, the widest first."""
    from rich.text import Text

    columns = [[head, *(row[index] for row in rows)] for index, head in enumerate(heads)]
    widths = [max(len(cell) for cell in column) for column in columns]
    while sum(widths) + 2 * len(widths) > page.width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for number, cells in enumerate([heads, *rows]):
        line = Text(" ")
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            text = shortened(cell, width)
            line.append((text.rjust(width) if first_right <= index <= right else text.ljust(width)) + "  ", style="bold" if not number else "")
        line.rstrip()
        lines.append(line)
    return lines
