"""Measured temperature traces in CSV: columns found by name, units by name or size, each mistake with its line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.errors import EdgesimError, Problem
from sim.registry import near_names

MAX_BYTES = 100_000_000
LEAST_ROWS = 10
LEAST_RANGE_K = 1.0
TEMPERATURE_UNITS = ("degC", "K", "degF", "mdegC")
_MAX_PROBLEMS = 10
_HOTTEST_C = 130.0  # no SoC is specified beyond 125 degC
_COLDEST_C = -100.0
_LARGEST = {"time": 1e20, "temperature": 1e9, "power": 1e9, "clock": 1e15}  # nanoseconds since 1970 are 2e18
_TO_CELSIUS: dict[str, Callable[[float], float]] = {
    "degC": float,
    "K": lambda value: value - 273.15,
    "degF": lambda value: (value - 32) / 1.8,
    "mdegC": lambda value: value / 1e3,
}
# What a column is, by words of its name; the first pattern that some column matches wins.
_ROLES: dict[str, tuple[str, ...]] = {
    "time": (r"^(t|time|elapsed|seconds?|timestamp)$", r"^(t|time|elapsed|timestamp)_", r"time|elapsed"),
    "temperature": (r"^(soc|cpu|die)_?temp", r"temp", r"_(deg)?c$|celsius"),
    "power": (r"^power", r"power|watt", r"_m?w$"),
    "phase": (r"^phase$", r"phase"),
    "clock": (r"clock|freq", r"_[kmg]?hz$"),
}
_TIME_SCALES = {"ms": 1e-3, "msec": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "minutes": 60.0, "h": 3600.0}
_POWER_SCALES = {"mw": 1e-3, "uw": 1e-6}
_CLOCK_SCALES = {"ghz": 1e9, "mhz": 1e6, "khz": 1e3}


@dataclass(frozen=True)
class TemperatureTrace:
    """Columns ``[samples]`` of one run: seconds from its first sample, degC, and what else the file has (None if it has not)."""

    time_s: NDArray[np.float64]
    temperature_c: NDArray[np.float64]
    power_w: NDArray[np.float64] | None
    clock_hz: NDArray[np.float64] | None
    phase: tuple[str, ...] | None
    columns: dict[str, str]  # role -> the column it was read from
    file: str


def read_temperature_trace(
    path: Path,
    choice: dict[str, str] | None = None,
    where: Sequence[tuple[str, str]] = (),
    temperature_unit: str | None = None,
) -> TemperatureTrace:
    """One run of a CSV file with a header. ``choice``: role -> column where names do not tell; ``where``: only rows with ``(column, value)``.

    Raises EdgesimError with file and line: time going backwards, empty and odd cells, too few rows, a temperature that does not
    change, values that look like kelvin, Fahrenheit or thousandths.
    """
    return _Reader(path, choice or {}, tuple(where), temperature_unit).read()


class _Reader:
    def __init__(self, path: Path, choice: dict[str, str], where: tuple[tuple[str, str], ...], unit: str | None) -> None:
        self.path, self.file, self.choice, self.where, self.unit = path, str(path), choice, where, unit
        self.problems: list[Problem] = []

    def read(self) -> TemperatureTrace:
        header, lines = self._lines()
        columns = self._columns(header)
        rows = self._chosen(header, lines)
        if len(rows) < LEAST_ROWS:
            self._stop(rows[-1][0] if rows else 1, f"{len(rows)} rows; a fit needs at least {LEAST_ROWS}" + self._which(header, lines))
        numbers = {role: self._numbers(role, name, header.index(name), rows) for role, name in columns.items() if role != "phase"}
        if self.problems:
            raise EdgesimError(self.problems)
        lines_of = [line for line, _ in rows]
        self._check_time(numbers["time"], lines_of, header, lines)
        time = (numbers["time"] - numbers["time"][0]) * _scale(columns["time"], _TIME_SCALES)
        if float(np.median(np.diff(time))) > 100:
            self._stop(1, f"{columns['time']}: {np.median(np.diff(time)):g} s between samples; if these are milliseconds, name the column time_ms")
        celsius = self._celsius(numbers["temperature"], columns["temperature"])
        coldest = int(np.argmin(celsius))
        if celsius[coldest] < _COLDEST_C:
            self._stop(lines_of[coldest], f"{columns['temperature']}: {celsius[coldest]:g} degC is colder than any device; is the unit right?")
        if float(np.ptp(celsius)) < LEAST_RANGE_K:
            self._stop(lines_of[0], f"{columns['temperature']}: changes by {np.ptp(celsius):g} K only; a fit needs a step of the load")
        power, clock = numbers.get("power"), numbers.get("clock")
        phase = tuple(row[header.index(columns["phase"])].strip() for _, row in rows) if "phase" in columns else None
        return TemperatureTrace(
            time,
            celsius,
            None if power is None else power * _scale(columns["power"], _POWER_SCALES),
            None if clock is None else clock * _scale(columns["clock"], _CLOCK_SCALES),
            phase,
            columns,
            self.file,
        )

    def _lines(self) -> tuple[list[str], list[tuple[int, list[str]]]]:
        try:
            if self.path.stat().st_size > MAX_BYTES:
                self._stop(0, f"longer than {MAX_BYTES // 1_000_000} MB")
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.reader(stream)
                table = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
        except UnicodeDecodeError as error:
            raise EdgesimError(Problem(self.file, what=f"is not UTF-8 text (byte {error.start})")) from None
        except csv.Error as error:
            raise EdgesimError(Problem(self.file, what=f"is not CSV: {error}")) from None
        except OSError as error:
            raise EdgesimError(Problem(self.file, what=f"cannot be read: {error.strerror or error}")) from None
        if not table:
            self._stop(1, "the file is empty")
        return [name.strip() for name in table[0][1]], table[1:]

    def _columns(self, header: list[str]) -> dict[str, str]:
        """Role -> column; time and temperature must be there."""
        found = {}
        for role, patterns in _ROLES.items():
            asked = self.choice.get(role)
            if asked is not None and asked not in header:
                self._stop(1, f"no column {asked!r}; {near_names(asked, header)}")
            name = asked or _match(patterns, header)
            if name is not None:
                found[role] = name
            elif role in ("time", "temperature"):
                self._stop(1, f"no column looks like a {role} (columns: {', '.join(header)}); name it with --{role}-column")
        return found

    def _chosen(self, header: list[str], lines: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
        for column, _ in self.where:
            if column not in header:
                self._stop(1, f"no column {column!r}; {near_names(column, header)}")
        tests = [(header.index(column), value) for column, value in self.where]
        return [(line, row) for line, row in lines if all(at < len(row) and row[at].strip() == value for at, value in tests)]

    def _numbers(self, role: str, name: str, at: int, rows: list[tuple[int, list[str]]]) -> NDArray[np.float64]:
        values = np.full(len(rows), np.nan)
        for index, (line, row) in enumerate(rows):
            text = row[at].strip() if at < len(row) else ""
            if not text and role == "clock":
                continue  # known in places is enough: it is shown, not computed with
            try:
                values[index] = float(text)
            except ValueError:
                self._note(line, name, f"{text[:40]!r} is not a number" if text else "is empty")
                continue
            if not math.isfinite(values[index]):
                self._note(line, name, f"{text[:40]!r} is not a finite number")
            elif abs(values[index]) > _LARGEST[role]:
                self._note(line, name, f"{text[:40]!r} is out of any range")
            elif role == "power" and values[index] < 0:
                self._note(line, name, f"power {values[index]:g} is negative")
        return values

    def _check_time(self, time: NDArray[np.float64], lines_of: list[int], header: list[str], lines: list[tuple[int, list[str]]]) -> None:
        wrong = np.flatnonzero(np.diff(time) <= 0)
        if len(wrong):
            at = int(wrong[0]) + 1
            kind = "is the same as" if time[at] == time[at - 1] else "is before"
            self._stop(lines_of[at], f"time {time[at]:g} {kind} the row above ({time[at - 1]:g}); times must ascend" + self._which(header, lines))

    def _which(self, header: list[str], lines: list[tuple[int, list[str]]]) -> str:
        """A hint where a column of words says that the file holds several runs."""
        for at, name in enumerate(header):
            values = list(dict.fromkeys(row[at].strip() for _, row in lines if at < len(row)))
            if 1 < len(values) <= 200 and not any(_is_number(value) for value in values) and len(values) * LEAST_ROWS <= len(lines):
                return f"; the file holds several runs: choose one with --where {name}=... ({', '.join(values[:4])}{' ...' if len(values) > 4 else ''})"
        return ""

    def _celsius(self, values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        unit = self.unit or _named_unit(name)
        if unit is not None:
            return np.array([_TO_CELSIUS[unit](value) for value in values])
        middle, highest = float(np.median(values)), float(values.max())
        if middle > 1000:
            looks, flag = "thousandths of a degree", "mdegC"
        elif middle > 250:
            looks, flag = "kelvin", "K"
        elif highest > _HOTTEST_C:
            looks, flag = "degrees Fahrenheit", "degF"
        else:
            return values
        self._stop(1, f"{name}: {middle:g} (median) up to {highest:g} looks like {looks}; say --temperature-unit {flag}, or degC if they are right as they are")
        raise AssertionError

    def _note(self, line: int, name: str, what: str) -> None:
        self.problems.append(Problem(self.file, line, what=f"{name}: {what}"))
        if len(self.problems) >= _MAX_PROBLEMS:
            raise EdgesimError(self.problems)

    def _stop(self, line: int, what: str) -> None:
        raise EdgesimError(Problem(self.file, line, what=what))


def _match(patterns: tuple[str, ...], header: list[str]) -> str | None:
    return next((name for pattern in patterns for name in header if re.search(pattern, _plain(name))), None)


def _plain(name: str) -> str:
    """``SoC temp [degC]`` -> ``soc_temp_degc``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _scale(name: str, scales: dict[str, float]) -> float:
    return scales.get(_plain(name).rsplit("_", 1)[-1], 1.0)


def _named_unit(name: str) -> str | None:
    plain = _plain(name)
    endings = {"k": "K", "kelvin": "K", "f": "degF", "degf": "degF", "fahrenheit": "degF", "mc": "mdegC", "mdegc": "mdegC", "millic": "mdegC"}
    return endings.get(plain.rsplit("_", 1)[-1]) if "_" in plain else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
