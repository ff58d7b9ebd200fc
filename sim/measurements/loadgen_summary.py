"""MLPerf LoadGen's summary: latencies in nanoseconds, of the scenario that sends one query at a time."""

from __future__ import annotations

import re

from sim.measurements.measurement import Measurement, Readings, seconds_of
from sim.measurements.source import Source

_TITLE = "MLPerf Results Summary"
_FIELD = re.compile(r"^\s*([^:]+?)\s*:\s*(.+?)\s*$")
# The best first: what a run of its own would take, without the tail.
_LATENCIES = ("50.00 percentile latency (ns)", "Mean latency (ns)", "90th percentile latency (ns)", "90.00 percentile latency (ns)")


def recognises(source: Source) -> bool:
    return _TITLE in source.text


def read(source: Source) -> Readings:
    found = Readings()
    starts = [number for number, line in enumerate(source.lines) if _TITLE in line]
    for start, stop in zip(starts, [*starts[1:], len(source.lines)], strict=True):
        _summary(source, start, stop, found)
    return found


def _summary(source: Source, start: int, stop: int, found: Readings) -> None:
    fields: dict[str, tuple[int, str, int]] = {}
    for number in range(start, stop):
        if match := _FIELD.match(source.lines[number]):
            fields.setdefault(match[1], (number + 1, match[2], match.start(2) + 1))
    scenario = fields.get("Scenario", (start + 1, "", 1))
    if scenario[1] not in ("SingleStream", ""):
        what = f"scenario {scenario[1]}: its times contain waiting or several samples; a calibration needs SingleStream"
        found.problems.append(source.problem(what, scenario[0], scenario[2]))
        return
    key = next((name for name in _LATENCIES if name in fields), None)
    if key is None:
        found.problems.append(source.problem("no latency in nanoseconds: a summary of another version, or cut off", start + 1, 1))
        return
    line, text, column = fields[key]
    seconds = seconds_of(text, 1e-9)
    if isinstance(seconds, str):
        found.problems.append(source.problem(f"{key}: {seconds}", line, column))
        return
    result = fields.get("Result is")
    if result is not None and result[1] != "VALID":
        found.warnings.append(source.problem(f"the run is {result[1]}: LoadGen's rules for duration or queries were not met", result[0], result[2]))
    if "90" in key:
        found.warnings.append(source.problem("only the 90th percentile is there, which lies above a typical run", line, column))
    name = fields["SUT name"][1] if source.stem == "mlperf_log_summary" and "SUT name" in fields else source.stem
    found.measurements.append(Measurement(name, seconds, file=source.file, line=line, column=column))
