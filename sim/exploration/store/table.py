"""The points of a store as one table: chosen, sorted, in the same order whoever wrote them when."""

from __future__ import annotations

import fnmatch
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import EdgesimError
from sim.exploration.store.quantity import quantity
from sim.exploration.store.schema import OWN, VIEW, quoted
from sim.exploration.store.where import compiled
from sim.registry import near_names

_ALWAYS = ("position", "status")
_ORDER = "sweep, position, point_id"


@dataclass(frozen=True)
class Selection:
    """What to show. ``sweep``: the beginning of an id; ``columns``: names or patterns (``*p99*``); ``where``: a condition (see ``where.py``);
    ``sort``: a column, else by position; ``limit``: rows at most. None and empty: all."""

    sweep: str | None = None
    columns: tuple[str, ...] = ()
    where: str | None = None
    sort: str | None = None
    descending: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Column:
    """``side``: "own" of every point, "axis" or "metric"."""

    name: str
    side: str


@dataclass(frozen=True)
class Table:
    """``columns`` and rows of plain values in their order. Columns that no chosen point has a value for are left out, unless they were asked for."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]

    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def records(self) -> Iterator[dict[str, Any]]:
        names = self.names()
        return (dict(zip(names, row, strict=True)) for row in self.rows)


def read_table(connection: sqlite3.Connection, selection: Selection) -> Table:
    """Raises EdgesimError for columns, sweeps and conditions that do not exist."""
    connection.create_function("quantity", 1, quantity, deterministic=True)
    every = _columns(connection)
    text, values = _condition(connection, selection, every)
    shown = _shown(connection, selection, every, text, values)
    order = _ORDER
    if selection.sort is not None:
        column = quoted(_named(selection.sort, every).name)
        way = "DESC" if selection.descending else "ASC"
        order = f"{column} IS NULL, quantity({column}) IS NULL, quantity({column}) {way}, {column} {way}, {_ORDER}"
    elif selection.descending:
        order = "sweep DESC, position DESC, point_id DESC"
    limit = "" if selection.limit is None else f" LIMIT {int(selection.limit)}"
    names = ", ".join(quoted(column.name) for column in shown)
    rows = connection.execute(f"SELECT {names} FROM {VIEW}{text} ORDER BY {order}{limit}", values).fetchall()
    return Table(tuple(shown), _of_one_kind(rows, len(shown)))


def _columns(connection: sqlite3.Connection) -> list[Column]:
    """Own ones, axes in the order in which sweeps name them, metrics by name."""
    axes: dict[str, str] = {}
    names = {(side, name): column for side, name, column in connection.execute("SELECT side, name, column FROM columns ORDER BY side, name")}
    import json

    for (text,) in connection.execute("SELECT axes FROM sweeps ORDER BY id"):
        axes.update((name, names["axis", name]) for name in json.loads(text))
    axes.update((name, column) for (side, name), column in names.items() if side == "axis")
    metrics = [column for (side, _), column in names.items() if side == "metric"]
    return [Column(name, "own") for name in OWN] + [Column(name, "axis") for name in axes.values()] + [Column(name, "metric") for name in metrics]


def _named(name: str, every: Sequence[Column]) -> Column:
    for column in every:
        if column.name == name:
            return column
    ends = [column for column in every if column.name.endswith("." + name)]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise EdgesimError(f"column {name!r}: {', '.join(repr(column.name) for column in ends[:6])} all end like this; write one in full")
    raise EdgesimError(f"unknown column {name!r}; {near_names(name, [column.name for column in every])}")


def _condition(connection: sqlite3.Connection, selection: Selection, every: Sequence[Column]) -> tuple[str, list[Any]]:
    parts, values = [], []
    if selection.sweep is not None:
        found = [row[0] for row in connection.execute("SELECT id FROM sweeps ORDER BY id") if row[0].startswith(selection.sweep)]
        if len(found) != 1:
            known = [row[0][:12] for row in connection.execute("SELECT id FROM sweeps ORDER BY id")]
            raise EdgesimError(f"{'several sweeps begin' if found else 'no sweep begins'} with {selection.sweep!r}; in this file: {', '.join(known) or 'none'}")
        parts.append("sweep = ?")
        values.append(found[0])
    if selection.where is not None:
        condition = compiled(selection.where, lambda name: _named(name, every).name, {column.name for column in every})
        parts.append(f"({condition.sql})")
        values += condition.values
    return (" WHERE " + " AND ".join(parts) if parts else ""), values


def _shown(connection: sqlite3.Connection, selection: Selection, every: Sequence[Column], text: str, values: list[Any]) -> list[Column]:
    if selection.columns:
        return _matching(selection.columns, every)
    counts = ", ".join(f"count({quoted(column.name)})" for column in every)
    found = connection.execute(f"SELECT {counts} FROM {VIEW}{text}", values).fetchone()
    several = connection.execute(f"SELECT count(DISTINCT sweep) FROM {VIEW}{text}", values).fetchone()[0] > 1
    used = {column.name for column, count in zip(every, found, strict=True) if count} - {"point_id"}
    shown = [column for column in every if column.name in used or column.name in _ALWAYS]
    return shown if several else [column for column in shown if column.name != "sweep"]


def _matching(patterns: Sequence[str], every: Sequence[Column]) -> list[Column]:
    chosen: dict[str, Column] = {}
    for pattern in patterns:
        matching = [column for column in every if fnmatch.fnmatchcase(column.name, pattern)] if any(sign in pattern for sign in "*?[") else []
        if not matching:
            matching = [_named(pattern, every)]
        chosen.update((column.name, column) for column in matching)
    return list(chosen.values())


def _of_one_kind(rows: list[tuple[Any, ...]], width: int) -> list[tuple[Any, ...]]:
    """A column that has a float anywhere has floats everywhere: 0 beside 0.5 is 0.0."""
    mixed = []
    for index in range(width):
        kinds = {type(row[index]) for row in rows}
        if float in kinds and int in kinds:
            mixed.append(index)
    if not mixed:
        return rows
    changed = []
    for row in rows:
        values = list(row)
        for index in mixed:
            if isinstance(values[index], int):
                values[index] = float(values[index])
        changed.append(tuple(values))
    return changed
