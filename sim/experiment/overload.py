"""Whether requests come faster than the device can answer them, seen before the run: from rates and the lengths of programs.

Counted is only what is certain: stages that a request surely or with a given probability enters (:mod:`sim.experiment.entering`), programs
alone at the highest clocks, full batches, the quickest of several models. So a warning is never premature; a run can be overloaded without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from math import inf

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.errors import EdgesimError, Problem
from sim.experiment.entering import least_probabilities
from sim.experiment.generation_load import least_seconds
from sim.runtime.admission import admission_policy
from sim.runtime.deployment import Deployment, parts_of
from sim.runtime.selection import role_of
from sim.scenario.arrival_trace import read_arrival_trace, round_s
from sim.scenario.batching import Batching, variant_name
from sim.scenario.generation import Serving
from sim.scenario.loadgen import Server
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import Periodic, Poisson, TraceArrivals, Workload
from sim.scenario.stages import CacheStage, CodeStage, GenerateStage, ModelStage, SelectStage

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
        if rate_hz is None:
            continue
        rate_hz = min(rate_hz, _let_in_hz(workload))
        for position, (stage, probability) in enumerate(zip(workload.pipeline, least_probabilities(workload), strict=True)):
            entered_hz = rate_hz * probability * stage.repeat
            main = deployment.stages[name][position]
            if not entered_hz:
                continue
            if isinstance(stage, GenerateStage) and main is not None:
                serving = loaded.scenario.models[stage.generate].serving or Serving()
                parts = {"decode": deployment.programs[main]} | {role: deployment.programs[at] for role, at in deployment.others_of(name, position).items()}
                seconds = least_seconds(stage, serving, parts, loaded.directory, loaded.device)
                models.setdefault(stage.generate, _Use(stage.generate)).add(entered_hz * seconds, name)
                continue
            if isinstance(stage, ModelStage | CodeStage) and (stage.units or (isinstance(stage, ModelStage) and stage.batching)):
                programs = {role: deployment.programs[at] for role, at in deployment.others_of(name, position).items()}
                title = stage.model if isinstance(stage, ModelStage) else f"{name}/{workload.stage_names()[position]}"
                use, _, _ = queues.setdefault(title, (_Use(f"the queue of {title}"), stage, programs))
                use.add(entered_hz, name)
                continue
            for unit, seconds in _Lengths(loaded, deployment, name, position).of_stage(stage).items():
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


@dataclass(frozen=True)
class _Lengths:
    """How long a request that enters a stage keeps each unit busy at least."""

    loaded: LoadedScenario
    deployment: Deployment
    workload: str
    position: int

    def of_stage(self, stage: object) -> dict[str, float]:
        """Unit -> seconds; none where no program is certain."""
        main, roles = self.deployment.stages[self.workload][self.position], self.deployment.others_of(self.workload, self.position)
        if isinstance(stage, SelectStage):
            roles_of = [role_of(place) for place in range(len(stage.select.among))]
            each = [self._of_model(model, [roles[role], *parts_of(roles, role)]) for model, role in zip(stage.select.among, roles_of, strict=True)]
            return {unit: min(one.get(unit, 0.0) for one in each) for unit in each[0]}
        if isinstance(stage, ModelStage) and main is not None:
            return self._of_model(stage.model, [main, *parts_of(roles)])
        return _seconds(self.deployment.programs[main], self.loaded.device) if isinstance(stage, CodeStage | CacheStage) and main is not None else {}

    def _of_model(self, model: str, parts: list[int]) -> dict[str, float]:
        """With early exits each part counts for those that come to it; by confidence nobody surely passes the first exit."""
        total: dict[str, float] = {}
        left = 1.0
        for position, part in enumerate(parts):
            for unit, seconds in _seconds(self.deployment.programs[part], self.loaded.device).items():
                total[unit] = total.get(unit, 0.0) + left * seconds
            exits = self.loaded.scenario.models[model].exits[position : position + 1]
            left = max(left - sum(1.0 if one.probability is None else float(one.probability) for one in exits), 0.0)
        return total


def _let_in_hz(workload: Workload) -> float:
    """Requests a second that come in at the most however many there are already; 0 where something turns them away."""
    has_deadline = workload.deadline_s is not None
    if workload.queue.limit is not None or (workload.drop_late and has_deadline) or workload.count is not None:
        return 0.0
    for stage in workload.pipeline:
        policy = admission_policy(stage.admission) if isinstance(stage, ModelStage | CodeStage) else None
        if policy is not None and policy.open_hz(has_deadline) < inf:  # what it lets in may be shared with other workloads
            return 0.0
    own = admission_policy(workload.admission)
    return inf if own is None else own.open_hz(has_deadline)


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
