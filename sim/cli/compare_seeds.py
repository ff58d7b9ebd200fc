"""Part of ``edgesim compare``: scenarios run with several seeds each, and which of their differences are more than chance."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sim.cli.compare_rows import LETTERS, paired, print_heads, written

if TYPE_CHECKING:
    from sim.report.significance import Difference

SIGNIFICANT = 0.05
WIDE = 100  # columns from which on means have their intervals beside them
HOW = """\
Means over {runs} seeds, the same for all; differences are taken seed by seed, intervals and p by
Student's t for pairs. p: how likely a difference as large would be by chance alone, corrected for
the {metrics} differences that depend on it (Holm); * below {limit}."""


@dataclass(frozen=True)
class PairedRow:
    """A metric of every scenario over what they are paired by, and how each but the first differs from the first; ``p_values`` are corrected."""

    metric: str
    unit: str
    values: list[list[float]]
    differences: list[Difference]
    p_values: list[float]


def compare_over_seeds(asked: Sequence[tuple[str, str]], args: argparse.Namespace) -> int:
    """Run, test, print. ``asked``: scenario and change of each. Raises EdgesimError."""
    from sim.cli.compare_results import is_result, same_kind, simulated_result
    from sim.errors import EdgesimError

    for text, _ in asked:
        if is_result(text):
            raise EdgesimError(f"--seeds runs scenarios; {text} is a result, which has been run already")
    runs: list[list[dict[str, Any]]] = []
    for text, change in asked:
        first = simulated_result(text, change, sure=False).data
        others = [simulated_result(text, change, first["seed"] + more, sure=False).data for more in range(1, args.seeds)]
        runs.append([first, *others])
    if len({of_scenario[0]["seed"] for of_scenario in runs}) > 1:
        raise EdgesimError("the scenarios have different seeds, so their runs are no pairs; give both the same (seed: N)")
    same_kind([of_scenario[0] for of_scenario in runs])
    rows = seed_rows(runs, args.all)
    if args.json:
        print(json.dumps([row_data(row) for row in rows], indent=1))
    else:
        print_heads([of_scenario[0] for of_scenario in runs])
        print_rows(rows, HOW, runs=args.seeds)
    return 0


def seed_rows(runs: Sequence[Sequence[dict[str, Any]]], every: bool) -> list[PairedRow]:
    """``runs``: by scenario, then by seed. Metrics that some run does not have are left out: there is nothing to pair."""
    from sim.report.significance import paired_difference

    seeds = len(runs[0])
    flat = paired([data for of_scenario in runs for data in of_scenario], every)
    rows: list[PairedRow] = []
    for metric, found, unit in flat:
        numbers = [value for value in found if value is not None]
        if len(numbers) < len(found):
            continue
        values = [numbers[at : at + seeds] for at in range(0, len(numbers), seeds)]
        rows.append(PairedRow(metric, unit, values, [paired_difference(values[0], other) for other in values[1:]], []))
    return corrected(rows)


def corrected(rows: Sequence[PairedRow]) -> list[PairedRow]:
    """With p-values corrected for being many. What no seed changes is not left to chance, and counts for no correction."""
    from sim.report.significance import holm

    p_values = iter(holm([found.p_value for row in rows for found in row.differences if _varies(found)]))
    return [replace(row, p_values=[next(p_values) if _varies(found) else found.p_value for found in row.differences]) for row in rows]


def _varies(found: Difference) -> bool:
    return found.low < found.high


def row_data(row: PairedRow) -> dict[str, Any]:
    """Plain data of a row."""
    letters = LETTERS.lower()
    differences = {
        letter: {"mean": found.mean, "low": found.low, "high": found.high, "p_value": found.p_value, "p_value_corrected": corrected}
        for letter, found, corrected in zip(letters[1:], row.differences, row.p_values, strict=False)
    }
    return {"metric": row.metric, "unit": row.unit, "values": dict(zip(letters, row.values, strict=False)), "differences_from_a": differences}


def print_rows(rows: Sequence[PairedRow], how: str, **facts: object) -> None:
    """A table for each scenario but the first, and ``how`` they were made, with ``facts``, ``metrics`` and ``limit`` filled in."""
    import sys

    from sim.cli.table import print_table
    from sim.report.console import report_width

    for at in range(len(rows[0].differences) if rows else 0):
        letter = LETTERS[at + 1]
        shown = [_cells(row, at, report_width(sys.stdout) >= WIDE) for row in rows if not _same(row.differences[at])]
        if shown:
            print_table(["metric", "A", letter, f"{letter} - A", "95 % of it", "p"], shown, right=range(1, 6), flexible=0)
        same = len(rows) - len(shown)
        print(f"{same} of {len(rows)} metrics of {letter} are those of A every time" if same else "")
        print()
    print(how.format(**facts, metrics=sum(_varies(found) for row in rows for found in row.differences), limit=SIGNIFICANT))


def _same(found: Difference) -> bool:
    return found.mean == found.low == found.high == 0 or found.p_value == 1.0


def _cells(row: PairedRow, at: int, wide: bool) -> list[str]:
    """Metric, both means, and their difference: as a share of A where that has a zero that means something."""
    found, base = row.differences[at], sum(row.values[0]) / len(row.values[0])
    sides = [_mean_text(values, row.unit, wide) for values in (row.values[0], row.values[at + 1])]
    if row.unit == "degC":
        change, interval = f"{found.mean:+.2f} K", f"{found.low:+.2f} .. {found.high:+.2f}"
    elif base:
        mean, low, high = (100 * value / abs(base) for value in (found.mean, found.low, found.high))
        change, interval = f"{mean:+.1f} %", f"{low:+.1f} .. {high:+.1f}"
    else:
        change, interval = written(found.mean, row.unit), f"{found.low:.3g} .. {found.high:.3g}"
    return [row.metric.removeprefix("workloads."), *sides, change, "" if found.low == found.high else interval, _p_text(row.p_values[at])]


def _mean_text(values: Sequence[float], unit: str, wide: bool) -> str:
    """The mean, and half its 95 % interval as a share of it where there is room."""
    from sim.report.significance import mean_interval

    mean, reach = mean_interval(values)
    if not wide or not mean or unit == "degC":
        return written(mean, unit)
    share = 100 * reach / abs(mean)
    return f"{written(mean, unit)} +-{share:3.0f} %" if share >= 0.5 else f"{written(mean, unit)}        "


def _p_text(p_value: float) -> str:
    mark = "*" if p_value < SIGNIFICANT else " "
    if p_value < 0.001:
        return f"<0.001{mark}"
    return f"{p_value:.2g}{mark}" if p_value < 0.995 else "1 "
