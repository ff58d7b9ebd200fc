"""A device of a fleet that is simulated in full: its governors, heat, memory and scheduling, on the fleet's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from device_models.spec import RADIO, DeviceSpec
from sim.compiler.program import Program
from sim.fleet.device import Computed, Device
from sim.fleet.tasks import Group, Near, TaskKind
from sim.fleet.transfers import Access
from sim.runtime.clock import Clock
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.runtime.request import Request
from sim.runtime.source import Source
from sim.scenario.model import Scenario

Chain = tuple[Program, ...]


class FullDevice(Device):
    """A device whose tasks are requests of an engine of its own. Its battery is accounted for by the fleet.

    ``chains``: what its tasks may run, each programs one after the other.
    """

    __slots__ = ("_done", "_mark_s", "_queued_s", "engine", "sources")

    def __init__(self, number: int, group: Group, access: Access, clock: Clock, spec: DeviceSpec, chains: list[Chain], duration_s: float, seed: int) -> None:
        super().__init__(number, group, access, clock)
        self.engine = _engine(spec, chains, duration_s, clock)
        self.sources: dict[Chain, Source] = dict(zip(chains, self.engine.sources, strict=True))
        for source in self.engine.sources:
            source.listener = self._ended
        self._done: dict[int, tuple[float, Computed]] = {}
        self._queued_s = self._mark_s = 0.0
        self.engine.begin(seed + number)

    def compute(self, near: Near, factor: float, done: Computed) -> None:
        if not self._done:
            self._mark_s = self.clock._now
        self._queued_s += near.seconds
        request = self.sources[near.programs].arrive()
        self._done[request.number] = near.seconds, done

    def _ended(self, request: Request) -> None:
        expected_s, done = self._done.pop(request.number)
        self.busy_s += self.clock._now - self._mark_s
        self._mark_s = self.clock._now
        self._queued_s = self._queued_s - expected_s if self._done else 0.0
        done(request.energy_j)

    def wait_s(self, now: float) -> float:
        """As the table expects it of the tasks that it has; heat and governors may make it longer."""
        return max(self._queued_s - (now - self._mark_s), 0.0)

    def computed_s(self, now: float) -> float:
        return self.busy_s + (now - self._mark_s if self._done else 0.0)

    def computing_j(self, now: float) -> float:
        """All of its energy above the idle power at the default temperature."""
        board = self.engine.board
        total_j = sum(joules for name, joules in zip(board.components, board.power.energies_j(), strict=True) if not name.startswith(RADIO))
        return total_j - now * self.group.idle_w

    def finish(self) -> None:
        self.engine.finish()

    def peak_c(self) -> float:
        trace = self.engine.trace
        return max(float(trace.counter(f"temperature_c.{node}")[1].max()) for node in self.engine.board.heat.names)

    def runaway(self) -> dict[str, Any] | None:
        return self.engine.board.runaway


def chains_of(kinds: Iterable[TaskKind]) -> list[Chain]:
    """What devices of these kinds of tasks may have to run."""
    nears = (near for kind in kinds for way in kind.ways for near in (way.near, *(exit.near for exit in way.exits)))
    return list(dict.fromkeys(near.programs for near in nears if near.programs))


def full_devices(specs: dict[str, DeviceSpec], kinds: Iterable[TaskKind], duration_s: float, seed: int) -> Callable[[int, Group, Access, Clock], Device]:
    """Makes devices: in full of the groups in ``specs``, by their table of the others."""
    chains = {name: chains_of(kind for kind in kinds if kind.group == name) for name in specs}

    def make(number: int, group: Group, access: Access, clock: Clock) -> Device:
        if group.name not in specs:
            return Device(number, group, access, clock)
        return FullDevice(number, group, access, clock, specs[group.name], chains[group.name], duration_s, seed)

    return make


def _engine(spec: DeviceSpec, chains: list[Chain], duration_s: float, clock: Clock) -> Engine:
    """An engine with a workload for each chain, to which nothing comes by itself."""
    programs = list(dict.fromkeys(program for chain in chains for program in chain))
    never = {"kind": "periodic", "rate": "1 Hz"}
    data = {
        "name": "device",
        "device": spec.name,
        "duration": f"{duration_s!r} s",
        "models": {f"model_{index}": {"source": "model"} for index in range(len(programs))},
        "workloads": {
            f"task_{index}": {
                "arrival": never,
                "start": f"{duration_s + 1!r} s",
                "pipeline": [{"model": f"model_{programs.index(program)}"} for program in chain],
            }
            for index, chain in enumerate(chains)
        },
        "trace": "summary",
    }
    scenario = Scenario.model_validate(data, by_alias=True, by_name=False)
    stages = {f"task_{index}": [programs.index(program) for program in chain] for index, chain in enumerate(chains)}
    deployment = Deployment(tuple(programs), stages, (True,) * len(programs), tuple(f"model_{index}" for index in range(len(programs))))
    return Engine(scenario, spec.model_copy(update={"battery": None}), deployment, clock=clock)
