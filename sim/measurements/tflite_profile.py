"""TensorFlow Lite's operator profile: the table in a log, and the CSV file of ``--op_profiling_output_file``."""

from __future__ import annotations

import re

from sim.errors import Problem
from sim.measurements.measurement import Measurement, OperatorTiming, Readings, seconds_of
from sim.measurements.source import Source

_RUN_ORDER = re.compile(r"=\s*Run Order\s*=")
_CSV_HEADER = re.compile(r"^\s*node type\s*,", re.IGNORECASE)
_TABLE_HEADER = re.compile(r"\[node type\]", re.IGNORECASE)
_AVERAGE = ("avg ms", "avg_ms", "avg")  # names over the versions
_LOOKAHEAD = 12  # lines between a section's title and its table


def recognises(source: Source) -> bool:
    """A profile without the log around it."""
    return any(_CSV_HEADER.match(line) or _TABLE_HEADER.search(line) for line in source.lines)


def read(source: Source) -> Readings:
    """The sum over the operators of the regular runs, which is a little less than the latency: the profile does not hold that."""
    starts = [number for number, line in enumerate(source.lines, 1) if "Regular Benchmark Runs" in line]
    rows, problems = operators(source, starts[0] if starts else 0, "")
    if not rows:
        return Readings(problems=problems or [source.problem("the profile of the regular runs has no operators", 1)])
    total = sum(row.seconds for row in rows)
    what = f"operator times are summed, {1e3 * total:.4g} ms: the log's 'Inference (avg)' is the better measurement"
    line = starts[0] if starts else 1
    if total <= 0:
        return Readings(problems=[*problems, source.problem("the operators of the profile take no time", line)])
    measured = Measurement(source.stem, total, runtime="tflite", file=source.file, line=line, operators=tuple(rows))
    return Readings([measured], problems, [source.problem(what, line)])


def operators(source: Source, start: int, unit: str) -> tuple[list[OperatorTiming], list[Problem]]:
    """The first table in run order after line ``start`` (from 1; 0: from the beginning), or what is wrong with it."""
    lines = source.lines
    title = next((number for number in range(start, len(lines)) if _RUN_ORDER.search(lines[number])), start)
    for number in range(title, min(title + _LOOKAHEAD, len(lines))):
        header = _split(lines[number])
        if _CSV_HEADER.match(lines[number]) or _TABLE_HEADER.search(lines[number]):
            names = [name.strip("[] \t").lower() for name in header]
            average = next((names.index(name) for name in _AVERAGE if name in names), None)
            if average is None:
                shown = ", ".join(name for name in names if name)
                return [], [source.problem(f"no column 'avg ms' in the operator profile (columns: {shown}): a profile of another version", number + 1, 1)]
            return _rows(source, number + 1, names, average, unit)
    return [], []


def _split(line: str) -> list[str]:
    """Cells of a row: the CSV's, else the table's, which tabs separate."""
    cells = line.split(",") if line.count(",") >= 3 and line.count("\t") < 3 else [cell for cell in line.split("\t") if cell.strip()]
    return [cell.strip() for cell in cells]


def _rows(source: Source, start: int, names: list[str], average: int, unit: str) -> tuple[list[OperatorTiming], list[Problem]]:
    found, problems = list[OperatorTiming](), list[Problem]()
    name_at = names.index("name") if "name" in names else len(names) - 1
    for number in range(start, len(source.lines)):
        line = source.lines[number]
        cells = _split(line)
        if not line.strip() or line.lstrip().startswith("="):
            break
        if len(cells) <= average:
            problems.append(source.problem(f"{len(cells)} cells where the header has {len(names)}", number + 1, 1))
            break
        seconds = 0.0 if _is_zero(cells[average]) else seconds_of(cells[average], 1e-3)
        if isinstance(seconds, str):
            problems.append(source.problem(f"{names[average]}: {seconds}", number + 1, 1))
            break
        separator = ", " if line.count("\t") < 3 else " "
        found.append(OperatorTiming(separator.join(cells[name_at:]), cells[0], seconds, unit))
    return found, problems


def _is_zero(text: str) -> bool:
    """Operators may take less than the table shows."""
    return bool(re.fullmatch(r"0*\.?0*", text)) and bool(text)
