"""The simulator's own prediction of a published measurement: import, lower, compile, simulate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
from sim.compiler.compile import Lowered, compile_lowered, lower_model
from sim.compiler.pipeline import AS_STORED, resolve_runtime
from sim.compiler.program import Program
from sim.errors import EdgesimError
from sim.experiment.simulate import Experiment
from sim.fidelity.case import Case, Metric
from sim.fidelity.given import power_at_point_w, with_latency
from sim.frontends.load import load_model
from sim.runtime.deployment import Deployment
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import ModelUse, Scenario
from sim.trace import Status

_LOOPS = 3
_SLACK, _MORE_SLACK = 1.5, 100.0  # of the simulated time, on that of all kernels one after the other: some share the memory
_POWER_LOOPS = 10  # inferences over which power is averaged


def predict(case: Case, device: DeviceSpec) -> float:
    """What the simulator says to ``case`` on ``device``, in the metric's unit. Raises EdgesimError if it cannot be run there."""
    return PREDICTIONS[case.metric](case, device)


def warm_latency_s(case: Case, device: DeviceSpec) -> float:
    """The shortest of three inferences one after the other at the highest clocks, s."""
    program = compiled(_use(case), device)
    for slack in (_SLACK, _MORE_SLACK):
        requests = _loop(case, device, program, _longest_s(program, device, slack), _LOOPS).run().trace.requests.columns()
        done = requests["status"] == Status.DONE
        if np.count_nonzero(done) == _LOOPS:
            return float((requests["end_s"] - requests["start_s"]).min())
    raise EdgesimError(f"{case.model}: {_LOOPS} inferences do not end on {device.name}")


def device_energy_j(case: Case, device: DeviceSpec) -> float:
    """Energy of the whole device per inference while it does nothing else, J: its average power in a loop, for a warm latency."""
    program = compiled(_use(case), device)
    if case.latency_s is None:
        latency_s = warm_latency_s(case, device)
    else:
        latency_s, program = case.latency_s, with_latency(program, device, case.latency_s)
    trace = _loop(case, device, program, _POWER_LOOPS * latency_s, None).run().trace
    return latency_s * sum(trace.energy_j.values()) / trace.end_s


def tokens_per_s(case: Case, device: DeviceSpec) -> float:
    """Tokens a warm inference takes in or gives, by the second: one in decoding, the sequence in prefill."""
    options = case.use.get("options", {})
    tokens = float(options.get("sequence", 1)) if case.metric == "prefill_tokens_per_s" else 1.0
    return tokens / warm_latency_s(case, device)


def resident_bytes(case: Case, device: DeviceSpec) -> float:
    """Memory taken with the network loaded: weights, state, arena, and what the device has reserved beside them, bytes."""
    return compiled(_use(case), device).resident_bytes + float(device.memory.reserved_bytes)


def arena_bytes(case: Case, device: DeviceSpec) -> float:
    """Memory planned for activations with the engine's own scratch and structures, bytes."""
    program = compiled(_use(case), device)
    return float(program.plan.arena_bytes + program.working_bytes)


PREDICTIONS: Mapping[Metric, Callable[[Case, DeviceSpec], float]] = {
    "latency_s": warm_latency_s,
    "energy_j": device_energy_j,
    "decode_tokens_per_s": tokens_per_s,
    "prefill_tokens_per_s": tokens_per_s,
    "memory_bytes": arena_bytes,
    "resident_bytes": resident_bytes,
    "power_w": power_at_point_w,
}


def _use(case: Case) -> ModelUse:
    """The entry of a scenario's ``models`` that describes how it was measured."""
    return ModelUse.model_validate(dict(case.use), by_alias=True, by_name=False)


def _longest_s(program: Program, device: DeviceSpec, slack: float) -> float:
    """Enough simulated time for all inferences of a loop, s."""
    once_s = sum(segment.entry_s + float(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)).sum()) for segment in program.segments)
    return program.load_s + program.first_inference_s + slack * _LOOPS * once_s


def _loop(case: Case, device: DeviceSpec, program: Program, duration_s: float, count: int | None) -> Experiment:
    """Requests one after the other, as benchmark programs run a network, at the highest clocks; ``count`` None: until the end."""
    scenario = Scenario.model_validate(
        {
            "name": "published",
            "device": device.name,
            "duration": f"{duration_s!r} s",
            "models": {"network": dict(case.use)},
            "workloads": {"loop": {"arrival": {"kind": "closed"}, "pipeline": [{"model": "network"}], **({} if count is None else {"count": count})}},
            "governors": dict.fromkeys(device.domains, "performance"),
            "trace": "requests",
        },
        by_alias=True,
        by_name=False,
    )
    deployment = Deployment((program,), {"loop": [0]}, (True,), ("network",))
    return Experiment(LoadedScenario(scenario, device, Path(), ""), {"network": program}, deployment, power_rows=1)


def compiled(use: ModelUse, device: DeviceSpec) -> Program:
    """The program of ``use`` on ``device``; networks are read and lowered once per runtime and precision."""
    lowered = _lowered(_network(use), use.runtime or device.runtimes[0], use.precision)
    return compile_lowered(lowered, device, placement=use.placement, threads=use.threads, name="network")


def lowered_of(case: Case) -> Lowered:
    """The network of a case as its runtime executes it."""
    use = _use(case)
    return _lowered(_network(use), use.runtime or case.spec.runtimes[0], use.precision)


def _network(use: ModelUse) -> str:
    return json.dumps([use.source, use.options, use.shapes], sort_keys=True, default=str)


@lru_cache(maxsize=512)
def _lowered(graph: str, runtime: str, precision: str = AS_STORED) -> Lowered:
    source, options, shapes = json.loads(graph)
    return lower_model(load_model(source, directory=Path(), options=options, shapes=shapes), resolve_runtime(runtime), precision)
