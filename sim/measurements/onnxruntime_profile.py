"""ONNX Runtime's profile: session and node events in Chrome's trace format, durations in microseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import median
from typing import Any

from sim.measurements.json_fields import mapping, mappings, text
from sim.measurements.measurement import Measurement, OperatorTiming, Readings, seconds_of
from sim.measurements.source import Source

_KERNEL = "_kernel_time"
_STAMP = re.compile(r"[_-]*\d{4}-\d{2}-\d{2}[_T]\d{2}[-:]\d{2}[-:]\d{2}(?:[._]\d+)?$")
PROFILER_S = 3.5e-6  # that profiling adds to a node: 3 to 4 us
_WORTH_SAYING = 0.02
_PROVIDERS = {
    "CPUExecutionProvider": "cpu", "XnnpackExecutionProvider": "cpu", "DnnlExecutionProvider": "cpu", "AclExecutionProvider": "cpu",
    "CUDAExecutionProvider": "gpu", "TensorrtExecutionProvider": "gpu", "NvTensorRTRTXExecutionProvider": "gpu", "ROCMExecutionProvider": "gpu",
    "DmlExecutionProvider": "gpu", "WebGpuExecutionProvider": "gpu", "MIGraphXExecutionProvider": "gpu",
    "QNNExecutionProvider": "npu", "NnapiExecutionProvider": "npu", "CoreMLExecutionProvider": "npu", "VitisAIExecutionProvider": "npu",
}  # fmt: skip


def recognises(source: Source) -> bool:
    """A list with events of the categories Session and Node."""
    return any(event.get("cat") in ("Session", "Node") and "name" in event for _, event in mappings(source.data))


def read(source: Source) -> Readings:
    found = Readings()
    runs, nodes, order, threads = list[float](), dict[str, list[float]](), dict[str, Mapping[str, Any]](), 0
    for index, event in mappings(source.data):
        name, args = text(event, "name"), mapping(event, "args")
        is_run = name == "model_run" and event.get("cat") == "Session"
        if not is_run and not name.endswith(_KERNEL):
            continue
        if is_run or event.get("dur") != 0:
            seconds = seconds_of(event.get("dur"), 1e-6)
        else:
            seconds = 0.0  # shorter than the clock's tick
        if isinstance(seconds, str):
            found.problems.append(source.problem(f"dur: {seconds}", path=f"[{index}].dur ({name[:60]})"))
            continue
        if is_run:
            runs.append(seconds)
        else:
            nodes.setdefault(name, []).append(seconds)
            order.setdefault(name, args)
            threads = max(threads, _threads(args))
    if not runs and not found.problems:
        what = "no event 'model_run': a profile of another version, or the session ran no inference"
        return Readings(problems=[source.problem(what)])
    if runs:
        _measured(source, runs, nodes, order, threads, found)
    return found


def _measured(source: Source, runs: list[float], nodes: dict[str, list[float]], order: dict[str, Mapping[str, Any]], threads: int, found: Readings) -> None:
    warm = slice(1, None) if len(runs) > 1 else slice(None)
    seconds = median(runs[warm])
    operators = []
    for name, times in nodes.items():
        steady = times[warm] if len(times) == len(runs) else times
        unit = _PROVIDERS.get(text(order[name], "provider"), "")
        operators.append(OperatorTiming(name.removesuffix(_KERNEL), text(order[name], "op_name"), median(steady), unit))
    units = [operator.unit for operator in operators if operator.unit]
    unit = max(dict.fromkeys(units), key=units.count) if units else ""
    model = _STAMP.sub("", source.stem) or source.stem
    found.measurements.append(
        Measurement(model, seconds, "", threads or None if unit == "cpu" else None, unit, "onnxruntime", source.file, operators=tuple(operators))
    )
    added = PROFILER_S * len(operators)
    if added > _WORTH_SAYING * seconds:
        what = f"profiling adds 3 to 4 us a node, about {1e3 * added:.3g} ms of these {1e3 * seconds:.4g} ms; a run without it is the better measurement"
        found.warnings.append(source.problem(what))
    if len(runs) == 1:
        found.warnings.append(source.problem("one inference only, which contains what a first one does more; profile several"))


def _threads(args: Mapping[str, Any]) -> int:
    """Threads the scheduling statistics of a node name, 0 if they are not there."""
    stats = mapping(args, "thread_scheduling_stats")
    return 1 + len(mapping(stats, "sub_threads")) if stats else 0
