"""A fleet study from its file to what its tasks did."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from device_models.radio import RadioSpec
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.experiment.fleet.network import Wiring, wire
from sim.experiment.fleet.tables import idle_power_w
from sim.experiment.fleet.timed import Node, TimedModels
from sim.experiment.fleet.ways import Far, WayMaker
from sim.experiment.locate import collected
from sim.fleet.full_device import full_devices
from sim.fleet.network import Link, Network, replay
from sim.fleet.offloading import Offloading
from sim.fleet.result import FleetResult
from sim.fleet.server import Server, ServerPlan
from sim.fleet.tasks import Group, TaskKind
from sim.runtime.board import ThermalRunaway
from sim.runtime.clock import OBSERVERS, Clock
from sim.scenario.device_file import resolve_device
from sim.scenario.fleet.model import LOCAL, Fleet, FleetServer, FleetStudy, Policy
from sim.scenario.known import Known
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import DeviceChoice, Scenario
from sim.scenario.study import LoadedStudy
from sim.workload.streams import stream

_PROGRESS_STEPS = 200
Progress = Callable[[float], None]


@dataclass(frozen=True)
class FleetExperiment:
    """A study whose models are compiled and timed; it can be run any number of times."""

    loaded: LoadedStudy
    groups: tuple[Group, ...]
    kinds: tuple[TaskKind, ...]
    plans: tuple[ServerPlan, ...]
    devices: dict[str, DeviceSpec]
    prepare_cpu_s: float

    def world(self, seed: int | None = None) -> Offloading:
        """The fleet before its first event, on a clock of its own. ``seed`` None: the study's."""
        seed, fleet, duration_s = self._study.seed if seed is None else seed, self._study.fleet, self.duration_s
        wiring, clock = wire(fleet, self.loaded.directory), Clock()
        network = Network(clock, [Link(link.name, link.capacity_bytes_per_s) for link in wiring.links])
        for link, steps in wiring.replays:
            replay(network, link, steps)
        servers = {plan.name: Server(clock, plan, stream(seed, f"server/{plan.name}")) for plan in self.plans}
        full = {name: self.devices[name] for name, entry in fleet.devices.items() if entry.full}
        world = Offloading(clock, network, servers, self.groups, self.kinds, seed, full_devices(full, self.kinds, duration_s, seed))
        world.start(duration_s, self.loaded.directory)
        return world

    @property
    def _study(self) -> FleetStudy:
        assert isinstance(self.loaded.study, FleetStudy)
        return self.loaded.study

    @property
    def duration_s(self) -> float:
        """Simulated time."""
        return float(self._study.fleet.duration_s)

    def run(self, seed: int | None = None, progress: Progress | None = None) -> FleetResult:
        """One run. ``seed`` None: the study's. It ends where the heat of a device that is simulated in full runs away."""
        begun_s, duration_s = time.process_time(), self.duration_s
        world = self.world(seed)
        if progress is not None:
            _report(world.clock, progress, duration_s, 0)
        enabled = gc.isenabled()
        gc.disable()  # a run makes many small objects and no cycles
        try:
            world.clock.run_until(duration_s)
        except ThermalRunaway:
            pass  # the result says so
        finally:
            if enabled:
                gc.enable()
        world.finish()
        if progress is not None:
            progress(1.0)
        cpu_s = time.process_time() - begun_s
        return FleetResult(self.loaded, self.groups, self.kinds, self.devices, world, world.seed, world.clock.now, cpu_s, self.prepare_cpu_s)


def _report(clock: Clock, progress: Progress, duration_s: float, step: int) -> None:
    progress(step / _PROGRESS_STEPS)
    if step + 1 < _PROGRESS_STEPS:
        clock.at((step + 1) * duration_s / _PROGRESS_STEPS, OBSERVERS, lambda _: _report(clock, progress, duration_s, step + 1))


def prepare_fleet(loaded: LoadedStudy) -> FleetExperiment:
    """Compile and time every way of every kind of task. Raises EdgesimError for all that cannot be read, run or connected."""
    cpu_s, study = time.process_time(), loaded.study
    assert isinstance(study, FleetStudy)
    fleet, problems = study.fleet, list[Problem]()
    with collected(problems, loaded.places, ("fleet", "links")):
        wiring = wire(fleet, loaded.directory)
    if problems:
        raise EdgesimError(problems)
    specs: list[DeviceSpec] = []
    near = {name: _node(loaded, fleet, "devices", name, entry.device, specs) for name, entry in fleet.devices.items()}
    far = {name: _node(loaded, fleet, "servers", name, entry.device, specs) for name, entry in fleet.servers.items()}
    timed, kinds = TimedModels(), list[TaskKind]()
    for name, task in fleet.tasks.items():
        with collected(problems, loaded.places, ("fleet", "tasks", name)):
            kinds.append(_kind(fleet, name, WayMaker(timed, task, near[task.on], fleet.models), far, wiring))
    if problems:
        raise EdgesimError(problems)
    idle_w = [idle_power_w(device) for device in specs]
    groups = tuple(_group(fleet, name, near[name], idle_w, wiring) for name in fleet.devices)
    plans = tuple(_plan(name, entry, idle_w[far[name].key]) for name, entry in fleet.servers.items())
    devices = {name: node.device for name, node in (*near.items(), *far.items())}
    return FleetExperiment(loaded, groups, tuple(kinds), plans, devices, time.process_time() - cpu_s)


def _node(loaded: LoadedStudy, fleet: Fleet, kind: str, name: str, choice: DeviceChoice, specs: list[DeviceSpec]) -> Node:
    """``specs``: the different devices so far."""
    places = loaded.places.part(("fleet", kind, name, "device"), ("device",))
    device, problems = resolve_device(choice, places, loaded.directory, Known())
    if device is None or problems:
        raise EdgesimError(problems)
    ambient_c = fleet.devices[name].ambient_c if kind == "devices" else None
    if ambient_c is not None:  # the group's air is what its devices are in, whatever they run
        device = device.model_copy(update={"default_ambient_c": ambient_c})
    if device not in specs:
        specs.append(device)
    scenario = Scenario.model_construct(name=name, device=device.name, models=fleet.models, workloads={}, duration_s=fleet.duration_s)
    return Node(LoadedScenario(scenario, device, loaded.directory, loaded.file, loaded.places), device, specs.index(device))


def _kind(fleet: Fleet, name: str, maker: WayMaker, far: dict[str, Node], wiring: Wiring) -> TaskKind:
    task = maker.task
    wanted, paths = task.servers if task.servers is not None else tuple(fleet.servers), wiring.paths[task.on]
    reached = {server: Far(far[server], fleet.servers[server].batching.max_size, paths[server]) for server in wanted if server in paths}
    policy = task.policy if isinstance(task.policy, Policy) else Policy(name=task.policy)
    return TaskKind(
        name=name,
        group=task.on,
        ways=maker.ways({} if policy.name == LOCAL else reached),
        arrival=task.arrival,
        policy=policy.name,
        tunables=policy.tunables,
        deadline_s=math.inf if task.deadline_s is None else float(task.deadline_s),
        timeout_s=math.inf if task.timeout_s is None else float(task.timeout_s),
        input_bytes=float(task.input_bytes),
        spread=task.spread,
    )


def _group(fleet: Fleet, name: str, node: Node, idle_w: list[float], wiring: Wiring) -> Group:
    entry, battery = fleet.devices[name], node.device.battery
    radio = None if entry.radio is None else RadioSpec.model_validate(entry.radio)
    return Group(
        name,
        entry.count,
        idle_w[node.key],
        radio,
        *((math.inf, math.inf) if radio is None else (float(radio.up_bytes_per_s), float(radio.down_bytes_per_s))),
        None if battery is None else float(battery.capacity_c) * float(battery.nominal_v),
        wiring.paths[name],
        wiring.moves[name],
        wiring.roaming.get(name),
    )


def _plan(name: str, spec: FleetServer, idle_w: float) -> ServerPlan:
    scale, failures = spec.autoscale, spec.failures
    return ServerPlan(
        name=name,
        replicas=spec.replicas,
        max_batch=spec.batching.max_size,
        max_delay_s=float(spec.batching.max_delay_s),
        queue_limit=spec.queue_limit,
        idle_w=idle_w,
        cold_start_s=0.0 if scale is None else float(scale.cold_start_s),
        most_replicas=0 if scale is None else scale.most,
        interval_s=math.inf if scale is None else float(scale.interval_s),
        high=0.8 if scale is None else float(scale.high),
        low=0.3 if scale is None else float(scale.low),
        mtbf_s=math.inf if failures is None else float(failures.mtbf_s),
        mttr_s=0.0 if failures is None else float(failures.mttr_s),
        price_per_hour=float(spec.price.per_hour),
        price_per_gb=float(spec.price.per_gb),
    )
