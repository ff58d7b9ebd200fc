"""The rows of a search: what each one tried, what came of it, and why, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sim.report.budgets import Verdict
from sim.report.numbers import percent
from sim.report.optimization_metrics import QUANTITIES, Column, RunMeasures, budget_title, trade

Fate = Literal["baseline", "kept", "rejected", "beaten", "accuracy unknown", "accuracy falls", "skipped"]
BudgetKey = tuple[str, str]  # name and workload


@dataclass(frozen=True, eq=False)
class Row:
    """``base``: the number of the row it was compared with; ``better``: of the row that was taken instead. ``problems``: why it cannot be run.

    ``is_winner``: the row that is written.
    """

    number: int
    label: str
    fate: Fate
    measures: RunMeasures | None
    base: int = 0
    better: int | None = None
    problems: tuple[str, ...] = ()
    is_winner: bool = False
    rank: int | None = None  # among all that could be run, the best 0
    round: int = 0  # of a ladder
    is_single: bool = False  # a single technique on the baseline
    is_on_way: bool = False  # the winner without the last of its techniques


@dataclass(frozen=True)
class Optimization:
    """``rows``: in order, the baseline first. ``winner``: the number of the row that is written. ``accuracy_drop``: as allowed, None: by budget."""

    scenario: str
    device: str
    seed: int
    models: tuple[str, ...]
    untouched: Mapping[str, str]  # model -> why it is left as it is
    search: str
    objective: str
    least_gain: float
    accuracy_drop: float | None
    rows: tuple[Row, ...]
    winner: int
    techniques: tuple[str, ...]  # what the winner has, in order
    recomputes: tuple[str, ...]  # models whose numbers these change, by compression or another number format
    rounds_count: int
    runs_count: int

    @property
    def baseline(self) -> RunMeasures:
        """The scenario as it is stated."""
        return self.measures(0)

    @property
    def best(self) -> RunMeasures:
        """The scenario that is written."""
        return self.measures(self.winner)

    @property
    def column(self) -> Column:
        """The objective."""
        return QUANTITIES[self.objective]

    def measures(self, number: int) -> RunMeasures:
        """Of a row that could be run."""
        found = self.rows[number].measures
        assert found is not None
        return found


def budgets_of(rows: Iterable[Row]) -> dict[BudgetKey, Verdict]:
    """Every budget that some row was judged by, in order."""
    found: dict[BudgetKey, Verdict] = {}
    for row in rows:
        for verdict in row.measures.budgets if row.measures else ():
            found.setdefault((verdict.name, verdict.workload), verdict)
    return found


def trades_of(found: Optimization, row: Row) -> tuple[list[Column], list[Column]]:
    """Quantities that a row bettered at the expense of others, against the row it was compared with; both empty where it is no such trade."""
    if row.measures is None or row.fate == "baseline":
        return [], []
    better, worse = trade(row.measures, found.measures(row.base))
    return (better, worse) if better and worse else ([], [])


def is_idle(found: Optimization, row: Row) -> bool:
    """Whether a row that was not kept differs in nothing from the one it was compared with."""
    if row.measures is None or row.fate != "rejected":
        return False
    base = found.measures(row.base)
    same = {(one.name, one.workload): one.ok for one in row.measures.budgets} == {(one.name, one.workload): one.ok for one in base.budgets}
    known = {name: one.value is None for name, one in row.measures.accuracies.items()} == {name: one.value is None for name, one in base.accuracies.items()}
    return same and known and not any(trade(row.measures, base))


def reason(found: Optimization, row: Row, note_length: int | None = None) -> str:
    """Why a row was kept or not. ``note_length``: of what is known of an accuracy that is not known any more, at most."""
    if row.fate == "baseline":
        return "the scenario as it stands"
    if row.measures is None:
        return "not possible: " + "; ".join(row.problems)
    return "; ".join(part for part in (_verdict(found, row, row.measures), _expense(found, row), _accuracy_note(found, row, row.measures, note_length)) if part)


def _verdict(found: Optimization, row: Row, measures: RunMeasures) -> str:
    base = found.measures(row.base)
    gain = _gains(found, measures, base)
    if row.fate == "kept":
        return f"kept: {gain}"
    if row.fate == "accuracy unknown":
        return f"not accepted, its accuracy is unknown ({gain})"
    if row.fate == "accuracy falls":
        return f"not accepted, accuracy falls by {_fall(measures, found.baseline)}" + (
            f", more than {_points(found.accuracy_drop)}" if found.accuracy_drop is not None else ""
        )
    if row.fate == "beaten":
        other = "another" if row.better is None else f"row {row.better}"
        return f"not kept, {other} is better still ({gain})"
    return f"not kept: {_no_gain(found, row, measures, base)}"


def _gains(found: Optimization, new: RunMeasures, old: RunMeasures) -> str:
    """Budgets that are held or broken now, and the change of the objective."""
    parts = []
    if held := _titles(new, old, ok=True):
        parts.append(f"holds {', '.join(held)}")
    if broken := _titles(new, old, ok=False):
        parts.append(f"breaks {', '.join(broken)}")
    parts.append(_objective_change(found, new, old))
    return ", ".join(parts)


def _no_gain(found: Optimization, row: Row, new: RunMeasures, old: RunMeasures) -> str:
    better, worse = trade(new, old)
    broken = _titles(new, old, ok=False)
    if broken:
        return f"breaks {', '.join(broken)}, {_objective_change(found, new, old)}"
    if further := _further(new, old):
        return f"{', '.join(further)} further beyond the budget, {_objective_change(found, new, old)}"
    column = found.column
    if not better and not worse:
        return f"changes nothing: as row {row.base} in all of this"
    change = column.change_text(new.values[column.name], old.values[column.name])
    if change not in ("=", "") and _is_gain(column, new, old):
        return f"{column.title} {change}, and less than {percent(found.least_gain)} is not worth a step"
    return f"{column.title} {'unchanged' if change in ('=', '') else change}"


def _is_gain(column: Column, new: RunMeasures, old: RunMeasures) -> bool:
    a, b = new.values[column.name], old.values[column.name]
    return a is not None and b is not None and (a > b if column.higher_is_better else a < b)


def _objective_change(found: Optimization, new: RunMeasures, old: RunMeasures) -> str:
    column = found.column
    change = column.change_text(new.values[column.name], old.values[column.name])
    return f"{column.title} {change or 'unknown'}" if change != "=" else f"{column.title} unchanged"


def _titles(new: RunMeasures, old: RunMeasures, ok: bool) -> list[str]:
    """Budgets whose verdict became ``ok``; of unknown accuracies something else is said."""
    before = {(verdict.name, verdict.workload): verdict.ok for verdict in old.budgets}
    changed = [one for one in new.budgets if one.ok == ok and before.get((one.name, one.workload), True) != ok]
    return [budget_title(one) for one in changed if one.name != "accuracy" or one.value is not None]


def _further(new: RunMeasures, old: RunMeasures) -> list[str]:
    """Budgets that were broken and are so even more."""
    before = {(verdict.name, verdict.workload): verdict for verdict in old.budgets}
    found = []
    for one in new.budgets:
        was = before.get((one.name, one.workload))
        if one.ok or was is None or was.ok:
            continue
        if one.value is None and was.value is not None:
            found.append(f"{budget_title(one)} unknown, and so no")
        elif one.value is not None and was.value is not None and (one.value < was.value if one.at_least else one.value > was.value):
            found.append(budget_title(one))
    return found


def _expense(found: Optimization, row: Row) -> str:
    better, worse = trades_of(found, row)
    if not worse or row.measures is None:
        return ""
    base = found.measures(row.base)
    better = [column for column in better if column.name != found.objective]
    worse = [column for column in worse if column.name != found.objective]
    texts = [
        ", ".join(f"{column.title} {column.change_text(row.measures.values[column.name], base.values[column.name])}" for column in columns)
        for columns in (better, worse)
    ]
    return "; ".join(part for part in (f"also better: {texts[0]}" if better else "", f"at the expense of: {texts[1]}" if worse else "") if part)


def _accuracy_note(found: Optimization, row: Row, measures: RunMeasures, length: int | None) -> str:
    """What is known of accuracies that are not known any more."""
    base = found.measures(row.base).accuracies
    lost = [name for name, one in measures.accuracies.items() if one.value is None and (was := base.get(name)) and was.value is not None]
    if not lost:
        return ""
    several = len(measures.accuracies) > 1
    notes = dict.fromkeys(measures.accuracies[name].note for name in lost)
    who = f" of {', '.join(lost)}" if several else ""
    told = "" if row.fate == "accuracy unknown" else f"ACCURACY UNKNOWN{who}"
    note = "; ".join(note for note in notes if note)
    if length is not None and len(note) > length:
        note = note[:length].rsplit(" ", 1)[0] + " ..."
    return ": ".join(part for part in (told, note) if part)


def _fall(new: RunMeasures, old: RunMeasures) -> str:
    """The largest fall of a model's accuracy."""
    falls = []
    for name, was in old.accuracies.items():
        now = new.accuracies.get(name)
        if now is None or now.value is None or was.value is None:
            continue
        share = was.value - now.value if was.is_share else (now.value - was.value) / abs(was.value or 1.0)
        falls.append((share, f"{100 * share:.2g} pt" if was.is_share else f"{100 * share:.2g} % of the error"))
    return max(falls)[1] if falls else "an unknown amount"


def _points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2g} pt"
