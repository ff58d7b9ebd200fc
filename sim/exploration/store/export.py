"""A table of results as a file: the same points give the same bytes, whoever ran them in whatever order."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from sim.errors import EdgesimError
from sim.exploration.store.table import Table
from sim.report.atomic_file import atomic_file

STANDARD_OUTPUT = "-"


def write_csv(table: Table, stream: IO[str]) -> None:
    """A head, then a line for each point; numbers in full precision, nothing where a point has no value."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.names())
    writer.writerows(table.rows)


def write_json(table: Table, stream: IO[str]) -> None:
    """A list of objects, one for each point, a line each; what is not finite is null."""
    for index, record in enumerate(table.records()):
        stream.write(("[\n" if index == 0 else ",\n") + json.dumps({name: _finite(value) for name, value in record.items()}, ensure_ascii=False))
    stream.write("\n]\n" if table.rows else "[]\n")


def write_parquet(table: Table, stream: IO[Any]) -> None:
    """Columns of 64-bit integers, doubles or text. Raises EdgesimError where pyarrow is missing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EdgesimError("writing Parquet needs the pyarrow package: pip install 'edgesim[parquet]'") from error
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    arrays = [pyarrow.array(_alike(column)) for column in columns]
    pyarrow.parquet.write_table(pyarrow.table(arrays, names=table.names()), stream)


def write_file(table: Table, path: str, write: Callable[[Table, IO[Any]], None], binary: bool = False) -> None:
    """Whole or not at all; ``-`` is standard output. Raises EdgesimError."""
    if path == STANDARD_OUTPUT:
        import sys

        write(table, sys.stdout.buffer if binary else sys.stdout)
        return
    with atomic_file(Path(path)) as stream:
        write(table, getattr(stream, "buffer") if binary else stream)  # noqa: B009 (a text stream on a file has one, typing.TextIO need not)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _alike(column: tuple[Any, ...]) -> list[Any]:
    """Parquet has one type for a column: text where there is any."""
    if any(isinstance(value, str) for value in column):
        return [None if value is None else str(value) for value in column]
    return list(column)
