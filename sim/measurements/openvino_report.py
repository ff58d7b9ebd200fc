"""OpenVINO's benchmark_app: its report as CSV (``benchmark_report.csv``) or JSON (``-json_stats``), and what it prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sim.measurements.json_fields import mapping
from sim.measurements.measurement import Measurement, Readings, canonical_precision, seconds_of
from sim.measurements.source import Source
from sim.measurements.tflite_benchmark import file_stem

_LATENCIES = ("median latency (ms)", "latency (ms)", "latency_median", "latency_median (ms)", "avg latency", "latency_avg", "average latency (ms)")
_RESULTS = re.compile(r"^\s*Execution results\s*;?\s*$", re.MULTILINE)
_CONSOLE = re.compile(r"\[ INFO \]\s+(Median|Average|AVG)\s*:\s*(\S+)(?:\s*ms)?", re.IGNORECASE)
_OPTION = re.compile(r"(?:^|\s)-(m|d|nireq|nthreads|api|hint)[ =]\"?([^\s\"]+)")
_DEVICES = re.compile(r"Execution Devices:\s*\[?'?([A-Za-z]+)")
_REQUESTS = re.compile(r"(\d{1,6}) inference requests|Start inference (synchronously)")
_UNITS = {"cpu": "cpu", "gpu": "gpu", "npu": "npu", "vpu": "npu", "myriad": "npu"}


class _Field(NamedTuple):
    text: Any
    line: int
    column: int


def recognises(source: Source) -> bool:
    """Its sections, in any of the three forms."""
    if isinstance(source.data, dict):
        return "execution_results" in source.data
    return bool(_RESULTS.search(source.text)) or ("[Step " in source.text and "OpenVINO" in source.text)


def read(source: Source) -> Readings:
    if isinstance(source.data, dict):
        return _from_fields(source, _json_fields(source.data))
    if _RESULTS.search(source.text):
        return _from_fields(source, _csv_fields(source))
    return _console(source)


def _json_fields(data: Mapping[str, Any]) -> dict[str, _Field]:
    sections = ("cmd_options", "configuration_setup", "execution_results")
    return {str(key).lower(): _Field(value, 0, 0) for name in sections for key, value in mapping(data, name).items()}


def _csv_fields(source: Source) -> dict[str, _Field]:
    fields = {}
    for number, line in enumerate(source.lines, 1):
        key, separator, value = line.partition(";")
        if separator:
            text = value.strip().rstrip(";").strip()
            fields[key.strip().lower()] = _Field(text, number, len(key) + 2)
    return fields


def _from_fields(source: Source, fields: dict[str, _Field]) -> Readings:
    key = next((name for name in _LATENCIES if name in fields), None)
    if key is None:
        near = ", ".join(name for name in fields if "laten" in name or "through" in name) or "none"
        what = f"no 'latency (ms)' among the results (found: {near}): a report of another version, or of a throughput run"
        return Readings(problems=[source.problem(what, 1 if not source.data else 0, path="execution_results" if source.data else "")])
    field = fields[key]
    seconds = seconds_of(field.text, 1e-3)
    if isinstance(seconds, str):
        return Readings(problems=[source.problem(f"{key}: {seconds}", field.line, field.column)])
    model = _text(fields, "topology") or file_stem(_text(fields, "m")) or source.stem
    device = (_text(fields, "target device") or _text(fields, "target_device") or _text(fields, "d")).lower().split(".")[0]
    threads = _text(fields, "nthreads")
    # only an int8 format is a statement about the network: "precision" is else that of its input tensors
    precision = canonical_precision(_text(fields, "precision"))
    measured = Measurement(
        model=model,
        seconds=seconds,
        precision=precision if precision == "int8" else "",
        threads=int(threads) if threads.isdecimal() and 0 < len(threads) < 6 and int(threads) else None,
        unit=_UNITS.get(device, device),
        runtime="openvino",
        file=source.file,
        line=field.line,
        column=field.column,
    )
    requests = next((_text(fields, name) for name in ("number of parallel infer requests", "nireq") if name in fields), "")
    return Readings([measured], [], _waiting(measured, requests))


def _text(fields: dict[str, _Field], key: str) -> str:
    return str(fields[key].text) if key in fields and fields[key].text is not None else ""


def _waiting(measured: Measurement, requests: str) -> list[Any]:
    if not (requests.isdecimal() and len(requests) < 6 and int(requests) > 1):
        return []
    return [measured.problem(f"{requests} requests ran at once, so the latency contains waiting; measure with -hint latency or -nireq 1")]


def _console(source: Source) -> Readings:
    found = Readings()
    options: dict[str, str] = {}
    unit, requests = "", ""
    for number, line in enumerate(source.lines, 1):
        options.update({match[1]: match[2] for match in _OPTION.finditer(line) if "benchmark_app" in line})
        if match := _DEVICES.search(line):
            unit = match[1].lower()
        if match := _REQUESTS.search(line):
            requests = match[1] or "1"
        match = _CONSOLE.search(line)
        if match is None or (found.measurements and match[1].lower() != "median"):
            continue
        seconds = seconds_of(match[2], 1e-3)
        if isinstance(seconds, str):
            found.problems.append(source.problem(f"{match[1]}: {seconds}", number, match.start(2) + 1))
            continue
        model = file_stem(options.get("m", "")) or source.stem
        where = unit or options.get("d", "").lower()
        measured = Measurement(model, seconds, "", None, _UNITS.get(where, where), "openvino", source.file, number, match.start(2) + 1)
        found.measurements.append(measured)
        found.warnings += _waiting(measured, requests)
    if not (found.measurements or found.problems):
        found.problems.append(source.problem("benchmark_app did not come to its latencies: no line 'Median:'", len(source.lines)))
    return found
