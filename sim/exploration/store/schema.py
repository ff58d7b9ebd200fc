"""Tables of a results store.

``meta``: who wrote the file. ``sweeps``: what was asked. ``points``: one row for each point of a sweep that has ended, with a column for each axis.
``results``: one row for each scenario that was simulated, whichever sweep asked first, with a column for each metric. ``columns``: which column an
axis or a metric has. The view ``points_view`` shows all of it as one table. Columns for axes and metrics have no declared type: each value keeps its own.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x65647369  # "edsi"
FORMAT_VERSION = 1
VIEW = "points_view"
# name in the view -> expression; what axes and metrics follow
OWN = {"sweep": "s.id", "position": "p.position", "point_id": "p.point_id", "status": "p.status", "problems": "p.problems"}

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE sweeps (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, base_digest TEXT NOT NULL, scenario TEXT NOT NULL,
        axes TEXT NOT NULL, description TEXT NOT NULL, points INTEGER, edgesim TEXT NOT NULL)""",
    """CREATE TABLE points (
        sweep INTEGER NOT NULL REFERENCES sweeps (number), position INTEGER NOT NULL, point_id TEXT NOT NULL, key TEXT, status TEXT NOT NULL, problems TEXT,
        PRIMARY KEY (sweep, point_id))""",
    "CREATE TABLE results (key TEXT PRIMARY KEY, base INTEGER NOT NULL REFERENCES sweeps (number), canonical BLOB NOT NULL)",
    """CREATE TABLE columns (
        side TEXT NOT NULL, name TEXT NOT NULL, column TEXT NOT NULL UNIQUE COLLATE NOCASE, PRIMARY KEY (side, name)) WITHOUT ROWID""",
)


def create(connection: sqlite3.Connection) -> None:
    """All tables, inside the caller's transaction."""
    for table in _TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO meta VALUES ('edgesim', ?)", (edgesim_version(),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    create_view(connection)


def create_view(connection: sqlite3.Connection) -> None:
    """The view anew, with all columns there are: axes, then metrics by name."""
    rows = connection.execute("SELECT side, column FROM columns ORDER BY side, name").fetchall()
    shown = [f"{expression} AS {name}" for name, expression in OWN.items()]
    shown += [f"{'p' if side == 'axis' else 'r'}.{quoted(column)} AS {quoted(column)}" for side, column in rows]
    connection.execute(f"DROP VIEW IF EXISTS {VIEW}")
    connection.execute(
        f"CREATE VIEW {VIEW} AS SELECT {', '.join(shown)} FROM points p JOIN sweeps s ON s.number = p.sweep LEFT JOIN results r ON r.key = p.key"
    )


def quoted(name: str) -> str:
    """A name of a column as SQL writes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def edgesim_version() -> str:
    """The version that is installed; its numbers are comparable among themselves."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgesim")
    except PackageNotFoundError:
        return "(not installed)"
