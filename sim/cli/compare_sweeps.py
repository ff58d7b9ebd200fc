"""Part of ``edgesim compare``: sweeps set side by side, point by point."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.cli.compare_rows import LETTERS
from sim.cli.compare_seeds import PairedRow, corrected, print_rows, row_data

HOW = """\
Means over the {runs} points that all have in common (by {axes}); differences are taken point by point, intervals and p by
Student's t for pairs. p: how likely a difference as large would be if points differed by chance alone, corrected for
the {metrics} differences that vary (Holm); * below {limit}."""
Points = dict[tuple[tuple[str, str], ...], dict[str, float]]


def is_store(text: str) -> bool:
    """Whether a file is a results store: by how SQLite's files begin."""
    path = Path(text)
    try:
        with path.open("rb") as stream:
            return stream.read(16) == b"SQLite format 3\x00"
    except OSError:
        return False


def compare_sweeps(stores: Sequence[str], args: argparse.Namespace) -> int:
    """Pair, test, print. Raises EdgesimError."""
    from sim.errors import EdgesimError

    if args.each or args.seeds:
        raise EdgesimError("--each and --seeds run scenarios; these are results, which have been run already")
    if len(stores) < 2:
        raise EdgesimError("give two results files or more to compare")
    swept = [_points(Path(store)) for store in stores]
    axes = [name for name in swept[0][1] if all(name in other for _, other in swept)]
    found = [_by_axes(records, axes) for records, _ in swept]
    common = [key for key in found[0] if all(key in other for other in found[1:])]
    if len(common) < 2:
        raise EdgesimError(f"{' and '.join(stores)} have {len(common)} points in common by {', '.join(axes) or 'no axis'}: nothing to compare")
    rows = _rows(found, common, args.all)
    if args.json:
        print(json.dumps([row_data(row) for row in rows], indent=1))
        return 0
    for letter, store, points in zip(LETTERS, stores, found, strict=False):
        print(f"{letter}  {store}: {len(points):,} points with a result, {len(common):,} of them in all")
    print()
    print_rows(rows, HOW, runs=len(common), axes=", ".join(axes))
    return 0


def _points(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Points with a result, and the axes, of the only sweep of a file. Raises EdgesimError."""
    from sim.errors import EdgesimError, Problem
    from sim.exploration.store.store import Store
    from sim.exploration.store.table import Selection

    with Store.read(path) as store:
        sweeps = [one for one in store.sweeps() if one.done]
        if len(sweeps) != 1:
            what = f"holds {len(sweeps)} sweeps with results; a comparison takes files with one each (edgesim sweep --out)"
            raise EdgesimError(Problem(str(path), what=what))
        record = sweeps[0].record
        table = store.table(Selection(sweep=record.sweep_id, where="status = done"))
        return list(table.records()), [name for name in record.axes if name in table.names()]


def _by_axes(records: Sequence[dict[str, Any]], axes: Sequence[str]) -> Points:
    """Metrics by the values of axes; of points equal in all of them the mean."""
    groups: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(tuple((name, str(record.get(name))) for name in axes), []).append(record)
    found: Points = {}
    for key, members in groups.items():
        numbers = [{name: float(value) for name, value in one.items() if isinstance(value, int | float) and name != "position"} for one in members]
        names = set.intersection(*(set(one) for one in numbers))
        found[key] = {name: sum(one[name] for one in numbers) / len(numbers) for name in numbers[0] if name in names}
    return found


def _rows(found: Sequence[Points], common: Sequence[tuple[tuple[str, str], ...]], every: bool) -> list[PairedRow]:
    """Of metrics that all points have; the main ones, or all."""
    from sim.report.flat_metrics import QUANTITIES
    from sim.report.quantities import unit_of
    from sim.report.significance import paired_difference

    main = {one.field for one in QUANTITIES.values()} | {"valid"}
    names = [name for name in found[0][common[0]] if (every or name in main) and all(name in points[key] for points in found for key in common)]
    rows = []
    for name in names:
        values = [[points[key][name] for key in common] for points in found]
        rows.append(PairedRow(name, unit_of(name) or "1", values, [paired_difference(values[0], other) for other in values[1:]], []))
    return corrected(rows)
