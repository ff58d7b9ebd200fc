"""The simulator's own prediction of a published measurement: import, lower, compile, simulate."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from device_models.spec import DeviceSpec
from sim.compiler.compile import Lowered, compile_lowered, lower_model
from sim.compiler.pipeline import AS_STORED, resolve_runtime
from sim.compiler.program import Program
from sim.experiment.simulate import Experiment
from sim.fidelity.case import Case
from sim.frontends.load import load_model
from sim.runtime.engine import Deployment
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import ModelUse, Scenario
from sim.trace import Status


def predict(case: Case, device: DeviceSpec) -> float:
    """What the simulator says to ``case`` on ``device``, in the metric's unit. Raises EdgesimError if it cannot be run there."""
    return warm_latency_s(case, device)


def warm_latency_s(case: Case, device: DeviceSpec) -> float:
    """The shortest of three inferences one after the other at the highest clocks, s."""
    requests = closed_loop(case, device).run().trace.requests.columns()
    done = requests["status"] == Status.DONE
    return float((requests["end_s"] - requests["start_s"])[done].min())


def closed_loop(case: Case, device: DeviceSpec) -> Experiment:
    """Three requests one after the other, as benchmark programs run a network, at the highest clocks."""
    scenario = Scenario.model_validate(
        {
            "name": "published",
            "device": device.name,
            "duration": "60 min",
            "models": {"network": dict(case.use)},
            "workloads": {"loop": {"arrival": {"kind": "closed"}, "count": 3, "pipeline": [{"model": "network"}]}},
            "governors": dict.fromkeys(device.domains, "performance"),
        },
        by_alias=True,
        by_name=False,
    )
    program = compiled(scenario.models["network"], device)
    deployment = Deployment((program,), {"loop": [0]}, (True,), ("network",))
    return Experiment(LoadedScenario(scenario, device, Path(), ""), {"network": program}, deployment)


def compiled(use: ModelUse, device: DeviceSpec) -> Program:
    """The program of ``use`` on ``device``; networks are read and lowered once per runtime and precision."""
    graph = json.dumps([use.source, use.options, use.shapes], sort_keys=True, default=str)
    lowered = _lowered(graph, use.runtime or device.runtimes[0], use.precision)
    return compile_lowered(lowered, device, placement=use.placement, threads=use.threads, name="network")


@lru_cache(maxsize=512)
def _lowered(graph: str, runtime: str, precision: str = AS_STORED) -> Lowered:
    source, options, shapes = json.loads(graph)
    return lower_model(load_model(source, directory=Path(), options=options, shapes=shapes), resolve_runtime(runtime), precision)
