"""Checks of queues: policies by name, pools of units, stages that share the queue of a model."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.spec import DeviceSpec
from sim.scenario.climate_checks import tuned_policy
from sim.scenario.known import Finding, Known, near, unknown_name
from sim.scenario.raw import Raw

_SHARED = ("batching", "units", "admission")  # what belongs to the queue of a model, not to one stage


def batching_findings(root: Raw, device: DeviceSpec | None, known: Known) -> Iterator[Finding]:
    """Everything wrong with ``batching``, ``units`` and ``admission``."""
    seen: dict[str, Raw] = {}  # model -> the first stage with a queue before it
    for _, workload in root.get("workloads").items():
        yield from tuned_policy(workload.get("admission"), "admission policy", known.admission_policies, known)
        for stage in workload.get("pipeline").entries():
            yield from unknown_name(stage.get("batching").get("policy"), "batching policy", known.batching_policies)
            yield from tuned_policy(stage.get("admission"), "admission policy", known.admission_policies, known)
            yield from _pool(stage.get("units"), device)
            if stage.get("batching").value is not None or stage.get("units").value:
                yield from _same_queue(stage, seen)
    for _, workload in root.get("workloads").items():
        for stage in workload.get("pipeline").entries():
            yield from _beside_a_pool(stage, seen)


def _pool(units: Raw, device: DeviceSpec | None) -> Iterator[Finding]:
    found = set[str]()
    for unit in units.entries():
        name = unit.text()
        if name is None:
            continue
        if device is not None and name not in device.units:
            yield Finding(unit.path, f"{device.name} has no unit {name!r}; a pool names single units; {near(name, device.units)}")
        elif name in found:
            yield Finding(unit.path, f"{name!r} stands in this pool twice; a unit runs one thing at a time, so name each unit once")
        found.add(name)


def _same_queue(stage: Raw, seen: dict[str, Raw]) -> Iterator[Finding]:
    model = stage.get("model").text()
    if model is None:
        return
    first = seen.setdefault(model, stage)
    for key in _SHARED:
        if stage.get(key).value != first.get(key).value:
            place = stage.get(key).path if stage.get(key).value is not None else stage.path
            where = ".".join(str(part) for part in first.path)
            yield Finding(
                place, f"{key} differs from that of {where}, which runs the same model {model!r}: both have one queue; write the same, or name the model twice"
            )


def _beside_a_pool(stage: Raw, seen: dict[str, Raw]) -> Iterator[Finding]:
    """A stage without a queue that runs a model of a pool, which is compiled for the pool's units."""
    model = stage.get("model").text()
    pool = seen.get(model or "")
    if pool is None or not pool.get("units").value or stage.get("units").value or stage.get("batching").value is not None:
        return
    yield Finding(stage.path, f"{model!r} is placed on a pool of units in another stage; give this stage the same units, or name the model twice")
