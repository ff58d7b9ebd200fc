"""Servers made by hand on synthetic devices: batches, pools of units, service times that scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import synthetic

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.batching import variant_name
from sim.scenario.model import Scenario
from sim.scenario.stages import CodeStage, ModelStage
from sim.trace import Trace


def code(name: str = "one", **more: Any) -> dict[str, Any]:
    """A stage of user code; how long it takes is what its program says."""
    return {"name": name, "work": {"operations": 1}, **more}


def batched(model: str = "one", units: Sequence[str] = (), **batching: Any) -> dict[str, Any]:
    """A stage that batches."""
    return {"model": model, "batching": batching, **({"units": list(units)} if units else {})}


def scenario(workloads: Mapping[str, Mapping[str, Any]], duration_s: float, **more: Any) -> Scenario:
    """Workloads as in YAML."""
    names = {stage["model"] for workload in workloads.values() for stage in workload["pipeline"] if "model" in stage}
    data = {"name": "serving", "device": "synthetic", "models": {name: {"source": name} for name in sorted(names)}, "workloads": dict(workloads)}
    return Scenario.model_validate(data | {"duration": f"{duration_s!r} s", "trace": "requests"} | more)


def engine(given: Scenario, device: DeviceSpec, seconds: Mapping[str, Mapping[int, float]], *, reference: bool = False, **program: Any) -> Engine:
    """``seconds``: name of a model or code stage -> batch size -> seconds on whichever unit."""
    programs: dict[str, Program] = {}
    loads: list[bool | None] = []

    def position(name: str, unit: str, taken_s: float, load: bool | None) -> int:
        if name not in programs:
            programs[name] = synthetic.simple(name, unit, taken_s, **program)
            loads.append(load)
        return list(programs).index(name)

    mains: dict[str, list[int | None]] = {}
    others: dict[str, list[Mapping[str, int]]] = {}
    first = next(iter(device.units))
    for workload_name, workload in given.workloads.items():
        mains[workload_name], others[workload_name] = [], []
        for stage in workload.pipeline:
            assert isinstance(stage, ModelStage | CodeStage)
            own = stage.model if isinstance(stage, ModelStage) else str(stage.name)
            sizes = stage.batching.sizes if isinstance(stage, ModelStage) and stage.batching else (1,)
            roles = {}
            for unit in stage.units or (None,):
                for size in dict.fromkeys((1, *sizes)):
                    load = True if isinstance(stage, ModelStage) and size == 1 else None
                    name = variant_name(own, size, unit)
                    roles[variant_name("", size, unit)] = position(name, unit or first, seconds[own].get(size, seconds[own][max(seconds[own])]), load)
            mains[workload_name].append(next(iter(roles.values())))
            others[workload_name].append(roles)
    return Engine(given, device, Deployment(tuple(programs.values()), mains, tuple(loads), tuple(programs), others), reference=reference)


def run(given: Scenario, device: DeviceSpec, seconds: Mapping[str, Mapping[int, float]], *, seed: int | None = None, **more: Any) -> Trace:
    return engine(given, device, seconds, **more).run(seed)


def number_in_system(trace: Trace, from_s: float, to_s: float) -> float:
    """Time average of the requests that wait or run, by going through arrivals and departures in order."""
    requests = trace.requests.columns()
    times = np.concatenate([requests["arrival_s"], requests["end_s"]])
    steps = np.concatenate([np.ones(len(trace.requests)), -np.ones(len(trace.requests))])
    order = np.argsort(times, kind="stable")
    held = np.cumsum(steps[order])
    edges = np.clip(np.append(times[order], to_s), from_s, to_s)
    return float((held * np.diff(edges)).sum() / (to_s - from_s))
