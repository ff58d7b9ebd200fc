"""What there is to try where a scenario does not say: compression, number formats, runtimes, units and threads that its device offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from device_models.compute import unit_supports
from sim.compiler.runtimes import Runtime, runtime
from sim.compiler.runtimes.spec import FORMATS
from sim.compiler.support import Target, targets_of
from sim.scenario.compression import MixedPrecisionOptions, QuantizeOptions
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import ModelUse

_PRUNED = "30 %"
_CLUSTER_BITS = 4
_MOST_THREADS_TRIED = 4


def default_techniques(loaded: LoadedScenario, models: Sequence[str]) -> list[dict[str, Any]]:
    """Techniques in the order of good practice, as a scenario would list them: first what changes the network, then its numbers, then where it runs."""
    found = [(model, list(_of_model(loaded, loaded.scenario.models[model]))) for model in models]
    stages = max((len(techniques) for _, techniques in found), default=0)
    return [{**techniques[stage], "models": [model]} for stage in range(stages) for model, techniques in found if techniques[stage]]


def _of_model(loaded: LoadedScenario, use: ModelUse) -> Iterator[dict[str, Any]]:
    """One technique a stage; an empty one where there is nothing to choose from."""
    engine = runtime(use.runtime or loaded.scenario.runtime or loaded.device.runtimes[0])
    targets = targets_of(loaded.device, engine)
    yield {"compress": {"prune": {"structured": "channels", "ratio": _PRUNED}}}
    yield {"compress": {"cluster": {"bits": _CLUSTER_BITS}}}
    yield _numbers(loaded, use, engine, targets)
    yield _several("runtime", [name for name in loaded.device.runtimes if name != engine.name])
    yield _several("placement", _placements(use, engine, targets))
    yield _several("threads", _threads(targets) if any(target.spec.kind == "cpu" for target in targets.values()) else [])


def _several(kind: str, values: list[Any]) -> dict[str, Any]:
    return {kind: values} if values else {}


def _numbers(loaded: LoadedScenario, use: ModelUse, engine: Runtime, targets: dict[str, Target]) -> dict[str, Any]:
    """Fewer bits: by quantization whose accuracy is measured, where there are data to measure it on; else by the runtime's converter."""
    if use.accuracy is not None:
        return {"compress": [{"quantize": options} for options in _quantizations(loaded, use)]}
    current = {use.precision, "float32"} if use.precision == "as_stored" else {use.precision}
    return _several("precision", [name for name in engine.precisions if name not in current and _computes(name, engine, targets)])


def _computes(precision: str, engine: Runtime, targets: dict[str, Target]) -> bool:
    """Whether some unit can compute in the format of activations; weights in other formats are unpacked for it."""
    formats = {"float32": "float32", "float16": "float16", "int8": "int8"}
    wanted = FORMATS.get(formats.get(precision, ""))
    return wanted is None or any(formats[precision] in target.delegate.formats and unit_supports(target.spec, wanted) for target in targets.values())


def _quantizations(loaded: LoadedScenario, use: ModelUse) -> Iterator[dict[str, Any]]:
    """With scales from the calibration data that the scenario names for the same network; without such data those that need none."""
    if samples := _calibration(loaded, use):
        yield {"to": "int8", "calibration": samples}
        yield {"to": "int8", "calibration": samples, "scales": "mse"}
        yield {"to": "w8a16", "calibration": samples}
    yield {"to": "int8", "mode": "dynamic"}
    yield {"to": "int4"}
    yield {"to": "fp16"}


def _calibration(loaded: LoadedScenario, use: ModelUse) -> str | None:
    same = [other for other in loaded.scenario.models.values() if other.source is not None and other.source == use.source]
    options = [step.options for other in same for step in other.compress]
    return next((one.calibration for one in options if isinstance(one, QuantizeOptions | MixedPrecisionOptions) and one.calibration), None)


def _placements(use: ModelUse, engine: Runtime, targets: dict[str, Target]) -> list[dict[str, Any]]:
    """Each kind of unit first, the others behind it in the runtime's order; and by cost."""
    kinds = list(dict.fromkeys(kind for kind in engine.prefer if any(target.spec.kind == kind for target in targets.values())))
    kinds += [kind for kind in dict.fromkeys(target.spec.kind for target in targets.values()) if kind not in kinds]
    if len(targets) < 2:
        return []
    orders = [{"prefer": [first, *(kind for kind in kinds if kind != first)]} for first in kinds]
    current = list(use.placement.prefer) or kinds
    several = [order for order in orders if order["prefer"] != current] if use.placement.policy == "prefer" else orders
    return [*several, *([{"policy": "heft"}] if use.placement.policy != "heft" else [])]


def _threads(targets: dict[str, Target]) -> list[int]:
    """1, 2, 4, ... up to the cores of the largest CPU cluster."""
    cores = max(int(target.spec.cores) for target in targets.values() if target.spec.kind == "cpu")
    powers = [2**exponent for exponent in range(_MOST_THREADS_TRIED) if 2**exponent < cores]
    return [*powers, cores] if cores > 1 else []
