"""trtexec's log: the performance summary, in milliseconds."""

from __future__ import annotations

import re

from sim.measurements.measurement import Measurement, Readings, seconds_of
from sim.measurements.source import Source
from sim.measurements.tflite_benchmark import file_stem

_LATENCY = re.compile(r"(?<!Host )\bLatency: (?=min = )")
_COMPUTE = re.compile(r"GPU Compute(?: Time)?: (?=min = )")
_MEDIAN = re.compile(r"median = (\S+) ms")
_MODEL = re.compile(r"--(?:onnx|loadEngine|uff|deploy)=(\S+)")
_RUNNING = re.compile(r"&&&& RUNNING|=== Model Options ===")


def recognises(source: Source) -> bool:
    """The tool's own words."""
    return ("trtexec" in source.text and (bool(_LATENCY.search(source.text)) or "&&&&" in source.text)) or bool(_COMPUTE.search(source.text))


def read(source: Source) -> Readings:
    found, model, precision, by_compute = Readings(), "", "", None
    for number, line in enumerate(source.lines, 1):
        if _RUNNING.search(line):
            model, precision, by_compute = (model, precision, by_compute) if "===" in line else ("", "", None)
        if match := _MODEL.search(line):
            model = file_stem(match[1])
        precision = _precision(line, precision)
        if _COMPUTE.search(line):
            by_compute = (number, line)
        elif _LATENCY.search(line):
            _measured(source, number, line, model, precision, found)
            by_compute = None
    if by_compute is not None and not found.measurements:  # versions without a line of latency
        _measured(source, *by_compute, model, precision, found)
    if not (found.measurements or found.problems):
        found.problems.append(source.problem("trtexec did not come to its performance summary: no line 'Latency: min = ...'", len(source.lines)))
    return found


def _precision(line: str, known: str) -> str:
    if "--int8" in line or "--best" in line:
        return "int8"
    return "float16" if "--fp16" in line else known


def _measured(source: Source, number: int, line: str, model: str, precision: str, found: Readings) -> None:
    match = _MEDIAN.search(line)
    if match is None:
        found.problems.append(source.problem("no median in the line of latencies: a log of another version, or cut off", number, 1))
        return
    seconds = seconds_of(match[1], 1e-3)
    if isinstance(seconds, str):
        found.problems.append(source.problem(f"median: {seconds}", number, match.start(1) + 1))
        return
    found.measurements.append(Measurement(model or source.stem, seconds, precision, None, "gpu", "tensorrt", source.file, number, match.start(1) + 1))
