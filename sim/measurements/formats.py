"""The table of formats, and which one a file has: told by its content, never by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.errors import EdgesimError
from sim.measurements import (
    aihub_job,
    loadgen_summary,
    measurement_table,
    ncnn_benchmark,
    onnxruntime_profile,
    openvino_counters,
    openvino_report,
    tflite_benchmark,
    tflite_profile,
    trtexec_json,
    trtexec_log,
)
from sim.measurements.measurement import Readings
from sim.measurements.source import Source, read_source


@dataclass(frozen=True)
class Format:
    """What a tool prints: how to tell it, and how to read it. ``read`` reports mistakes in what it returns."""

    title: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], Readings]


# The first that recognises a file reads it: marked formats before the plain table, which takes anything with a header.
FORMATS: dict[str, Format] = {
    "ai_hub": Format("Qualcomm AI Hub profile job (JSON)", aihub_job.recognises, aihub_job.read),
    "onnxruntime": Format("ONNX Runtime profile (JSON)", onnxruntime_profile.recognises, onnxruntime_profile.read),
    "trtexec_json": Format("trtexec --exportTimes or --exportProfile (JSON)", trtexec_json.recognises, trtexec_json.read),
    "openvino_report": Format("OpenVINO benchmark_app report (CSV, JSON, console)", openvino_report.recognises, openvino_report.read),
    "openvino_counters": Format("OpenVINO benchmark_app counters (CSV)", openvino_counters.recognises, openvino_counters.read),
    "tflite": Format("TensorFlow Lite benchmark_model log", tflite_benchmark.recognises, tflite_benchmark.read),
    "tflite_profile": Format("TensorFlow Lite operator profile (CSV)", tflite_profile.recognises, tflite_profile.read),
    "trtexec": Format("trtexec log", trtexec_log.recognises, trtexec_log.read),
    "ncnn": Format("ncnn benchncnn output", ncnn_benchmark.recognises, ncnn_benchmark.read),
    "loadgen": Format("MLPerf LoadGen summary", loadgen_summary.recognises, loadgen_summary.read),
    "table": Format("table of measurements (CSV)", measurement_table.recognises, measurement_table.read),
}


def read_measurements(paths: Sequence[Path], where: Sequence[tuple[str, str]] = ()) -> Readings:
    """What the files say, each by its format. ``where``: (column, value) pairs that rows of tables must have.

    Mistakes are in the result (``problems``, ``warnings``), those of unreadable files too; nothing is raised.
    """
    found = Readings()
    for path in dict.fromkeys(paths):
        try:
            found.add(read_text_source(read_source(path, tuple(where))))
        except EdgesimError as error:
            found.problems += error.problems
    return found


def read_text_source(source: Source) -> Readings:
    """What one file says; never raises for anything in it."""
    if not source.text.strip():
        return Readings(problems=[source.problem("the file is empty", 1)])
    chosen = next((known for known in FORMATS.values() if known.recognises(source)), None)
    if chosen is None:
        known = ", ".join(form.title for form in FORMATS.values())
        return Readings(problems=[source.damage or source.problem(f"holds no measurements edgesim can read; it reads: {known}")])
    found = chosen.read(source)
    if not (found.measurements or found.problems):
        found.problems.append(source.problem(f"{chosen.title}: holds no latency"))
    return found
