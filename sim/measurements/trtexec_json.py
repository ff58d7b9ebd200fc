"""trtexec's JSON: per-query times (``--exportTimes``) and per-layer profile (``--exportProfile``), in milliseconds."""

from __future__ import annotations

from statistics import median

from sim.measurements.json_fields import mappings, text
from sim.measurements.measurement import Measurement, OperatorTiming, Readings, seconds_of
from sim.measurements.source import Source

_TIMES = ("latencyMs", "computeMs")
_LAYER = ("averageMs", "medianMs", "timeMs")


def recognises(source: Source) -> bool:
    """Queries with computing times, layers with average times, or the layers' description, which has no times."""
    if isinstance(source.data, dict):
        return isinstance(source.data.get("Layers"), list)
    return any("startComputeMs" in item or "computeMs" in item or ("name" in item and any(key in item for key in _LAYER)) for _, item in mappings(source.data))


def read(source: Source) -> Readings:
    if isinstance(source.data, dict):
        what = "describes layers (--exportLayerInfo) and holds no times; give the file of --exportTimes or --exportProfile, or the log"
        return Readings(problems=[source.problem(what)])
    if any("name" in item for _, item in mappings(source.data)):
        return _profile(source)
    return _queries(source)


def _queries(source: Source) -> Readings:
    found, times = Readings(), list[float]()
    for index, item in mappings(source.data):
        key = next((key for key in _TIMES if key in item), None)
        seconds = seconds_of(item.get(key), 1e-3) if key else "has neither latencyMs nor computeMs: a file of another version"
        if isinstance(seconds, str):
            found.problems.append(source.problem(seconds, path=f"[{index}].{key or ''}".rstrip(".")))
        else:
            times.append(seconds)
    if times:
        found.measurements.append(Measurement(source.stem, median(times), unit="gpu", runtime="tensorrt", file=source.file))
    return found


def _profile(source: Source) -> Readings:
    found, layers, runs = Readings(), list[OperatorTiming](), 1.0
    for index, item in mappings(source.data):
        if "name" not in item:
            count = item.get("count")
            runs = float(count) if isinstance(count, int) and 0 < count < 10**12 else runs
            continue
        key = next((key for key in _LAYER if key in item), None)
        value = item.get(key) if key else None
        seconds = 0.0 if value == 0 and not isinstance(value, bool) else seconds_of(value, 1e-3 / (runs if key == "timeMs" else 1.0))
        if isinstance(seconds, str):
            found.problems.append(source.problem(f"{key or 'averageMs'}: {seconds}", path=f"[{index}] ({text(item, 'name')[:60]})"))
        else:
            layers.append(OperatorTiming(text(item, "name"), "", seconds, "gpu"))
    total = sum(layer.seconds for layer in layers)
    if total > 0:
        found.measurements.append(Measurement(source.stem, total, unit="gpu", runtime="tensorrt", file=source.file, operators=tuple(layers)))
        what = f"layer times are summed, {1e3 * total:.4g} ms: copies of inputs and outputs are not in them; the log's 'Latency' is the better measurement"
        found.warnings.append(source.problem(what))
    return found
