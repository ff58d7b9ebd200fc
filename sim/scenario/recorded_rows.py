"""Recorded rows of a CSV file, one per request: scores, whether answers are right, keys. Read and checked, each mistake with its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.csv_rows import numbered_rows

MAX_BYTES = 500_000_000
_MAX_PROBLEMS = 10
_RIGHT = {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
Cell = Callable[[str], tuple[Any, str]]  # text -> value, and what is wrong with it


def read_scores(path: Path, column: str) -> NDArray[np.float64]:
    """A column of finite numbers ``[rows]``. Raises EdgesimError with file and line."""
    return np.array(_column(path, column, _number), dtype=np.float64)


def read_right(path: Path, column: str) -> NDArray[np.float64]:
    """A column that says whether answers are right ``[rows]``: 1 or 0 (also true, false). Raises EdgesimError with file and line."""
    return np.array(_column(path, column, _truth), dtype=np.float64)


def read_sizes(path: Path, column: str) -> NDArray[np.float64]:
    """A column of bytes ``[rows]``, each more than 0. Raises EdgesimError with file and line."""
    return np.array(_column(path, column, _size), dtype=np.float64)


def read_keys(path: Path, column: str) -> NDArray[np.int64]:
    """A column of any text as numbers ``[rows]``, the same for the same text, from 0 in the order of first use."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(text, len(known)) for text in _column(path, column, lambda text: (text, ""))], dtype=np.int64)


def _column(path: Path, column: str, read: Cell) -> list[Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what=f"longer than {MAX_BYTES // 1_000_000} MB"))
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _cells(numbered_rows(csv.reader(stream), str(path)), str(path), column, read)
    except UnicodeDecodeError as error:
        raise EdgesimError(Problem(str(path), what=f"is not UTF-8 text (byte {error.start})")) from None
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None


def _cells(rows: Iterator[tuple[int, Sequence[str]]], file: str, column: str, read: Cell) -> list[Any]:
    _, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    if column not in names:
        raise EdgesimError(Problem(file, 1, 1, what=f"no column {column!r} in the header; {near_names(column, names) if names else 'the file is empty'}"))
    at, values, problems = names.index(column), list[Any](), list[Problem]()
    for line, row in rows:
        value, wrong = read(row[at].strip()) if at < len(row) else (None, "the row ends before this column")
        if wrong:
            problems.append(Problem(file, line, what=f"{column}: {wrong}"))
            if len(problems) == _MAX_PROBLEMS:
                break
        values.append(value)
    if not values:
        problems.append(Problem(file, 1, what=f"no rows below the header in column {column!r}"))
    if problems:
        raise EdgesimError(problems)
    return values


def _number(text: str) -> tuple[float, str]:
    try:
        value = float(text)
    except ValueError:
        return 0.0, f"{text[:40]!r} is not a number"
    return (value, "") if math.isfinite(value) else (0.0, f"{text[:40]!r} is not a finite number")


def _truth(text: str) -> tuple[float, str]:
    value = _RIGHT.get(text.lower())
    return (0.0, f"{text[:40]!r} says neither right (1) nor wrong (0)") if value is None else (value, "")


def _size(text: str) -> tuple[float, str]:
    value, wrong = _number(text)
    return (value, wrong or (f"{value:g} bytes; an entry takes some" if value <= 0 else ""))
