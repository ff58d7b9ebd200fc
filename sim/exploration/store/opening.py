"""Connections to a store's file: made, checked, and their errors in words a user can act on."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.errors import EdgesimError, Problem
from sim.exploration.store.schema import APPLICATION_ID, FORMAT_VERSION, create, edgesim_version

BUSY_S = 60.0  # how long to wait for another process that writes
_RESUME = "all that was written before is kept"


# what reading runs into where bytes of texts have changed: SQLite keeps no checksums of rows
_CHANGED = (UnicodeDecodeError, json.JSONDecodeError, zlib.error, KeyError, TypeError)


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """What SQLite reports about ``path``, as EdgesimError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise EdgesimError(Problem(file=str(path), what=_words(error, path))) from None


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """The same, and what reading runs into in a file whose bytes have changed."""
    try:
        with database_errors(path):
            yield
    except _CHANGED as error:
        raise EdgesimError(Problem(file=str(path), what=_damaged(path, f"{type(error).__name__}: {error}"))) from None


def writing(path: Path) -> sqlite3.Connection:
    """A connection that creates the file where there is none. Raises EdgesimError where it is no store of this version, damaged or not to be written."""
    _check_place(path)
    with reading_errors(path):
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            _check_size(connection, path)
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            _created(connection)
            _check_file(connection, path)
            _check_writer(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises EdgesimError where it is no store of this version, or damaged."""
    if not path.is_file():
        raise EdgesimError(Problem(file=str(path), what="there is no such results file" if not path.exists() else "this is no file"))
    with reading_errors(path):
        connection = sqlite3.connect(_address(path), timeout=BUSY_S, isolation_level=None, uri=True)
        try:
            connection.execute("PRAGMA query_only = 1")
            _check_file(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _address(path: Path) -> str:
    """Read-only; and as it stands where not even SQLite's own files can be put beside it, and nobody has left any."""
    beside = path.with_name(path.name + "-wal")
    unchanging = not os.access(path.absolute().parent, os.W_OK) and not beside.exists()
    return path.absolute().as_uri() + ("?mode=ro&immutable=1" if unchanging else "?mode=ro")


def _check_place(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise EdgesimError(Problem(file=str(path), what=f"the folder {str(path.parent)!r} does not exist; make it first"))
    if path.exists() and not path.is_file():
        raise EdgesimError(Problem(file=str(path), what="this is not a regular file; name another results file"))
    if path.exists() and not os.access(path, os.W_OK):
        raise EdgesimError(Problem(file=str(path), what="this file may not be written; name another results file"))


def _check_size(connection: sqlite3.Connection, path: Path) -> None:
    """A file that something else has written is not to be touched, not even by switching its journal."""
    connection.execute("PRAGMA schema_version").fetchone()  # raises where the file is no database
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise EdgesimError(Problem(file=str(path), what="a database, but not one of edgesim's results; name another file"))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switching the journal answers "locked" at once, whatever the time-out, while another process does the same."""
    until_s = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > until_s:
                raise
        time.sleep(0.02)


def _created(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")  # of two processes that find no file one creates the tables, the other one finds them
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            create(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_file(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise EdgesimError(Problem(file=str(path), what="this is not a results file of edgesim"))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT_VERSION:
        raise EdgesimError(
            Problem(file=str(path), what=f"results format {version}; this edgesim reads and writes format {FORMAT_VERSION}: use the version that wrote it")
        )
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise EdgesimError(Problem(file=str(path), what=_damaged(path, found)))


def _check_writer(connection: sqlite3.Connection, path: Path) -> None:
    """Numbers of two versions side by side could not be compared, and nothing would show it."""
    wrote = connection.execute("SELECT value FROM meta WHERE name = 'edgesim'").fetchone()[0]
    if wrote != edgesim_version():
        raise EdgesimError(Problem(file=str(path), what=f"results of edgesim {wrote}; this is {edgesim_version()}: write to another file"))


def _code(error: sqlite3.Error) -> int:
    """The primary result code, without what extends it."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def _words(error: sqlite3.DatabaseError, path: Path) -> str:
    said = {
        sqlite3.SQLITE_FULL: f"the disk is full; {_RESUME}: make room, then --resume goes on",
        sqlite3.SQLITE_IOERR: f"the disk cannot be written or read (full, or a limit on the size of files?); {_RESUME}: mend it, then --resume goes on",
        sqlite3.SQLITE_NOTADB: "this is not a results file of edgesim (not even a database)",
        sqlite3.SQLITE_READONLY: "this file may not be written; name another results file",
        sqlite3.SQLITE_CANTOPEN: "this file cannot be opened (permissions of the file or its folder?)",
        sqlite3.SQLITE_BUSY: f"another process has kept this file locked for {BUSY_S:.0f} s; {_RESUME}: try again with --resume",
    }
    return said.get(_code(error), _damaged(path, str(error)))


def _damaged(path: Path, how: str) -> str:
    name = path.name
    return f"the file is damaged ({' '.join(how.split())[:120]}); what is left may be saved with: sqlite3 {name} .recover | sqlite3 saved.db"
