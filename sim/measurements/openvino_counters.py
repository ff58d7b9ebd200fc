"""Counters of OpenVINO's benchmark_app (``-report_type average_counters`` and ``detailed_counters``): a row a layer."""

from __future__ import annotations

from sim.measurements.cells import Cell, separator_of, split_cells
from sim.measurements.measurement import Measurement, OperatorTiming, Readings, seconds_of
from sim.measurements.source import Source

_NAME, _REAL = "layername", "realtime (ms)"
_EXECUTED = ("EXECUTED", "Status.EXECUTED")


def recognises(source: Source) -> bool:
    return any(line.strip().lower().startswith(_NAME) for line in source.lines[:50])


def read(source: Source) -> Readings:
    """The sum over the executed layers; of detailed counters the mean over the requests."""
    found, requests = Readings(), list[list[OperatorTiming]]()
    header: list[str] = []
    separator = ";"
    for number, line in enumerate(source.lines, 1):
        if line.strip().lower().startswith(_NAME):
            separator = separator_of(line)
            header = [cell.text.lower() for cell in split_cells(line, separator)]
            missing = [name for name in (_NAME, _REAL) if name not in header]
            if missing:
                found.problems.append(source.problem(f"no column {missing[0]!r} (columns: {', '.join(header)}): a report of another version", number, 1))
                return found
            requests.append([])
        elif header and line.strip():
            _layer(source, number, split_cells(line, separator), header, requests[-1], found)
    layers = [row for request in requests for row in request]
    total = sum(row.seconds for row in layers) / max(len(requests), 1)
    if total > 0:
        what = f"layer times are summed, {1e3 * total:.4g} ms: the latency of benchmark_report.csv is the better measurement"
        found.warnings.append(source.problem(what, 1))
        found.measurements.append(Measurement(source.stem, total, runtime="openvino", file=source.file, line=1, operators=tuple(requests[0])))
    return found


def _layer(source: Source, number: int, cells: list[Cell], header: list[str], rows: list[OperatorTiming], found: Readings) -> None:
    values = dict(zip(header, cells, strict=False))
    name = values[_NAME].text
    if name.lower().startswith("total"):
        return
    status = values.get("execstatus", Cell("EXECUTED", 0)).text
    if status not in _EXECUTED:
        return
    cell = values.get(_REAL, Cell("", 1))
    is_zero = cell.text.replace(".", "").strip("0") == "" and "0" in cell.text
    seconds = 0.0 if is_zero else seconds_of(cell.text, 1e-3)
    if isinstance(seconds, str):
        found.problems.append(source.problem(f"{_REAL}: {seconds}", number, cell.column))
    else:
        kind = values.get("layertype", Cell("", 0)).text
        rows.append(OperatorTiming(name, kind, seconds))
