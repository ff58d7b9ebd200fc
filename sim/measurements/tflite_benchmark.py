"""TensorFlow Lite's benchmark_model: its log, several runs in one file, with the operator tables of ``--enable_op_profiling``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath

from sim.measurements import tflite_profile
from sim.measurements.measurement import Measurement, OperatorTiming, Readings, seconds_of
from sim.measurements.source import Source

_TIMINGS = re.compile(r"Inference timings in us:")
_AVERAGE = re.compile(r"Inference \(avg\):\s*([^\s,]+)")
_GRAPH = re.compile(r"(?:Graph: \[([^\]]+)\]|--graph=(\S+)|Loaded model (\S+))")
_THREADS = re.compile(r"(?:[Nn]um threads: \[(\d{1,6})\]|#threads used for CPU inference: \[(\d{1,6})\]|--num_threads=(\d{1,6}))")
_START = re.compile(r"STARTING!")
_PROFILE = re.compile(r"Operator-wise Profiling Info for Regular Benchmark Runs|Summary by node type|Profiling Info for Benchmark Initialization")
_DELEGATES = {
    # the kind of unit -> what a log says of its delegate
    "gpu": re.compile(r"Use gpu: \[1\]|--use_gpu=(?:true|1)|GPU delegate created|Created TensorFlow Lite delegate for GPU", re.IGNORECASE),
    "npu": re.compile(
        r"Use NNAPI: \[1\]|--use_nnapi=(?:true|1)|Use Hexagon: \[1\]|--use_hexagon=(?:true|1)|delegate for NNAPI|QnnDelegate"
        r"|libQnnTFLiteDelegate|libedgetpu|EdgeTpuDelegate",
        re.IGNORECASE,
    ),
}
_FALLBACK = re.compile(r"will not be executed by the delegate|Replacing (\d+) out of (\d+) node\(s\) with delegate")


def recognises(source: Source) -> bool:
    """The line of timings that every version prints, or the log of a run that did not get so far."""
    return bool(_TIMINGS.search(source.text)) or ("STARTING!" in source.text and bool(_GRAPH.search(source.text)) and "Num threads" in source.text)


@dataclass
class _Run:
    model: str = ""
    threads: int | None = None
    unit: str = "cpu"
    seconds: float | None = None
    line: int = 0
    column: int = 0
    operators: list[OperatorTiming] = field(default_factory=list)


def read(source: Source) -> Readings:
    found, runs, run = Readings(), list[_Run](), _Run()
    lines = source.lines
    for number, line in enumerate(lines, 1):
        if _START.search(line) and run.seconds is not None:
            runs.append(run)
            run = _Run()
        _settings(line, run)
        if _TIMINGS.search(line):
            if run.seconds is not None:  # logs put together without their beginnings
                runs.append(run)
                run = _Run(run.model, run.threads, run.unit)
            _timings(source, number, line, run, found)
        elif _PROFILE.search(line) and "Regular" in line and not run.operators:
            run.operators, problems = tflite_profile.operators(source, number, run.unit)
            found.problems += problems
    for each in (*runs, run):
        _measured(source, each, found)
    return found


def _settings(line: str, run: _Run) -> None:
    if (match := _GRAPH.search(line)) and not (run.model and match[3]):
        run.model = file_stem(next(group for group in match.groups() if group))
    if match := _THREADS.search(line):
        run.threads = max(int(next(group for group in match.groups() if group)), 1)
    run.unit = next((unit for unit, pattern in _DELEGATES.items() if pattern.search(line)), run.unit)
    match = _FALLBACK.search(line)
    if match and (match[1] is None or int(match[1][:9]) == 0):
        run.unit = "cpu"


def _timings(source: Source, number: int, line: str, run: _Run, found: Readings) -> None:
    match = _AVERAGE.search(line)
    if match is None:
        found.problems.append(source.problem("no 'Inference (avg)' in the line of timings: a log of another version, or cut off", number, 1))
        return
    seconds = seconds_of(match[1], 1e-6)
    if isinstance(seconds, str):
        found.problems.append(source.problem(f"Inference (avg): {seconds}", number, match.start(1) + 1))
        return
    run.seconds, run.line, run.column = seconds, number, match.start(1) + 1


def _measured(source: Source, run: _Run, found: Readings) -> None:
    if run.seconds is None:
        if not (found.problems or found.measurements):
            found.problems.append(source.problem("benchmark_model did not come to its timings: no line 'Inference timings in us'", len(source.lines)))
        return
    threads = run.threads if run.unit == "cpu" else None
    found.measurements.append(
        Measurement(run.model or source.stem, run.seconds, "", threads, run.unit, "tflite", source.file, run.line, run.column, operators=tuple(run.operators))
    )


def file_stem(text: str) -> str:
    """The name of a model file without folders and suffix, from a path of any system."""
    name = PureWindowsPath(text).name if "\\" in text else PurePosixPath(text).name
    return name.rsplit(".", 1)[0] if "." in name[1:] else name
