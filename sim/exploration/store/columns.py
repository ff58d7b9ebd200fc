"""Columns for axes and metrics, added to a store as they appear."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from sim.errors import EdgesimError
from sim.exploration.store.schema import create_view, quoted

TABLES = {"axis": "points", "metric": "results"}
_TAKEN = ("sweep", "position", "point_id", "key", "status", "problems", "base", "canonical")  # of the tables themselves, and of the view
MOST = 1900  # SQLite's limit is 2,000 columns of one table or result


class Columns:
    """``(side, name) -> column`` of one file, as far as this process has had to know. Sides: "axis", "metric"."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], str] = {}
        self._read()

    def of(self, side: str, names: Iterable[str]) -> list[str]:
        """The columns of these names; those that are missing are added. To be called inside a transaction that writes."""
        wanted = list(names)
        if any((side, name) not in self._known for name in wanted):
            self._read()  # another process may have added them
            missing = [name for name in wanted if (side, name) not in self._known]
            for name in missing:
                self._add(side, name)
            if missing:
                create_view(self._connection)
        return [self._known[side, name] for name in wanted]

    def forget(self) -> None:
        """After a transaction that was rolled back: what it added is not there."""
        self._read()

    def _read(self) -> None:
        self._known = {(side, name): column for side, name, column in self._connection.execute("SELECT side, name, column FROM columns")}

    def _add(self, side: str, name: str) -> None:
        if len(self._known) >= MOST:
            raise EdgesimError(f"no room for {name!r}: a results file holds {MOST:,} different axes and metrics; write this sweep to another file")
        column = self._free(side, name)
        self._connection.execute(f"ALTER TABLE {TABLES[side]} ADD COLUMN {quoted(column)}")
        self._connection.execute("INSERT INTO columns VALUES (?, ?, ?)", (side, name, column))
        self._known[side, name] = column

    def _free(self, side: str, name: str) -> str:
        """The name itself, unless it is another column's already: SQLite takes capitals for small letters."""
        taken = {column.lower() for column in self._known.values()} | set(_TAKEN)
        column, number = name, 1
        while column.lower() in taken:
            column = f"{name} ({side})" if number == 1 else f"{name} ({side} {number})"
            number += 1
        return column


def stored_value(value: Any) -> float | int | str | None:
    """A plain value as SQLite keeps it: truth as 1 and 0, lists and mappings as JSON."""
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    import json

    return json.dumps(value, sort_keys=True, default=str)


def encodable(text: str) -> str:
    """Text as it is, half a surrogate pair (YAML can write one) as its escape: a database holds UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
