"""A results store as a program uses it: begin or resume a sweep, add what came of each point, read the table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from sim.errors import EdgesimError, Problem
from sim.exploration.outcome import Outcome
from sim.exploration.store.columns import Columns, encodable, stored_value
from sim.exploration.store.opening import database_errors, reading, reading_errors, writing
from sim.exploration.store.packing import packed, unpacked
from sim.exploration.store.record import StoredSweep, SweepRecord
from sim.exploration.store.schema import edgesim_version, quoted
from sim.exploration.store.table import Selection, Table, read_table

# side -> table, what tells its rows apart, what else every row has
_INSERTED = {
    "axis": ("points", ("sweep", "point_id"), ("position", "key", "status", "problems")),
    "metric": ("results", ("key",), ("base", "canonical")),
}


class Store:
    """One file. ``Store.open`` writes (several processes may, at the same time), ``Store.read`` only reads; all methods raise EdgesimError."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._columns: Columns | None = None
        self._number = 0  # of the sweep that outcomes belong to
        self._record: SweepRecord | None = None
        self._statements: dict[tuple[str, ...], str] = {}  # by the columns they fill

    @staticmethod
    def open(path: str | Path) -> Store:
        """For writing; the file is made where there is none."""
        return Store(Path(path), writing(Path(path)))

    @staticmethod
    def read(path: str | Path) -> Store:
        """For reading; nothing can be written by this connection."""
        return Store(Path(path), reading(Path(path)))

    def begin(self, record: SweepRecord, resume: bool = False) -> bool:
        """Outcomes added from now on belong to this sweep. True: it is new here. Raises EdgesimError where points of it are here already and it
        is not to be resumed, or it is to be resumed and the file holds only others."""
        with self._transaction() as connection:
            found = connection.execute("SELECT number FROM sweeps WHERE id = ?", (record.sweep_id,)).fetchone()
            others = [row[0] for row in connection.execute("SELECT id FROM sweeps WHERE kind = ? AND id != ?", (record.kind, record.sweep_id))]
            if found and not resume and connection.execute("SELECT count(*) FROM points WHERE sweep = ?", found).fetchone()[0]:
                raise EdgesimError(Problem(file=str(self.path), what=f"holds this {record.kind} already: go on with --resume, or name another file with --out"))
            if not found and resume and others:
                raise EdgesimError(Problem(file=str(self.path), what=_another(record, others)))
            if not found:
                values = (record.sweep_id, record.kind, record.base_digest, record.scenario, json.dumps(record.axes), record.description, record.points)
                marks = "(id, kind, base_digest, scenario, axes, description, points, edgesim) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                connection.execute(f"INSERT INTO sweeps {marks}", (*values, edgesim_version()))
            self._number = connection.execute("SELECT number FROM sweeps WHERE id = ?", (record.sweep_id,)).fetchone()[0]
            self._column_table().of("axis", record.axes)
            self._record = record
        return found is None

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome of the sweep that was begun. When this returns it survives the death of this process."""
        if self._record is None:
            raise ValueError("begin a sweep before outcomes are added to it")
        key = outcome.key or None
        with self._transaction() as connection:
            if key is not None and outcome.status == "done":
                self._add_result(connection, key, outcome)
            axes = {encodable(path): stored_value(value) for path, value in outcome.point.changes}
            problems = encodable("\n".join(outcome.problems)) or None
            fixed = (self._number, outcome.point.point_id(self._record.base_digest), outcome.point.position, key, outcome.status, problems)
            connection.execute(self._statement("axis", tuple(axes)), (*fixed, *axes.values()))

    def _add_result(self, connection: sqlite3.Connection, key: str, outcome: Outcome) -> None:
        assert self._record is not None
        known = {encodable(name): stored_value(value) for name, value in outcome.metrics.items() if value is not None}
        text = packed(outcome.canonical, self._record.scenario)
        connection.execute(self._statement("metric", tuple(known)), (key, self._number, text, *known.values()))

    def finished(self, sweep_id: str, with_failed: bool = True) -> set[str]:
        """Ids of the points that have ended; ``with_failed``: those that were given up included."""
        statuses = ("done", "mistake", "failed") if with_failed else ("done", "mistake")
        marks = ", ".join("?" * len(statuses))
        query = f"SELECT point_id FROM points JOIN sweeps ON number = sweep WHERE id = ? AND status IN ({marks})"
        with reading_errors(self.path):
            return {row[0] for row in self._connection.execute(query, (sweep_id, *statuses))}

    def sweeps(self) -> list[StoredSweep]:
        """All sweeps of the file, in the order of their ids."""
        counts = ", ".join(f"count(CASE WHEN status = '{status}' THEN 1 END)" for status in ("done", "mistake", "failed"))
        query = f"""SELECT s.id, base_digest, scenario, axes, kind, description, s.points, edgesim, {counts}
            FROM sweeps s LEFT JOIN points p ON p.sweep = s.number GROUP BY s.number ORDER BY s.id"""
        with reading_errors(self.path):
            rows = self._connection.execute(query).fetchall()
        return [StoredSweep(SweepRecord(row[0], row[1], row[2], tuple(json.loads(row[3])), row[4], row[5], row[6]), row[7], *row[8:]) for row in rows]

    def table(self, selection: Selection | None = None) -> Table:
        """Points with their axes and metrics, in the order of sweep and position unless the selection says otherwise."""
        with reading_errors(self.path):
            return read_table(self._connection, selection or Selection())

    def scenario(self, point_id: str) -> str:
        """The canonical text of a point's scenario; ``point_id`` may be shortened as long as it is clear."""
        query = """SELECT DISTINCT r.canonical, s.scenario FROM points p JOIN results r ON r.key = p.key JOIN sweeps s ON s.number = r.base
            WHERE substr(p.point_id, 1, length(?)) = ?"""
        with reading_errors(self.path):
            rows = self._connection.execute(query, (point_id, point_id)).fetchall()
        if len(rows) != 1:
            raise EdgesimError(Problem(file=str(self.path), what=f"{'several points begin' if rows else 'no finished point begins'} with {point_id!r}"))
        return unpacked(rows[0][0], rows[0][1])

    def close(self) -> None:
        """Also makes the file one that needs no others beside it, unless another process is using it or it cannot be written now."""
        with suppress(sqlite3.Error):
            if not self._connection.execute("PRAGMA query_only").fetchone()[0]:
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
        with suppress(sqlite3.Error):
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _column_table(self) -> Columns:
        if self._columns is None:
            self._columns = Columns(self._connection)
        return self._columns

    def _statement(self, side: str, names: tuple[str, ...]) -> str:
        """Insert a row with these axes or metrics, or fill in what was there: a result may get metrics that another sweep did not ask for, a point
        may be run once more. Columns that are missing are added."""
        wanted = (side, *names)
        if wanted not in self._statements:
            table, identity, filled = _INSERTED[side]
            columns = self._column_table().of(side, names)
            every = [quoted(name) for name in (*identity, *filled, *columns)]
            changing = [quoted(name) for name in (*(filled if side == "axis" else ()), *columns)]
            updates = ", ".join(f"{name} = excluded.{name}" for name in changing) or "key = key"
            marks = ", ".join("?" * len(every))
            conflict = f"ON CONFLICT ({', '.join(identity)}) DO UPDATE SET {updates}"
            self._statements[wanted] = f"INSERT INTO {table} ({', '.join(every)}) VALUES ({marks}) {conflict}"
        return self._statements[wanted]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; other processes that write wait."""
        with database_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    if self._columns is not None:
                        self._columns.forget()
                        self._statements.clear()
                raise


def _another(record: SweepRecord, others: list[str]) -> str:
    return (
        f"holds {len(others)} other {record.kind}{'' if len(others) == 1 else 's'} ({', '.join(other[:8] for other in others[:3])}), but not this one: "
        "the scenario or its axes have changed since; without --resume this one is added to the file"
    )
