"""The page of a search: the Pareto front with what was chosen, the knee, two objectives against each other, and what each decision is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.report.glyphs import Glyphs
from sim.report.numbers import percent
from sim.report.quantities import unit_of
from sim.report.results_cells import cell, short_names
from sim.report.safe_text import printable, shortened
from sim.report.search_rows import SearchRow, SearchSummary
from sim.report.search_scatter import Mark, scatter
from sim.report.sheet import StudySheet

if TYPE_CHECKING:
    from rich.text import Text

_FRONT = 15  # rows shown
_PROBLEMS = 4
_LEAST = 0.01  # a smaller share of the variance is nothing
_WIDEST = 44  # cells of a choice
_LEAST_COLUMN = 7  # cells of a choice where there are many


def search_lines(found: SearchSummary, width: int, glyphs: Glyphs) -> list[Text]:
    """All lines, none longer than ``width``."""
    sheet = StudySheet(width, glyphs)
    lines = [*_head(found, sheet), *_front(found, sheet), *_picture(found, sheet), *_importances(found, sheet), *_notes(found, sheet)]
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines


def front_lines(found: SearchSummary, width: int, glyphs: Glyphs) -> list[Text]:
    """The front alone."""
    lines = _front(found, StudySheet(width, glyphs))
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines


def value_text(metric: str, value: float | None) -> str:
    """For people; shares as percentages."""
    if value is None:
        return "unknown"
    return percent(value) if metric.endswith("_ratio") or metric == "accuracy" else cell(metric, value)


def choice_text(value: Any) -> str:
    """A choice as short as it can be told: of mappings the values, lists of numbers without commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(choice_text(inner) for inner in value.values())
    if isinstance(value, list):
        return " ".join(choice_text(inner) for inner in value)
    return json.dumps(value)


def choice_labels(values: Sequence[Any]) -> dict[str, str]:
    """A short text for each of some choices, by its JSON: of mappings the first number or name in them that tells all of them apart."""
    keys = [_key(value) for value in values]
    texts = [choice_text(value) for value in values]
    leaves = [dict(_leaves(value, "")) for value in values]
    for path in leaves[0] if leaves and all(isinstance(value, dict) for value in values) else ():
        told = [leaf.get(path) for leaf in leaves]
        if None not in told and len(set(told)) == len(set(keys)):
            return dict(zip(keys, map(str, told), strict=True))
    return dict(zip(keys, texts, strict=True))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    else:
        yield path, choice_text(value)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _head(found: SearchSummary, sheet: StudySheet) -> list[Text]:
    from rich.text import Text

    first = [Text(printable(found.name, 40), style="bold"), Text(printable(found.device, 60)), Text(f"{found.combinations_count:,} combinations")]
    facts = [f"{len(found.rows):,} trials by {found.sampler}, seed {found.seed}", f"{found.feasible_count:,} hold everything"]
    facts += [f"{found.earlier_count:,} run earlier" if found.earlier_count else ""]
    facts += [f"{found.repeats_count:,} proposals made before, not run again" if found.repeats_count else ""]
    facts += ["every combination tried" if found.is_exhausted else ""]
    facts += [f"{(len(found.rows) - found.earlier_count) / found.elapsed_s:.0f}/s" if found.elapsed_s > 0 and len(found.rows) > found.earlier_count else ""]
    lines = [*sheet.flow(first, indent=0), *sheet.flow([Text(fact) for fact in facts if fact])]
    held = [*found.constraints, *(["budgets"] if found.has_budgets else [])]
    lines += sheet.facts("has to hold", [f"{text}: {_not_by(found.violated.get(text, 0))}" for text in held], 15) if held else []
    others = [f"{what}: {count} trials" for what, count in found.violated.items() if what not in held]
    return lines + (sheet.facts("ruled out", others, 15) if others else [])


def _not_by(count: int) -> str:
    return "by all" if not count else f"not by {count}"


def _front(found: SearchSummary, sheet: StudySheet) -> list[Text]:
    from rich.text import Text

    if not found.front:
        return [sheet.heading("nothing found"), Text(" no trial holds everything that has to hold; the nearest:"), *_table(found, _nearest(found), sheet)]
    goals = ", ".join(f"{one.asked} {'up' if one.maximize else 'down'}" for one in found.objectives)
    title = f"Pareto front of {goals}: {len(found.front)}" if len(found.objectives) > 1 else f"best {goals}"
    shown = _spread(found.front)
    lines = [sheet.heading(title), *_table(found, shown, sheet)]
    hidden = len(found.front) - len(shown)
    notes = ["* knee: nearest to the best of everything" if any(row.is_knee for row in shown) else ""]
    left_out = len(_names(found)) - len(_worth_showing(found, shown, _names(found), sheet))
    notes += [f"{left_out} decisions more, which explain less: --json" if left_out else ""]
    notes += [f"{hidden} more between them: --json, --write-front" if hidden else ""]
    return lines + sheet.flow([Text(note, style="dim") for note in notes if note])


def _nearest(found: SearchSummary) -> list[SearchRow]:
    return sorted((row for row in found.rows if row.status == "done"), key=lambda row: sum(row.violations.values()))[:5]


def _spread(front: Sequence[SearchRow]) -> list[SearchRow]:
    """Both ends, the knee, and some evenly between."""
    if len(front) <= _FRONT:
        return list(front)
    step = (len(front) - 1) / (_FRONT - 2)
    wanted = {round(index * step) for index in range(_FRONT - 1)} | {index for index, row in enumerate(front) if row.is_knee}
    return [front[index] for index in sorted(wanted)]


def _table(found: SearchSummary, rows: Sequence[SearchRow], sheet: StudySheet) -> list[Text]:
    from rich.text import Text

    varied = _worth_showing(found, rows, _names(found), sheet)
    labels = {name: choice_labels([row.choices[name] for row in found.rows if name in row.choices]) for name in varied}
    heads = ["trial", *(one.asked for one in found.objectives), *short_names(varied)]
    cells = [[str(row.number) + ("*" if row.is_knee else ""), *_values(found, row), *_choices(row, labels)] for row in rows]
    cells.append(["as is", *_values(found, found.base), *("" for _ in varied)])
    widths = [min(max(len(line[index]) for line in (heads, *cells)), _WIDEST) for index in range(len(heads))]
    numbers = 1 + len(found.objectives)
    while sum(widths) + 2 * len(widths) > sheet.width and max(widths[numbers:], default=0) > 6:
        widths[numbers + widths[numbers:].index(max(widths[numbers:]))] -= 1
    lines = []
    for at, line in enumerate([heads, *cells]):
        parts = [shortened(text, width) for text, width in zip(line, widths, strict=True)]
        padded = [part.rjust(width) if index < numbers else part.ljust(width) for index, (part, width) in enumerate(zip(parts, widths, strict=True))]
        style = "bold" if at == 0 or (at <= len(rows) and rows[at - 1].is_knee) else "dim" if at > len(rows) else ""
        lines.append(Text((" " + "  ".join(padded)).rstrip(), style=style))
    return lines


def _names(found: SearchSummary) -> list[str]:
    return list(dict.fromkeys(name for row in found.rows for name in row.choices))


def _worth_showing(found: SearchSummary, rows: Sequence[SearchRow], names: Sequence[str], sheet: StudySheet) -> list[str]:
    """All decisions, or where there is no room (an architecture's) those in which the rows differ, by what they explain."""
    room = max((sheet.width - 8 - 13 * len(found.objectives)) // (_LEAST_COLUMN + 2), 1)
    if len(names) <= room:
        return list(names)
    explains = {one.decision: max((share or 0.0 for share in one.shares), default=0.0) for one in found.importances}
    varied = [name for name in names if len({choice_text(row.choices.get(name)) for row in rows}) > 1]
    kept = sorted(varied, key=lambda name: -explains.get(name, 0.0))[:room]
    return [name for name in names if name in kept]


def _values(found: SearchSummary, row: SearchRow) -> list[str]:
    return [value_text(one.metric, value) for one, value in zip(found.objectives, row.values, strict=True)]


def _choices(row: SearchRow, labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [printable(texts[_key(row.choices[name])], 200) if name in row.choices else "-" for name, texts in labels.items()]


def _picture(found: SearchSummary, sheet: StudySheet) -> list[Text]:
    """The first two objectives."""
    from rich.text import Text

    if len(found.objectives) < 2 or len(found.front) < 2:
        return []
    across, up = found.objectives[:2]
    pairs = {row.number: (row.values[0], row.values[1]) for row in found.rows if not row.violations}
    known = {number: (x, y) for number, (x, y) in pairs.items() if x is not None and y is not None}
    front = {row.number for row in found.front}
    knee = [known[row.number] for row in found.front if row.is_knee and row.number in known]
    empty, full = sheet.glyphs.empty, "#" if sheet.glyphs.rule == "-" else "●"
    marks = [
        Mark(empty, [point for number, point in known.items() if number not in front]),
        Mark(full, [point for number, point in known.items() if number in front]),
        Mark("*", knee),
    ]
    every = [point for mark in marks for point in mark.points]
    if not every:
        return []
    top, bottom = (value_text(up.metric, extreme(point[1] for point in every)) for extreme in (max, min))
    left, right = (value_text(across.metric, extreme(point[0] for point in every)) for extreme in (min, max))
    label = max(len(top), len(bottom), 6)
    width = min(sheet.width - label - 4, 96)
    drawn = scatter(marks, width)
    lines = [sheet.heading(f"{up.asked} (up) against {across.asked} (across)")]
    for index, line in enumerate(drawn):
        text = top if index == 0 else bottom if index == len(drawn) - 1 else ""
        lines.append(Text(f" {text:>{label}} | {line}".rstrip()))
    room = max(width - len(left) - len(right), 1)
    lines.append(Text(f" {'':{label}}   {left}{' ' * room}{right}"))
    return [*lines, *sheet.flow([Text(f"{full} on the front   {empty} beaten" + ("   * knee" if knee else ""), style="dim")])]


def _importances(found: SearchSummary, sheet: StudySheet) -> list[Text]:
    from rich.text import Text

    loud = [one for one in found.importances if any((share or 0.0) >= _LEAST for share in one.shares)]
    if not loud:
        return []
    loud = sorted(loud, key=lambda one: -max(share or 0.0 for share in one.shares))[:12]
    names = dict(zip([one.decision for one in found.importances], short_names([one.decision for one in found.importances]), strict=True))
    label = min(max(len(names[one.decision]) for one in loud), 36)
    heads = [one.asked for one in found.objectives]
    widths = [max(len(head), 16) for head in heads]
    lines = [sheet.heading("what each decision explains of the trials' variance, alone")]
    lines.append(Text(f" {'':{label}}  " + "  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)), style="bold"))
    for one in loud:
        cells = [_bar(share, sheet).ljust(width) for share, width in zip(one.shares, widths, strict=True)]
        lines.append(Text((f" {shortened(names[one.decision], label):{label}}  " + "  ".join(cells)).rstrip()))
    return [*lines, *sheet.flow([Text("trials are chosen, not drawn evenly: shares are of what was tried", style="dim")])]


def _bar(share: float | None, sheet: StudySheet) -> str:
    if share is None:
        return "-"
    return f"{percent(share, 2) if share >= _LEAST else '0':>5} {sheet.glyphs.fills[0] * round(10 * share)}"


def _notes(found: SearchSummary, sheet: StudySheet) -> list[Text]:

    lines: list[Text] = []
    if found.growth:
        steps = "  ".join(f"{100 * share:.1f}" for share in found.growth)
        lines += sheet.wrapped("dominated", f"{steps} % of the box between best and worst, after each tenth of the trials", 12)
    for basis in found.basis[:_PROBLEMS]:
        lines += sheet.wrapped("accuracy", printable(basis, 400), 12)
    errors = [row.accuracy_error_ratio for row in found.front if row.accuracy_error_ratio is not None]
    if errors:
        lines += sheet.wrapped("", f"typically wrong by {100 * max(errors):.1f} points: closer candidates are not told apart", 12)
    unknown = sum(value is None for row in found.front for one, value in zip(found.objectives, row.values, strict=True) if unit_of(one.metric))
    if unknown and found.accepts_unknown:
        lines += sheet.wrapped("unknown", f"{unknown} on the front have an accuracy nobody knows; it counted as 0 there (unknown_accuracy: accept)", 12)
    why: dict[str, int] = {}
    for row in found.rows:
        for problem in row.problems[:1]:
            why[problem] = why.get(problem, 0) + 1
    for problem, count in sorted(why.items(), key=lambda one: -one[1])[:_PROBLEMS]:
        lines += sheet.wrapped(f"{count} no run", printable(problem, 300), 12, style="red")
    return [sheet.heading("how far it came"), *lines] if lines else []
