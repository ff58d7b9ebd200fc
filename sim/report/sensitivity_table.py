"""A tornado chart in characters: for every metric the parameters that move it, down to the left of the middle and up to its right."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report.safe_text import printable, shortened
from sim.report.sensitivity_rows import Bar, Measure, MorrisBar, Sensitivity, Tornado
from sim.report.sheet import Sheet

if TYPE_CHECKING:
    from rich.text import Text

_CELL, _KIND, _MARK, _LEAST_BAR, _WIDEST_LABEL = 7, 5, 2, 15, 44
_KINDS = {"datasheet": "sheet", "measured": "meas.", "derived": "deriv", "estimated": "est.", "given": "given"}
_SHAPES = {"one side": "1", "not monotonic": "v", "step": "s"}
_LEGEND = {"1": "answers on one side only", "v": "goes the same way whichever way it is moved", "s": "answers in a step"}
_NOTES = 6  # estimates whose reasoning is told


@dataclass(frozen=True)
class _Grid:
    """Widths of the label, of what a parameter was moved to (0: no such column) and of the bar."""

    label: int
    moved: int
    bar: int


def sensitivity_lines(sheet: Sheet, found: Sensitivity, top: int) -> list[Text]:
    """The whole page; ``top``: bars for each metric."""
    lines = _head(sheet, found)
    for tornado in found.tornados:
        lines += _tornado(sheet, found, tornado, top) if any(_is_visible(tornado.measure, bar) for bar in tornado.bars) else []
    lines += [*_legend(sheet, found, top), *_estimates(sheet, found), *_still(sheet, found)]
    for line in lines:
        line.truncate(sheet.width, overflow="crop")
    return lines


def _head(sheet: Sheet, found: Sensitivity) -> list[Text]:
    from rich.text import Text

    first = Text.assemble((printable(found.scenario, 40), "bold"), f"   {printable(found.device, 60)}   seed {found.seed}")
    how = f"one at a time, {found.by}" if found.method == "oat" else f"Morris screening, {found.trajectories_count} trajectories, {found.by}"
    count = "1 parameter" if found.parameters_count == 1 else f"{found.parameters_count} parameters"
    return [first, *_wrapped(sheet, f"{count} of the device, {how}: {found.runs_count} runs")]


def _tornado(sheet: Sheet, found: Sensitivity, tornado: Tornado, top: int) -> list[Text]:
    from rich.text import Text

    measure = tornado.measure
    title = printable(f"{measure.title}: {measure.base_text}", sheet.width - 8)
    shown = [bar for bar in tornado.bars if _is_visible(measure, bar)][:top]
    grid = _grid(sheet, shown)
    widest = max(_reach(bar) for bar in shown)
    lines = [sheet.heading(title), _header(sheet, grid, found.method)]
    lines += [_line(sheet, grid, measure, bar, widest) for bar in shown]
    rest = len(tornado.bars) - len(shown)
    return [*lines, *([Text(f" and {rest} more that move it less", style="dim")] if rest else [])]


def _is_visible(measure: Measure, bar: Bar | MorrisBar) -> bool:
    """Whether its numbers are more than zeros as they are written."""
    return not measure.change_text(bar.swing).startswith("0")


def _reach(bar: Bar | MorrisBar) -> float:
    return bar.swing if isinstance(bar, Bar) else bar.mu_star + (bar.confidence or 0.0)


def _grid(sheet: Sheet, bars: Sequence[Bar | MorrisBar]) -> _Grid:
    """The label gets what the numbers leave once the bar has its least; what it does not need goes to the bar."""
    moved = max((len(bar.moved) for bar in bars if bar.moved.startswith("x")), default=0)
    fixed = 1 + (1 + _KIND) + 2 * (1 + _CELL) + 1 + (1 + _CELL) + _MARK + (moved + 1 if moved else 0)
    room = sheet.width - fixed
    label = min(max(len(_label(bar, moved)) for bar in bars), _WIDEST_LABEL, max(room - _LEAST_BAR, 16))
    bar = max(room - label, 9)
    return _Grid(label, moved, bar if bar % 2 else bar - 1)


def _label(bar: Bar | MorrisBar, moved: int) -> str:
    """With what a count was moved to, unless that has a column."""
    return f"{bar.label} {bar.moved}" if bar.moved and not moved else bar.label


def _header(sheet: Sheet, grid: _Grid, method: str) -> Text:
    from rich.text import Text

    names = ("down", "up", "elast.") if method == "oat" else ("mu*", "+-", "sigma")
    moved = f" {'moved':<{grid.moved}}" if grid.moved else ""
    text = f" {'':{grid.label}}{moved} {'':{_KIND}} {names[0]:>{_CELL}} {names[1]:>{_CELL}} {'':{grid.bar}} {names[2]:>{_CELL}}"
    return Text(text, style="dim")


def _line(sheet: Sheet, grid: _Grid, measure: Measure, bar: Bar | MorrisBar, widest: float) -> Text:
    from rich.text import Text

    is_loud = bar.kind == "estimated" and measure.matters(bar.swing)
    style = "bold yellow" if is_loud else ""
    line = Text(" ")
    line.append(f"{shortened(_label(bar, grid.moved), grid.label):<{grid.label}}", style=style)
    if grid.moved:
        line.append(f" {bar.moved:<{grid.moved}}", style="dim")
    line.append(f" {'est.!' if is_loud else _KINDS[bar.kind]:<{_KIND}}", style=style or "dim")
    first, second, last, mark = _numbers(measure, bar)
    line.append(f" {first:>{_CELL}} {second:>{_CELL}} ")
    line.append_text(_tornado_bar(sheet, grid.bar, bar, widest))
    line.append(f" {last:>{_CELL}}")
    line.append(f" {mark}" if mark else "")
    return line


def _numbers(measure: Measure, bar: Bar | MorrisBar) -> tuple[str, str, str, str]:
    if isinstance(bar, Bar):
        last = _elasticity(bar.elasticity) if not measure.by_difference else measure.change_text(None if bar.slope is None else bar.slope / 100)
        return measure.change_text(bar.low), measure.change_text(bar.high), last, _mark(measure, bar)
    plain = [measure.change_text(value).removeprefix("+") for value in (bar.mu_star, bar.confidence, bar.sigma)]
    return plain[0], plain[1], plain[2], ""


def _mark(measure: Measure, bar: Bar) -> str:
    """Of an answer that is not plain, where it matters."""
    return _SHAPES.get(bar.shape, "") if measure.matters(bar.swing) else ""


def _elasticity(value: float | None) -> str:
    """Two digits and a sign: ``-0.87``, ``+1.02``, ``0``."""
    if value is None:
        return "-"
    if abs(value) >= 999.5:
        return f"{value:+.0e}"
    return "0" if abs(value) < 0.0005 else f"{value:+.3f}" if abs(value) < 0.0095 else f"{value:+.2f}"


def _tornado_bar(sheet: Sheet, width: int, bar: Bar | MorrisBar, widest: float) -> Text:
    """Left and right of the middle; of a screening from the middle in the direction of ``mu``, its interval behind it."""
    from rich.text import Text

    half = width // 2
    cells = [(" ", "")] * width
    cells[half] = (_middle(sheet), "dim")
    down, up = ("down", sheet.glyphs.fills[2]), ("up", sheet.glyphs.fills[0])
    if isinstance(bar, MorrisBar):
        ends = [(bar.mu_star if bar.mu >= 0 else -bar.mu_star, up)]
    else:  # the shorter one lies over the longer where both go the same way
        ends = sorted(((end, what) for end, what in ((bar.low, down), (bar.high, up)) if end), key=lambda one: -abs(one[0]))
    for end, (direction, glyph) in ends:
        length = max(round(half * abs(end) / widest), 1) if widest else 0
        for index in range(length):
            cells[half + (index + 1) * (1 if end > 0 else -1)] = (glyph, "cyan" if direction == "down" else "magenta")
    text = Text()
    for glyph, style in cells:
        text.append(glyph, style=style)
    return text


def _middle(sheet: Sheet) -> str:
    return "│" if sheet.glyphs.rule != "-" else "|"


def _legend(sheet: Sheet, found: Sensitivity, top: int) -> list[Text]:
    down, up = sheet.glyphs.fills[2], sheet.glyphs.fills[0]
    if found.method != "oat":
        text = (
            "mu*: mean size of the change over the whole range, the bar in the direction of its mean; +- half of its 95 % interval; sigma: how much it varies"
        )
        return _wrapped(sheet, text + " with where the others are")
    marks = {_mark(tornado.measure, bar) for tornado in found.tornados for bar in tornado.bars[:top] if isinstance(bar, Bar)}
    unlike = any(tornado.measure.by_difference for tornado in found.tornados)
    parts = [f"{down} parameter down", f"{up} parameter up", "elast.: % of the metric" + (" (K, points)" if unlike else "") + " per % of the parameter"]
    return _wrapped(sheet, "; ".join([*parts, *(f"{mark} {_LEGEND[mark]}" for mark in _LEGEND if mark in marks)]))


def _estimates(sheet: Sheet, found: Sensitivity) -> list[Text]:
    """Numbers that nobody published and that matter, with the reasoning they rest on."""
    notes: dict[str, str] = {}
    moves: dict[str, list[str]] = {}
    largest: dict[str, float] = {}
    for tornado in found.tornados:
        for bar in tornado.important():
            notes[bar.label] = bar.note
            moves.setdefault(bar.label, []).append(f"{tornado.measure.title} by {tornado.measure.change_text(bar.swing).removeprefix('+')}")
            share = bar.swing / (abs(tornado.measure.base) or 1.0)
            largest[bar.label] = max(largest.get(bar.label, 0.0), share)
    order = sorted(notes, key=lambda label: -largest[label])
    if not order:
        return []
    lines = [sheet.heading("estimated numbers that matter")]
    for label in order[:_NOTES]:
        lines += _wrapped(sheet, f"{printable(label)}: {', '.join(moves[label])}" + (f" ({printable(notes[label])})" if notes[label] else ""), hanging=3)
    rest = len(order) - _NOTES
    return lines + (_wrapped(sheet, f"and {rest} more: {', '.join(order[_NOTES:])}", hanging=3) if rest > 0 else [])


def _still(sheet: Sheet, found: Sensitivity) -> list[Text]:
    lines: list[Text] = []
    unmoved = [
        f"{printable(tornado.measure.title)} ({tornado.measure.base_text})"
        for tornado in found.tornados
        if not any(_is_visible(tornado.measure, bar) for bar in tornado.bars)
    ]
    lines += _wrapped(sheet, f"nothing moves {', '.join(unmoved)}", hanging=3) if unmoved else []
    if found.still:
        lines += _wrapped(sheet, f"move nothing ({len(found.still)}): {', '.join(map(printable, found.still))}", style="dim", hanging=3)
    for label, why in found.problems:
        lines += _wrapped(sheet, f"{printable(label)}: {printable(why)}", style="red", hanging=3)
    for why in found.left_out:
        lines += _wrapped(sheet, printable(why), style="dim", hanging=3)
    return lines


def _wrapped(sheet: Sheet, text: str, style: str = "", hanging: int = 1) -> list[Text]:
    from rich.text import Text

    return [Text(piece, style=style) for piece in textwrap.wrap(text, sheet.width, initial_indent=" ", subsequent_indent=" " * hanging, break_on_hyphens=False)]
