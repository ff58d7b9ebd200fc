"""Power recorded in a CSV file: read and checked, each mistake with its line."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.charging.source import ChargingSource

TIME, POWER = "time_s", "power_w"
MAX_BYTES = 100_000_000
_MAX_PROBLEMS = 10


class ChargingProfile(ChargingSource):
    """Each row's power holds until the next row's time, the last one's for good, or until the file begins anew."""

    kind: Literal["profile"] = "profile"
    file: str = Field(description="CSV file with the columns time_s and power_w, relative to the scenario")
    loop: bool = Field(default=False, description="begin anew at the time of the last row, whose power then counts for nothing")

    def steps(self, directory: Path) -> Iterator[tuple[float, float]]:
        rows = read_profile(directory / self.file)
        if rows[0][0] > 0:
            rows.insert(0, (0.0, 0.0))
        if not self.loop:
            yield from rows
            return
        round_s = rows[-1][0]
        for number in itertools.count():
            yield from ((number * round_s + time_s, power_w) for time_s, power_w in rows[:-1])


def read_profile(path: Path) -> list[tuple[float, float]]:
    """Times (s, ascending) and powers (W, not negative), at least one. Raises EdgesimError with file and line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EdgesimError(Problem(str(path), what=f"longer than {MAX_BYTES // 1_000_000} MB"))
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _rows(csv.reader(stream), str(path))
    except UnicodeDecodeError as error:
        raise EdgesimError(Problem(str(path), what=f"is not UTF-8 text (byte {error.start})")) from None
    except OSError as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {error.strerror or error}")) from None
    except csv.Error as error:
        raise EdgesimError(Problem(str(path), what=f"not CSV: {error}")) from None


def _rows(reader: Iterator[list[str]], file: str) -> list[tuple[float, float]]:
    names = [name.strip() for name in next(reader, [])]
    for column in (TIME, POWER):
        if column not in names:
            known = near_names(column, names) if names else "the file is empty"
            raise EdgesimError(Problem(file, 1, 1, what=f"no column {column!r} in the header; {known}"))
    places = names.index(TIME), names.index(POWER)
    rows, problems = list[tuple[float, float]](), list[Problem]()
    for row in reader:
        if not row:
            continue
        line = getattr(reader, "line_num", 0)
        found, wrong = _row(row, places, rows[-1][0] if rows else None)
        if wrong:
            problems.append(Problem(file, line, wrong[0], what=wrong[1]))
        else:
            rows.append(found)
        if len(problems) == _MAX_PROBLEMS:
            break
    if not rows and not problems:
        problems.append(Problem(file, 1, what="no rows below the header"))
    if problems:
        raise EdgesimError(problems)
    return rows


def _row(row: list[str], places: tuple[int, int], last_s: float | None) -> tuple[tuple[float, float], tuple[int, str] | None]:
    """Time and power of a row, or the column (counted in characters, from 1) and what is wrong there."""
    values = []
    for name, place in zip((TIME, POWER), places, strict=True):
        column = sum(len(cell) + 1 for cell in row[:place]) + 1
        if place >= len(row):
            return (0.0, 0.0), (column, f"the row ends before the column {name}")
        try:
            value = float(row[place])
        except ValueError:
            return (0.0, 0.0), (column, f"{name}: {row[place].strip()[:40]!r} is not a number")
        if not math.isfinite(value) or value < 0:
            return (0.0, 0.0), (column, f"{name}: {value:g} must be a finite number, not negative")
        if name == TIME and last_s is not None and value <= last_s:
            return (0.0, 0.0), (column, f"{name}: {value:g} s is not after the row above ({last_s:g} s); times must ascend")
        values.append(value)
    return (values[0], values[1]), None
