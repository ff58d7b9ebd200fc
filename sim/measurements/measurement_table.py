"""edgesim's own table: CSV with a header, columns found by name, the unit of time in the column's name or in the cells.

``model,precision,threads,unit,runtime,ms`` in any order; only a model and a time are needed. ``#`` begins a comment. Commas,
semicolons (with decimal commas) and tabs separate.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from device_models.units import UnitError, parse_quantity
from sim.errors import Problem
from sim.measurements.cells import Cell, numbered_rows, separator_of
from sim.measurements.measurement import Measurement, Readings, canonical_precision, seconds_of
from sim.measurements.source import Source

MAX_PROBLEMS = 50
_ROLES: dict[str, tuple[str, ...]] = {
    "model": ("model", "network", "model_name", "name", "graph", "model_id", "net"),
    "precision": ("precision", "dtype", "data_type", "format", "number_format", "quantization"),
    "threads": ("threads", "num_threads", "n_threads", "cpu_threads", "nthreads", "thread_count"),
    "unit": ("unit", "compute_unit", "processor", "accelerator", "target", "delegate"),
    "runtime": ("runtime", "engine", "framework", "backend", "inference_engine"),
}
_SCALES = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6, "micros": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nsec": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
}  # fmt: skip
_STATED = {1.0: "s", 1e-3: "ms", 1e-6: "us", 1e-9: "ns"}
# What a column of times holds, the best first: a benchmark loop's steady time, not its slow start.
_MINOR = ("median", "p50", "min", "mean", "avg", "average")
_STATISTICS = ("", "latency", "inference", "time", "inference_time", "duration", *_MINOR)


@dataclass(frozen=True)
class _TimeColumn:
    index: int
    name: str
    column: int
    scale_s: float | None  # None: every cell states its unit
    rank: int


def recognises(source: Source) -> bool:
    """Any text whose first line that is no comment has cells and a letter: the last resort."""
    header = _header(source)
    return header is not None and source.data is None and len(header[1]) >= 2 and any(cell.text[:1].isalpha() for cell in header[1])


def read(source: Source) -> Readings:
    found = Readings()
    header = _header(source)
    assert header is not None
    line, names = header
    columns, time, problems = _columns(source, line, names)
    if problems:
        return Readings(problems=problems)
    assert time is not None
    tests = _tests(source, line, names, found)
    separator = separator_of(source.lines[line - 1])
    for number, cells in numbered_rows(source.lines[line:], separator):
        if len(found.problems) >= MAX_PROBLEMS:
            found.problems.append(source.problem("and perhaps more; the first are shown", line + number))
            break
        if [cell.text for cell in cells] == [cell.text for cell in names]:
            continue  # files put together keep their headers
        if all(index < len(cells) and cells[index].text == value for index, value in tests):
            _row(source, line + number, cells, columns, time, separator, found)
    return found


def _header(source: Source) -> tuple[int, list[Cell]] | None:
    for number, line in enumerate(source.lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return number, next(cells for _, cells in numbered_rows([line], separator_of(line)))
    return None


def _columns(source: Source, line: int, names: list[Cell]) -> tuple[dict[str, int], _TimeColumn | None, list[Problem]]:
    plain = [_plain_name(cell.text) for cell in names]
    columns: dict[str, int] = {}
    for role, aliases in _ROLES.items():
        index = next((plain.index(alias) for alias in aliases if alias in plain), None)
        if index is not None and index not in columns.values():
            columns[role] = index
    times = sorted((column for column in map(_time_column, range(len(names)), names) if column), key=lambda column: column.rank)
    problems = []
    shown = ", ".join(repr(cell.text[:40]) for cell in names[:20])
    if "model" not in columns:
        what = f"no column for the model{_near(plain, _ROLES['model'])}; the header has {shown}, edgesim reads model,precision,threads,unit,runtime,ms"
        problems.append(source.problem(what, line, 1))
    if not times:
        near = _near(plain, ("ms", "latency_ms", "latency_us", "latency_s"))
        what = f"no column for the time{near}; name it ms, latency_ms, latency_us or latency_s: the header has {shown}"
        problems.append(source.problem(what, line, 1))
    doubled = {name for name in plain if name and plain.count(name) > 1}
    problems += [source.problem(f"column {name!r} occurs twice", line, names[plain.index(name)].column) for name in sorted(doubled)]
    return columns, times[0] if times else None, problems


def _near(names: list[str], wanted: tuple[str, ...]) -> str:
    close = [name for name in names if difflib.get_close_matches(name, wanted, n=1, cutoff=0.75)]
    return f" (is {close[0]!r} it?)" if close else ""


def _plain_name(text: str) -> str:
    return re.sub(r"[\s\-./()\[\]]+", "_", text.strip().lower()).strip("_")


def _time_column(index: int, cell: Cell) -> _TimeColumn | None:
    words = [word for word in _plain_name(cell.text).split("_") if word]
    if not words:
        return None
    scale = _SCALES.get(words[-1])
    statistic = "_".join(words[:-1] if scale is not None else words)
    for filler in ("latency_", "inference_", "time_", "_latency", "_time", "_inference"):
        trimmed = statistic.removeprefix(filler) if filler.endswith("_") else statistic.removesuffix(filler)
        statistic = trimmed if trimmed in _MINOR else statistic
    if statistic not in _STATISTICS or (scale is None and statistic in ("", *_MINOR)):
        return None
    return _TimeColumn(index, cell.text, cell.column, scale, _STATISTICS.index(statistic))


def _tests(source: Source, line: int, names: list[Cell], found: Readings) -> list[tuple[int, str]]:
    texts = [cell.text for cell in names]
    tests = []
    for column, value in source.where:
        if column in texts:
            tests.append((texts.index(column), value))
        else:
            close = difflib.get_close_matches(column, texts, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"columns: {', '.join(texts)}"
            found.problems.append(source.problem(f"--where: no column {column!r}; {hint}", line, 1))
    return tests


def _row(source: Source, line: int, cells: list[Cell], columns: dict[str, int], time: _TimeColumn, separator: str, found: Readings) -> None:
    values = {role: cells[index] if index < len(cells) else Cell("", len(source.lines[line - 1]) + 1) for role, index in columns.items()}
    problems = []
    if not values["model"].text:
        problems.append(source.problem("the model is empty", line, values["model"].column))
    threads = _threads(values.get("threads"))
    if isinstance(threads, str):
        problems.append(source.problem(f"threads: {threads}", line, values["threads"].column))
    cell = cells[time.index] if time.index < len(cells) else Cell("", len(source.lines[line - 1]) + 1)
    seconds = _seconds(cell.text, time, separator)
    if isinstance(seconds, str):
        problems.append(source.problem(f"{time.name}: {seconds}", line, cell.column))
    found.problems += problems
    if problems or isinstance(seconds, str) or isinstance(threads, str):
        return
    found.measurements.append(
        Measurement(
            model=values["model"].text,
            seconds=seconds,
            precision=canonical_precision(values["precision"].text) if "precision" in values else "",
            threads=threads,
            unit=values["unit"].text if "unit" in values else "",
            runtime=values["runtime"].text if "runtime" in values else "",
            file=source.file,
            line=line,
            column=cell.column,
            stated=_STATED.get(time.scale_s or 0.0, ""),
            columns=tuple((role, cell.column) for role, cell in values.items()),
        )
    )


def _threads(cell: Cell | None) -> int | str | None:
    if cell is None or not cell.text:
        return None
    try:
        number = float(cell.text)
    except ValueError:
        return f"{cell.text[:40]!r} is not a whole number"
    return int(number) if 1 <= number <= 4096 and number == int(number) else f"{cell.text[:40]!r} is not a whole number of at least 1"


def _seconds(text: str, time: _TimeColumn, separator: str) -> float | str:
    if separator == ";" and re.fullmatch(r"\d*,\d+", text):
        text = text.replace(",", ".")
    if time.scale_s is not None and not re.search(r"[a-zµμ]\s*$", text, re.IGNORECASE):
        return seconds_of(text, time.scale_s)
    if text.strip().lower() in ("nan", "inf", "+inf", "-inf", "infinity", "-nan"):
        return seconds_of(text, 1.0)
    try:
        return seconds_of(parse_quantity(text, "time"), 1.0)
    except UnitError as error:
        what = str(error)
        return what if time.scale_s is not None else f"{what}; give the unit in the column's name: latency_ms, latency_us or latency_s"
