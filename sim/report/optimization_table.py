"""The table of a search: baseline, step after step, every quantity with its change, the budgets each row holds, and why a step was kept."""

from __future__ import annotations

import string
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.budgets import Verdict
from sim.report.numbers import percent, seconds, three_digits
from sim.report.optimization_metrics import COLUMNS, Column, ModelProfile, RunMeasures, budget_title, value_text
from sim.report.optimization_rows import BudgetKey, Optimization, Row, budgets_of, is_idle, reason, trades_of
from sim.report.safe_text import printable, shortened
from sim.report.sheet import Sheet

if TYPE_CHECKING:
    from rich.text import Text

NOTE = 120  # characters of what is known of an accuracy
NUMBER, LABEL = 3, 34  # columns of a row's number, and of its name where that stands beside the numbers
_MARKS = {"baseline": " ", "kept": "+", "rejected": "x", "beaten": "x", "accuracy unknown": "!", "accuracy falls": "!", "skipped": "-"}
_STYLES = {"kept": "bold", "baseline": "bold", "skipped": "dim"}
_LETTERS = string.ascii_lowercase + string.ascii_uppercase


@dataclass(frozen=True)
class _Scale:
    """A column's unit, and what one of it is in SI."""

    column: Column
    unit: str
    size: float

    def text(self, measures: RunMeasures) -> str:
        """The value of a row in the column's unit."""
        value = measures.values[self.column.name]
        if value is None:
            is_unknown = self.column.name == "accuracy" and any(one.value is None for one in measures.accuracies.values())
            return "unknown" if is_unknown else "-"
        scaled = value / self.size
        return three_digits(scaled) if abs(scaled) < 1e5 else f"{scaled:.2g}"

    def change(self, measures: RunMeasures, baseline: RunMeasures) -> str:
        """As it fits a cell: ``-12%``, ``+1.3K``, ``-0.4pt``."""
        return self.column.change_text(measures.values[self.column.name], baseline.values[self.column.name]).replace(" ", "")


@dataclass(frozen=True)
class _Grid:
    """Columns with their widths, and where the first begins. ``is_wide``: a row's name stands beside its numbers."""

    scales: tuple[_Scale, ...]
    widths: tuple[int, ...]
    margin: int
    is_wide: bool
    budgets: dict[BudgetKey, Verdict]

    def line(self, texts: Sequence[str], styles: Sequence[str] | None = None) -> Text:
        """A line of cells behind the margin."""
        from rich.text import Text

        line = Text(" " * self.margin)
        for text, width, style in zip(texts, self.widths, styles or [""] * len(texts), strict=True):
            line.append(" " * max(width - len(text), 1))
            line.append(text, style=style)
        return line


def optimization_lines(sheet: Sheet, found: Optimization, shown: Sequence[Row] | None = None) -> list[Text]:
    """The whole page. ``shown``: the rows of the table, all if None."""
    from rich.text import Text

    rows = found.rows if shown is None else shown
    lines = [*_head(sheet, found), Text(), *_budget_lines(sheet, found), *_table(sheet, found, rows), *_legend(sheet, found, rows), *winner_lines(sheet, found)]
    for line in lines:
        line.truncate(sheet.width, overflow="crop")
    return lines


def _head(sheet: Sheet, found: Optimization) -> list[Text]:
    from rich.text import Text

    first = Text.assemble((printable(found.scenario, 40), "bold"), f"   {printable(found.device, 60)}   seed {found.seed}")
    drop = "as far as its budget allows" if found.accuracy_drop is None else f"by at most {_points(found.accuracy_drop)} where it is known"
    what = (
        f"{', '.join(found.models)}: hold the budgets, then {'more' if found.column.higher_is_better else 'less'} {found.column.title}; accuracy falls {drop}"
    )
    lines = [first, *_wrapped(sheet, printable(what), 0)]
    lines += [line for name, profile in found.baseline.profiles.items() for line in _wrapped(sheet, _profile_text(name, profile), 0)]
    reasons = dict.fromkeys(found.untouched.values())
    for why in reasons:
        names = [name for name, other in found.untouched.items() if other == why]
        lines += _wrapped(sheet, f"left as {'it is' if len(names) == 1 else 'they are'} ({why}): {', '.join(names)}", 0)
    return lines


def _profile_text(name: str, profile: ModelProfile) -> str:
    """Where one inference of the baseline spends its time."""
    shares = sorted(profile.units_s.items(), key=lambda one: -one[1])
    units = ", ".join(f"{unit} {percent(taken_s / profile.alone_s, 2)}" for unit, taken_s in shares if profile.alone_s)
    fallen = f"; {profile.fallback_kernels_count} of {profile.kernels_count} kernels not where they were wanted" if profile.fallback_kernels_count else ""
    return f"{name} at first: {seconds(profile.alone_s)} an inference, {units}{fallen}"


def _points(share: float) -> str:
    return f"{100 * share:.2g} point{'' if round(100 * share, 2) == 1 else 's'}"


def _budget_lines(sheet: Sheet, found: Optimization) -> list[Text]:
    """The letters of the budgets."""
    from rich.text import Text

    known = budgets_of(found.rows)
    if not known:
        return [Text(" no budgets to judge by"), Text()]
    items = []
    for letter, verdict in zip(_LETTERS, known.values(), strict=False):
        sign = sheet.glyphs.at_least if verdict.at_least else sheet.glyphs.at_most
        items.append(Text.assemble((letter, "bold"), f" {printable(budget_title(verdict), 40)} {sign} {verdict.limit_text}"))
    return [*sheet.flow(items), Text()]


def _table(sheet: Sheet, found: Optimization, rows: Sequence[Row]) -> list[Text]:
    grid = _grid(sheet, found, rows)
    lines = _header(grid)
    groups = groupby(rows, lambda row: row.base + 1 if is_idle(found, row) else 0)
    for changes_nothing, group in [(key, [*group]) for key, group in groups]:
        lines += _idle(sheet, found, group) if changes_nothing else _rows(sheet, found, group, grid)
    return lines


def _rows(sheet: Sheet, found: Optimization, rows: Iterable[Row], grid: _Grid) -> list[Text]:
    return [line for row in rows for line in _row(sheet, found, row, grid)]


def _idle(sheet: Sheet, found: Optimization, rows: Sequence[Row]) -> list[Text]:
    """Rows one after the other that change nothing, in one."""
    from rich.text import Text

    numbers = f"{rows[0].number}-{rows[-1].number}" if len(rows) > 1 else str(rows[0].number)
    name = f"{numbers:>{NUMBER}} {_MARKS[rows[0].fate]}  "
    first, *more = _wrapped(sheet, "; ".join(row.label for row in rows), max(len(name), NUMBER + 4))
    return [Text(name).append_text(first[len(name) :]), *more, *_wrapped(sheet, reason(found, rows[0]), NUMBER + 4, "dim")]


def _grid(sheet: Sheet, found: Optimization, rows: Sequence[Row]) -> _Grid:
    """The columns of which something is known, each with the unit that suits its baseline."""
    ran = [row.measures for row in rows if row.measures is not None]
    kept = [column for column in COLUMNS if column.name == "accuracy" or any(one.values[column.name] is not None for one in ran)]
    scales = tuple(_scale(column, [one.values[column.name] for one in ran]) for column in kept)
    widths = []
    for scale in scales:
        cells = [*scale.column.short, scale.unit, *(scale.text(one) for one in ran), *(scale.change(one, found.baseline) for one in ran)]
        widths.append(max(map(len, cells)) + 1)
    budgets = budgets_of(found.rows)
    held = max(len(budgets), len("budgets")) + 2 if budgets else 0
    is_wide = sheet.width >= LABEL + sum(widths) + held
    spare = (sheet.width - sum(widths) - (LABEL + held if is_wide else NUMBER)) // max(len(widths), 1)
    widths = [width + min(max(spare, 0), 1) for width in widths]
    margin = sheet.width - sum(widths) - held if is_wide else max(min(sheet.width - sum(widths), NUMBER), 0)
    return _Grid(scales, tuple(widths), margin, is_wide, budgets)


def _scale(column: Column, values: Sequence[float | None]) -> _Scale:
    known = [value for value in values if value]
    if column.dimension in ("ratio", "accuracy"):
        return _Scale(column, "%", 0.01)
    if column.dimension == "temperature":
        return _Scale(column, "degC", 1.0)
    if column.dimension == "rate":
        slow = bool(known) and known[0] < 0.5
        return _Scale(column, "/h" if slow else "/s", 1 / 3600 if slow else 1.0)
    if not known:
        return _Scale(column, format_quantity(0.0, column.dimension).split()[-1], 1.0)
    number, unit = format_quantity(known[0], column.dimension, 6).split()
    return _Scale(column, unit, known[0] / float(number))


def _header(grid: _Grid) -> list[Text]:
    """Two lines of names and one of units above the numbers."""
    lines = [
        grid.line([scale.column.short[0] for scale in grid.scales]),
        grid.line([scale.column.short[1] for scale in grid.scales]),
        grid.line([scale.unit for scale in grid.scales]),
    ]
    if grid.is_wide and grid.budgets:
        lines[1].append("  budgets")
    for line in lines:
        line.stylize("dim")
    return lines


def _row(sheet: Sheet, found: Optimization, row: Row, grid: _Grid) -> list[Text]:
    """Name, budgets, numbers, changes, and why."""
    from rich.text import Text

    star = "*" if trades_of(found, row)[1] else " "
    name, style = f"{row.number:>{NUMBER}} {_MARKS[row.fate]}{star} ", _STYLES.get(row.fate, "")
    indent = len(name)
    if row.measures is None:
        first = Text.assemble((name, style), (shortened(row.label, sheet.width - indent), style))
        return [first, *_wrapped(sheet, reason(found, row, NOTE), indent, "dim")]
    held = _held(row.measures, grid.budgets)
    values = _values(row.measures, grid)
    room = (grid.margin if grid.is_wide else sheet.width - held.cell_len - 2) - indent
    label = Text.assemble((name, style), (shortened(row.label, room), style))
    if grid.is_wide:
        label.pad_right(max(grid.margin - label.cell_len, 0))
        lines = [label.append_text(values[grid.margin :]).append("  ").append_text(held)]
    else:
        label.pad_right(max(sheet.width - held.cell_len - label.cell_len, 0))
        lines = [label.append_text(held), values]
    if row.fate == "baseline":
        return lines
    return [*lines, _changes(row.measures, found.baseline, grid), *_wrapped(sheet, reason(found, row, NOTE), indent, "dim")]


def _values(measures: RunMeasures, grid: _Grid) -> Text:
    styles = ["red" if _breaks(measures, scale.column) else "" for scale in grid.scales]
    return grid.line([scale.text(measures) for scale in grid.scales], styles)


_OF_BUDGETS = {
    "latency_p50_s": "latency_p50", "latency_p99_s": "latency_p99", "energy_per_inference_j": "energy", "power_w": "power", "memory_bytes": "memory",
    "storage_bytes": "storage", "accuracy": "accuracy", "throughput_hz": "throughput", "miss_rate": "miss_rate", "skin_temperature_c": "skin_temperature",
}  # fmt: skip


def _breaks(measures: RunMeasures, column: Column) -> bool:
    """Whether a budget of this quantity is not held."""
    return any(not verdict.ok and _OF_BUDGETS.get(verdict.name) == column.name for verdict in measures.budgets)


def _changes(measures: RunMeasures, baseline: RunMeasures, grid: _Grid) -> Text:
    styles = []
    for scale in grid.scales:
        is_better = scale.column.is_better(measures.values[scale.column.name], baseline.values[scale.column.name])
        styles.append("dim" if is_better is None else "green" if is_better else "red")
    return grid.line([scale.change(measures, baseline) for scale in grid.scales], styles)


def _held(measures: RunMeasures, budgets: dict[BudgetKey, Verdict]) -> Text:
    """A letter for each budget that is held, a dash for each that is not, a question mark where nobody knows."""
    from rich.text import Text

    own = {(verdict.name, verdict.workload): verdict for verdict in measures.budgets}
    line = Text()
    for letter, key in zip(_LETTERS, budgets, strict=False):
        verdict = own.get(key)
        if verdict is None or verdict.ok:
            line.append(letter, style="green")
        else:
            line.append("?" if verdict.value is None else "-", style="red")
    return line


def _legend(sheet: Sheet, found: Optimization, rows: Sequence[Row]) -> list[Text]:
    """What the marks mean, and what is not shown."""
    fates = {row.fate for row in rows}
    parts = ["+ kept"] if "kept" in fates else []
    parts += ["x not kept"] if fates & {"rejected", "beaten"} else []
    parts += ["! not accepted for its accuracy"] if fates & {"accuracy unknown", "accuracy falls"} else []
    parts += ["- not possible"] if "skipped" in fates else []
    parts += ["* one quantity at the expense of another"] if any(trades_of(found, row)[1] for row in rows) else []
    lines = [f"second line: change against the baseline; {'; '.join(parts)}"] if len(rows) > 1 else []
    if budgets_of(found.rows):
        lines.append("budgets: a letter is held, - is not, ? nobody knows")
    hidden = len(found.rows) - len(rows)
    runs = f"{found.search}: {found.runs_count} combinations tried" + (f" in {found.rounds_count} rounds" if found.rounds_count > 1 else "")
    lines.append(runs + (f", {hidden} of them not shown (--json FILE has all)" if hidden else ""))
    return [line for text in lines for line in _wrapped(sheet, text, 1, "dim")]


def winner_lines(sheet: Sheet, found: Optimization) -> list[Text]:
    from rich.text import Text

    """The winner against the baseline."""
    best, baseline = found.best, found.baseline
    lines = [
        sheet.heading("winner"),
        *_wrapped(sheet, printable("; ".join(found.techniques) or "the scenario as it stands: nothing that was tried is better"), 1, "bold"),
    ]
    if best.budgets:
        held = sum(verdict.ok for verdict in best.budgets)
        before = sum(verdict.ok for verdict in baseline.budgets)
        word = Text(" VALID ", "bold black on green") if held == len(best.budgets) else Text(" INVALID ", "bold white on red")
        lines.append(Text.assemble(" ", word, f"  {held} of {len(best.budgets)} budgets held, baseline {before} of {len(baseline.budgets)}"))
    column = found.column
    items = [_from_to(sheet, column, best, baseline)]
    items += [
        _from_to(sheet, other, best, baseline)
        for other in COLUMNS
        if other != column and other.is_better(best.values[other.name], baseline.values[other.name]) is not None
    ]
    lines += sheet.flow(items)
    lines += _accuracy_lines(sheet, found)
    return lines


def _from_to(sheet: Sheet, column: Column, new: RunMeasures, old: RunMeasures) -> Text:
    from rich.text import Text

    values = old.values[column.name], new.values[column.name]
    change = column.change_text(values[1], values[0])
    shown = "unchanged" if change == "=" else f"{value_text(column, values[0])} to {value_text(column, values[1])} ({change})"
    is_better = column.is_better(values[1], values[0])
    return Text.assemble(f"{column.title} ", (shown, "" if is_better is None else "green" if is_better else "red"))


def _accuracy_lines(sheet: Sheet, found: Optimization) -> list[Text]:
    """Each model's accuracy, and where it comes from."""
    lines = []
    for name, now in found.best.accuracies.items():
        was = found.baseline.accuracies.get(name)
        changed = "" if was is None or (was.value, was.note) == (now.value, now.note) else f"{was.text} to "
        source = now.source if now.value is not None else now.note
        loud = now.value is None and ((was is not None and was.value is not None) or name.partition("@")[0] in found.recomputes)
        text = f"accuracy of {name}: {changed}{now.text}" + (f" ({source})" if source else "")
        text += "; what was done to it may have cost any amount" if loud and not changed else ""
        lines += _wrapped(sheet, printable(text), 1, "bold red" if loud else "")
    return lines


def _wrapped(sheet: Sheet, text: str, indent: int, style: str = "") -> list[Text]:
    """Over as many lines as it takes; a text that begins with blanks keeps them."""
    from rich.text import Text

    return [Text(" " * indent + piece, style=style) for piece in textwrap.wrap(printable(text), max(sheet.width - indent, 20)) or [""]]
