"""Whether requests come faster than the device can answer them, seen before the run: from rates and the lengths of programs.

Counted is only what is certain: stages that a request surely or with a given probability enters, programs alone at the highest clocks,
full batches. So a warning is never premature; a run can be overloaded without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from math import prod

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.errors import EdgesimError, Problem
from sim.experiment.generation_load import least_seconds
from sim.runtime.deployment import Deployment
from sim.scenario.arrival_trace import read_arrival_trace, round_s
from sim.scenario.batching import Batching, variant_name
from sim.scenario.generation import Serving
from sim.scenario.loadgen import Server
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import CodeStage, GenerateStage, ModelStage, Periodic, Poisson, TraceArrivals, Workload

_SINGLE = Batching(max_size=1)
_SURELY = 1 + 1e-9  # a periodic stream may use all of a unit


@dataclass
class _Use:
    """What is used of a unit or of a queue's replicas: shares of its time, and which workloads use it."""

    what: str
    share: float = 0.0
    by: list[str] = field(default_factory=list)

    def add(self, share: float, workload: str) -> None:
        self.share += share
        if workload not in self.by:
            self.by.append(workload)


def overloads(loaded: LoadedScenario, deployment: Deployment) -> list[Problem]:
    """A warning for each unbounded workload that uses more of a unit or a queue than there is, at its rate."""
    uses = list(_uses(loaded, deployment))
    found = []
    for name, workload in loaded.scenario.workloads.items():
        worst = max((use for use in uses if name in use.by), key=lambda use: use.share, default=None)
        if worst is None or worst.share < (1.0 if isinstance(workload.arrival, Poisson) or workload.loadgen is not None else _SURELY):
            continue
        others = [other for other in worst.by if other != name]
        beside = f" together with {', '.join(others)}" if others else ""
        what = (
            f"requests{beside} come faster than {worst.what} can answer them (utilisation {100 * worst.share:.0f} %), so the queue grows without end; "
            "lower the rate, make the work smaller, or bound the queue (queue: {limit: 100}, drop_late: true or admission)"
        )
        path = ("workloads", name, "arrival" if workload.loadgen is None else "loadgen")
        place = next((full for key in ("rate", "file", "target_qps") if (full := (*path, key)) in loaded.places.values), path)
        found.append(loaded.places.problem(place, what))
    return found


def _uses(loaded: LoadedScenario, deployment: Deployment) -> Iterator[_Use]:
    units, models = dict[str, _Use](), dict[str, _Use]()
    queues: dict[str, tuple[_Use, ModelStage | CodeStage, dict[str, Program]]] = {}
    for name, workload in loaded.scenario.workloads.items():
        rate_hz = _rate_hz(workload, loaded)
        if rate_hz is None or _is_bounded(workload):
            continue
        for position, (stage, probability) in enumerate(zip(workload.pipeline, _probabilities(workload), strict=True)):
            entered_hz = rate_hz * probability * stage.repeat
            main = deployment.stages[name][position]
            if main is None or not entered_hz:
                continue
            if isinstance(stage, GenerateStage):
                serving = loaded.scenario.models[stage.generate].serving or Serving()
                parts = {"decode": deployment.programs[main], "prefill": deployment.programs[deployment.others_of(name, position)["prefill"]]}
                seconds = least_seconds(stage, serving, parts, loaded.directory, loaded.device)
                models.setdefault(stage.generate, _Use(stage.generate)).add(entered_hz * seconds, name)
                continue
            if not isinstance(stage, ModelStage | CodeStage):
                continue
            if stage.units or (isinstance(stage, ModelStage) and stage.batching):
                programs = {role: deployment.programs[at] for role, at in deployment.others_of(name, position).items()}
                title = stage.model if isinstance(stage, ModelStage) else f"{name}/{workload.stage_names()[position]}"
                use, _, _ = queues.setdefault(title, (_Use(f"the queue of {title}"), stage, programs))
                use.add(entered_hz, name)
                continue
            for unit, seconds in _seconds(deployment.programs[main], loaded.device).items():
                units.setdefault(unit, _Use(unit)).add(entered_hz * seconds, name)
    yield from (*units.values(), *models.values())
    busy = {unit: min(use.share, 1.0) for unit, use in units.items()}
    for use, stage, programs in queues.values():
        capacity_hz = _capacity_hz(stage, programs, loaded.device, busy)
        use.share = use.share / capacity_hz if capacity_hz else float("inf")
        yield use


def _capacity_hz(stage: ModelStage | CodeStage, programs: dict[str, Program], device: DeviceSpec, busy: dict[str, float]) -> float:
    """Requests a second of all replicas together, each with the batch size that suits it best, in the time that others leave to them."""
    sizes = ((stage.batching if isinstance(stage, ModelStage) else None) or _SINGLE).sizes
    total_hz = 0.0
    for unit in stage.units or (None,):
        best_hz = 0.0
        for size in sizes:
            seconds = _seconds(programs[variant_name("", size, unit)], device)
            free = min(1.0 - busy.get(used, 0.0) for used in seconds)
            best_hz = max(best_hz, size * free / sum(seconds.values()))
        total_hz += best_hz
    return total_hz


def _seconds(program: Program, device: DeviceSpec) -> dict[str, float]:
    """Of each unit for one run."""
    found: dict[str, float] = {}
    for segment in program.segments:
        seconds = segment.entry_s + float(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)).sum())
        found[segment.unit] = found.get(segment.unit, 0.0) + seconds
    return found


def _is_bounded(workload: Workload) -> bool:
    """Whether requests are turned away before they are too many."""
    held = workload.queue.limit is not None or workload.drop_late or workload.admission is not None or workload.count is not None
    return held or any(isinstance(stage, ModelStage | CodeStage) and stage.admission is not None for stage in workload.pipeline)


def _probabilities(workload: Workload) -> list[float]:
    """At least how likely a request enters each stage; one that may be left out for other reasons counts as never entered."""
    dependencies = workload.stage_dependencies()
    known: dict[int, float] = {}

    def entered(position: int) -> float:
        if position not in known:
            stage, before = workload.pipeline[position], dependencies[position]
            reached = 1.0 - prod(1.0 - entered(other) for other in before) if before else 1.0
            known[position] = 0.0 if stage.unless else reached * float(stage.probability)
        return known[position]

    return [entered(position) for position in range(len(dependencies))]


def _rate_hz(workload: Workload, loaded: LoadedScenario) -> float | None:
    return _mean_rate_hz(workload.arrival if workload.loadgen is None else workload.loadgen, loaded)


@singledispatch
def _mean_rate_hz(arrival: object, loaded: LoadedScenario) -> float | None:
    """Requests a second over a long time; None where they wait for answers, or end."""
    return None


@_mean_rate_hz.register(Periodic)
@_mean_rate_hz.register(Poisson)
def _given(arrival: Periodic | Poisson, loaded: LoadedScenario) -> float | None:
    return float(arrival.rate_hz)


@_mean_rate_hz.register
def _served(loadgen: Server, loaded: LoadedScenario) -> float | None:
    return float(loadgen.target_qps)


@_mean_rate_hz.register
def _recorded(arrival: TraceArrivals, loaded: LoadedScenario) -> float | None:
    if not arrival.loop:
        return None
    try:
        times = read_arrival_trace(loaded.directory / arrival.file, arrival.column)
    except EdgesimError:
        return None
    return len(times) / round_s(times) if round_s(times) > 0 else None
