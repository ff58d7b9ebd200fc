"""``edgesim results``: what a file of sweeps and searches holds, as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.exploration.store.store import Store
    from sim.exploration.store.table import Column, Selection, Table

_SHOWN = 40  # rows on a terminal where nobody has said how many
_LOOKED_AT = 1000  # rows, to find metrics that repeat others
_GAP = 2
_ID = 12  # characters of an id on the screen: enough to name it by


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("db", type=Path, metavar="DB", help="a results file")
    parser.add_argument("--where", metavar="CONDITION", help="only these points, such as: latency_p99_s < 33 ms and precision = int8")
    parser.add_argument("--sort", metavar="COLUMN", help="by this column, smallest first (the default: the order of the sweep)")
    parser.add_argument("--descending", action="store_true", help="largest first")
    parser.add_argument("--columns", metavar="NAMES", help="only these, separated by commas; patterns too, such as '*latency*'")
    parser.add_argument("--limit", type=int, metavar="N", help=f"at most so many points (on the screen {_SHOWN} unless told)")
    parser.add_argument("--sweep", metavar="ID", help="only this sweep, by the beginning of its id")
    parser.add_argument("--sweeps", action="store_true", help="list the sweeps of the file instead")
    parser.add_argument("--scenario", type=int, metavar="POSITION", help="print the whole scenario of the point at this position instead, as JSON")
    parser.add_argument("--csv", metavar="FILE", help="write the points as CSV ('-': to standard output)")
    parser.add_argument("--json", metavar="FILE", help="write the points as JSON ('-': to standard output)")
    parser.add_argument("--parquet", metavar="FILE", help="write the points as Parquet")


def run(args: argparse.Namespace) -> int:
    from sim.errors import EdgesimError
    from sim.exploration.store.store import Store

    if args.limit is not None and args.limit < 0:
        raise EdgesimError(f"--limit {args.limit}: at least 0")
    if (args.csv, args.json, args.parquet).count("-") > 1:
        raise EdgesimError("only one of --csv, --json and --parquet can go to standard output")
    with Store.read(args.db) as store:
        if args.sweeps:
            _list_sweeps(store)
        elif args.scenario is not None:
            print(_scenario(store, args.scenario, args.sweep))
        elif args.csv or args.json or args.parquet:
            _export(store, args)
        else:
            _show(store, args)
    return 0


def _selection(args: argparse.Namespace, limit: int | None) -> Selection:
    from sim.exploration.store.table import Selection

    columns = tuple(name.strip() for name in (args.columns or "").split(",") if name.strip())
    return Selection(args.sweep, columns, args.where, args.sort, args.descending, limit)


def _export(store: Store, args: argparse.Namespace) -> None:
    from sim.exploration.store.export import write_csv, write_file, write_json, write_parquet

    table = store.table(_selection(args, args.limit))
    if args.csv:
        write_file(table, args.csv, write_csv)
    if args.json:
        write_file(table, args.json, write_json)
    if args.parquet:
        write_file(table, args.parquet, write_parquet, binary=True)


def _list_sweeps(store: Store) -> None:
    from sim.cli.table import print_table

    rows = []
    for sweep in store.sweeps():
        whole = "?" if sweep.record.points is None else f"{sweep.record.points:,}"
        rows.append([sweep.record.sweep_id[:_ID], sweep.record.kind, f"{sweep.ended:,} of {whole}", str(sweep.mistakes), str(sweep.failed)])
        rows[-1] += [", ".join(sweep.record.axes), sweep.edgesim_version]
    print_table(["sweep", "kind", "points", "mistakes", "failed", "axes", "edgesim"], rows, right=(2, 3, 4), flexible=5)


def _scenario(store: Store, position: int, sweep: str | None) -> str:
    from sim.errors import EdgesimError
    from sim.exploration.store.table import Selection

    rows = store.table(Selection(sweep, ("sweep", "point_id", "status"), where=f"position = {position}")).rows
    if len({row[0] for row in rows}) > 1:
        raise EdgesimError(f"--scenario {position}: {len(rows)} sweeps have such a point; choose one with --sweep ({', '.join(row[0][:_ID] for row in rows)})")
    if not rows:
        raise EdgesimError(f"--scenario {position}: no point at this position has been run")
    if rows[0][2] != "done":
        raise EdgesimError(f"--scenario {position}: this point has no result (its status: {rows[0][2]}), and so no scenario is kept")
    return store.scenario(rows[0][1])


def _show(store: Store, args: argparse.Namespace) -> None:
    """The table, as many columns as there is room for, and what is not shown."""
    from sim.cli.table import print_table
    from sim.report.results_cells import cell, short_names

    table = store.table(_selection(args, None))
    if not table.rows:
        print("no points" + (" satisfy the condition" if args.where else " yet"))
        return
    rows = table.rows[: _SHOWN if args.limit is None else args.limit]
    columns = table.columns
    order = list(range(len(columns))) if args.columns else _worth_showing(table, args.sort)
    heads = short_names([columns[index].name for index in order])
    cells = [[cell(columns[index].name, row[index])[: _ID if columns[index].name in ("sweep", "point_id") else None] for index in order] for row in rows]
    count = len(order) if args.columns else _fitting(heads, cells)
    right = [at for at, index in enumerate(order[:count]) if any(isinstance(row[index], int | float) for row in rows)]
    print_table(heads[:count], [line[:count] for line in cells], right=right, gap=_GAP)
    _say_what_is_missing(store, args.sweep, len(rows), len(table.rows), len(columns) - count if not args.columns else 0)


def _worth_showing(table: Table, sort: str | None) -> list[int]:
    """Position, what went wrong if anything did, the axes that differ, what the table is sorted by, then metrics that differ."""
    from sim.report.results_cells import rank

    columns = table.columns
    first = table.rows[0]
    differing = {index for index in range(len(columns)) if any(row[index] != first[index] for row in table.rows)}

    def chosen(side: str, wanted: set[int]) -> list[int]:
        return [index for index, column in enumerate(columns) if column.side == side and index in wanted]

    own = [index for index in chosen("own", set(range(len(columns)))) if columns[index].name in ("sweep", "position") or _says_something(table, index)]
    axes = chosen("axis", differing)
    metrics = sorted(chosen("metric", differing), key=lambda index: rank(columns[index].name)) or chosen("metric", set(range(len(columns))))
    metrics = _without_repetition(table, metrics)
    sorted_by = [index for index in chosen("metric", set(range(len(columns)))) if sort is not None and _is_called(columns[index], sort)]
    problems = [index for index in own if columns[index].name == "problems"]
    return [index for index in own if index not in problems] + axes + sorted_by + [index for index in metrics if index not in sorted_by] + problems


def _without_repetition(table: Table, metrics: list[int]) -> list[int]:
    """Of metrics that are equal in every row looked at (a total, and that of the only workload) the first one."""
    seen: dict[tuple[object, ...], int] = {}
    for index in metrics:
        seen.setdefault(tuple(row[index] for row in table.rows[:_LOOKED_AT]), index)
    return list(seen.values())


def _says_something(table: Table, index: int) -> bool:
    return any(row[index] not in (None, "done") for row in table.rows)


def _is_called(column: Column, name: str) -> bool:
    return column.name == name or column.name.endswith("." + name)


def _fitting(heads: list[str], cells: list[list[str]]) -> int:
    """How many columns the line has room for."""
    from sim.report.console import console

    room, count = console().width, 0
    for index, head in enumerate(heads):
        room -= max(len(head), max((len(line[index]) for line in cells), default=0)) + (_GAP if index else 0)
        if room < 0:
            break
        count += 1
    return max(count, 2)


def _say_what_is_missing(store: Store, sweep: str | None, shown: int, found: int, columns: int) -> None:
    chosen = [one for one in store.sweeps() if sweep is None or one.record.sweep_id.startswith(sweep)]
    ended, mistakes, failed = (sum(getattr(one, name) for one in chosen) for name in ("ended", "mistakes", "failed"))
    parts = [f"{shown:,} of {found:,} points" if found == ended else f"{shown:,} of {found:,} chosen points, {ended:,} in all"]
    parts += [f"{mistakes:,} with a mistake"] if mistakes else []
    parts += [f"{failed:,} failed"] if failed else []
    parts += [f"{columns} more columns: --columns '*', --csv FILE"] if columns > 0 else []
    missing = sum(one.record.points - one.ended for one in chosen if one.record.points is not None)
    parts += [f"{missing:,} still to run: --resume"] if missing > 0 else []
    print("\n" + "; ".join(parts))
