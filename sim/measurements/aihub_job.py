"""Results of Qualcomm AI Hub's profile jobs: times in microseconds, layers with the unit each ran on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.measurements.json_fields import mapping, mappings, text
from sim.measurements.measurement import Measurement, OperatorTiming, Readings, canonical_precision, seconds_of
from sim.measurements.source import Source

_SUMMARY, _DETAIL = "execution_summary", "execution_detail"
_RUNTIMES = {"tflite": "tflite", "litert": "tflite", "qnn": "qnn", "onnx": "onnxruntime", "precompiled_qnn_onnx": "onnxruntime"}


def recognises(source: Source) -> bool:
    """A profile, or several in a list."""
    return any(_SUMMARY in profile for _, profile in _profiles(source.data))


def read(source: Source) -> Readings:
    found = Readings()
    for path, profile in _profiles(source.data):
        _measured(source, path, profile, found)
    return found


def _profiles(data: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(data, dict):
        return [("profile.", inner) if (inner := mapping(data, "profile")) else ("", data)]
    return [(f"[{index}].", profile) for index, profile in mappings(data)]


def _measured(source: Source, path: str, profile: Mapping[str, Any], found: Readings) -> None:
    summary = mapping(profile, _SUMMARY)
    key = "estimated_inference_time"
    if key not in summary:
        what = f"no {key}: a result of another version, or of a job that failed"
        found.problems.append(source.problem(what, path=f"{path}{_SUMMARY}"))
        return
    seconds = seconds_of(summary[key], 1e-6)
    if isinstance(seconds, str):
        found.problems.append(source.problem(seconds, path=f"{path}{_SUMMARY}.{key}"))
        return
    layers = _layers(source, path, profile, found)
    units = [layer.unit for layer in layers if layer.unit]
    unit = max(dict.fromkeys(units), key=units.count) if units else "npu"
    if len(set(units)) > 1:
        shares = ", ".join(f"{units.count(name)} on {name}" for name in dict.fromkeys(units))
        found.warnings.append(source.problem(f"the layers are split between units ({shares}): counted as {unit}", path=f"{path}{_DETAIL}"))
    context: dict[str, Any] = {**(source.data if isinstance(source.data, dict) else {}), **profile}
    model = text(context, "model_name", "model", "name") or source.stem
    runtime = text(context, "target_runtime", "runtime").lower()
    engine = next((name for word, name in _RUNTIMES.items() if runtime.startswith(word)), runtime)
    stated = text(context, "precision")
    precision = "float16" if stated == "float" and unit == "npu" else canonical_precision(stated)  # "float" networks run in float16 there
    found.measurements.append(Measurement(model, seconds, precision, None, unit, engine, source.file, operators=tuple(layers), naming="aihub"))


def _layers(source: Source, path: str, profile: Mapping[str, Any], found: Readings) -> list[OperatorTiming]:
    layers = list[OperatorTiming]()
    for index, layer in mappings(profile.get(_DETAIL)):
        value = layer.get("execution_time", 0)
        seconds = 0.0 if value in (0, None) else seconds_of(value, 1e-6)  # fused away, or not measured
        if isinstance(seconds, str):
            found.problems.append(source.problem(seconds, path=f"{path}{_DETAIL}[{index}].execution_time"))
            return layers
        layers.append(OperatorTiming(text(layer, "name"), text(layer, "type"), seconds, text(layer, "compute_unit").lower()))
    return layers
