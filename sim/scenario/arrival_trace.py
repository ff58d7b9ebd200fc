"""Arrival times recorded in a CSV file: read and checked, each mistake with its line."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.csv_rows import numbered_rows

MAX_BYTES = 500_000_000
_MAX_PROBLEMS = 10


def read_arrival_trace(path: Path, column: str) -> NDArray[np.float64]:
    """The column's times, in seconds: non-negative and ascending, at least one. Raises EdgesimError with file and line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what=f"longer than {MAX_BYTES // 1_000_000} MB"))
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _times(csv.reader(stream), str(path), column)
    except UnicodeDecodeError as error:
        raise EdgesimError(Problem(str(path), what=f"is not UTF-8 text (byte {error.start})")) from None
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None


def round_s(times: NDArray[np.float64]) -> float:
    """How long one round of a trace that repeats lasts [s]: to the last time and one mean gap, so that an even trace stays even."""
    return float(times[-1] + (times[-1] - times[0]) / max(1, len(times) - 1))


def _times(rows: Iterator[list[str]], file: str, column: str) -> NDArray[np.float64]:
    lines = numbered_rows(rows, file)
    _, header = next(lines, (0, []))
    names = [name.strip() for name in header]
    if column not in names:
        known = near_names(column, names) if names else "the file is empty"
        raise EdgesimError(Problem(file, 1, 1, what=f"no column {column!r} in the header; {known}"))
    at = names.index(column)
    times, problems, last = array("d"), list[Problem](), 0.0
    for line, row in lines:
        time, wrong = _time(row, at, last)
        if wrong:
            problems.append(Problem(file, line, what=f"{column}: {wrong}"))
            if len(problems) == _MAX_PROBLEMS:
                break
        else:
            times.append(time)
            last = time
    if not times and not problems:
        problems.append(Problem(file, 1, what=f"no arrival times below the header in column {column!r}"))
    if problems:
        raise EdgesimError(problems)
    return np.frombuffer(times, dtype=np.float64)


def _time(row: list[str], at: int, last: float) -> tuple[float, str]:
    if at >= len(row):
        return 0.0, "the row ends before this column"
    text = row[at].strip()
    try:
        time = float(text)
    except ValueError:
        return 0.0, f"{text[:40]!r} is not a number (of seconds)"
    if not math.isfinite(time):
        return 0.0, f"{text[:40]!r} is not a finite number"
    if time < 0:
        return 0.0, f"{time:g} s is negative"
    if time < last:
        return 0.0, f"{time:g} s is before the row above ({last:g} s); times must ascend"
    return time, ""
