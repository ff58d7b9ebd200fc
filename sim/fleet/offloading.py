"""Tasks on their way: device, uplink, server, downlink, and back to the device where the answer takes too long.

A device computes one task after the other. With nothing cancelled in that queue its ends are known when a task comes, so a task costs
an event where it arrives, leaves the device, has been sent, reaches the server, is served, and has been received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count, repeat
from pathlib import Path as FilePath

from sim.fleet.device import Device
from sim.fleet.moving import plan_move, roam
from sim.fleet.network import Network
from sim.fleet.server import Server
from sim.fleet.situation import Situation
from sim.fleet.task_arrivals import task_arrivals
from sim.fleet.task_log import NO_EXIT, TaskLog, TaskStatus
from sim.fleet.tasks import Group, Near, TaskKind
from sim.fleet.transfers import Access, Flows, Transfer, Transfers
from sim.policies.offloading import OFFLOADING, OffloadingPolicy
from sim.runtime.clock import ARRIVALS, ENDS, SWITCHES, Alarm, Clock
from sim.runtime.spread import Factors
from sim.workload.streams import stream

_LEAST_PASSED = 0.1  # share of a transfer given up that a device takes to have passed at least, when it expects how the next will go
MakeDevice = Callable[[int, Group, Access, Clock], Device]


def _accesses(group: Group, network: Network) -> Iterator[Access]:
    """One for each device: the same, unless each moves by itself."""
    if group.roaming is None:
        yield from repeat(Access(group, network), group.count)
        return
    known: dict[int, Flows] = {}
    for _ in range(group.count):
        yield Access(group, network, known)


class Task:
    """One task. ``mark_s``: when its present phase began; ``draw``: what decides at which early exit it leaves."""

    __slots__ = (
        "alarm",
        "arrival_s",
        "device",
        "down_s",
        "draw",
        "energy_j",
        "exit",
        "far_s",
        "kind",
        "mark_s",
        "near_s",
        "timed_out",
        "transfer",
        "up_s",
        "way",
    )

    def __init__(self, kind: RunningKind, device: Device, arrival_s: float) -> None:
        self.kind, self.device, self.arrival_s = kind, device, arrival_s
        self.way, self.exit, self.draw = 0, NO_EXIT, 1.0
        self.near_s = self.up_s = self.far_s = self.down_s = self.energy_j = self.mark_s = 0.0
        self.alarm: Alarm | None = None
        self.transfer: Transfer | None = None
        self.timed_out = False


class RunningKind:
    """A kind of task at work: its policy and its place in the log. ``expected``: seconds and joules on the device, of each way."""

    def __init__(self, index: int, kind: TaskKind, policy: OffloadingPolicy, devices: Sequence[Device], seed: int) -> None:
        self.index, self.kind, self.policy, self.devices = index, kind, policy, devices
        self.ways, self.deadline_s, self.timeout_s = kind.ways, kind.deadline_s, kind.timeout_s
        means = [way.expected_near() for way in kind.ways]
        self.expected = [(near.seconds, near.joules) for near in means]
        self.exit_rng = stream(seed, f"exits/{kind.name}") if any(way.exits for way in kind.ways) else None
        self.factors: Factors | None = None
        if kind.spread is not None:
            self.factors = Factors(kind.spread, f"device/{kind.name}")
            self.factors.start(seed)


class Offloading:
    """A fleet at work on one clock. ``log``: a row for every task that ended; ``under_way``: those that have not.

    ``ask``: called with every task that has a choice instead of its policy, if there is one; :meth:`take` is to follow.
    """

    def __init__(
        self,
        clock: Clock,
        network: Network,
        servers: dict[str, Server],
        groups: Sequence[Group],
        kinds: Sequence[TaskKind],
        seed: int,
        make_device: MakeDevice = Device,
    ) -> None:
        self.clock, self.network, self.servers, self.seed = clock, network, servers, seed
        self.transfers = Transfers(clock, network, stream(seed, "fleet/links"))
        number = count()
        self.devices = {group.name: [make_device(next(number), group, access, clock) for access in _accesses(group, network)] for group in groups}
        self.log = TaskLog()
        self.running = [self._begun(index, kind) for index, kind in enumerate(kinds)]
        self.situations = [Situation(self, running) for running in self.running]
        self.under_way: dict[Task, None] = {}
        self.ask: Callable[[Task], None] | None = None

    @property
    def in_flight(self) -> int:
        """Tasks that have come and not ended."""
        return len(self.under_way)

    def _begun(self, index: int, kind: TaskKind) -> RunningKind:
        policy = OFFLOADING[kind.policy].tuned(kind.tunables)
        policy.start(stream(self.seed, f"policy/{kind.name}"))
        return RunningKind(index, kind, policy, self.devices[kind.group], self.seed)

    def start(self, duration_s: float, directory: FilePath = FilePath()) -> None:
        """Schedule the first arrivals of every kind and the hand-overs, and start the servers."""
        for server in self.servers.values():
            server.start()
        for name, devices in self.devices.items():
            access = devices[0].access
            for move in access.group.moves:
                if move.at_s == 0 and move.paths is access.paths and move.every_s == math.inf:
                    continue  # where it begins
                plan_move(self.transfers, access, devices, move, move.at_s)
            if access.group.roaming is not None:
                rng = stream(self.seed, f"roaming/{name}")
                for device in devices:
                    roam(self.transfers, device, access.group.roaming, rng)
        for running in self.running:
            kind = running.kind
            self._follow(running, task_arrivals(kind.arrival, kind.name, running.devices, duration_s, self.seed, directory))

    def finish(self) -> None:
        """The run is over."""
        for devices in self.devices.values():
            for device in devices:
                device.finish()

    def _follow(self, running: RunningKind, arrivals: Iterator[tuple[float, Device]]) -> None:
        def arrive(_: object = None) -> None:
            device = coming[0]
            advance()
            self._arrived(running, device)

        def advance() -> None:
            following = next(arrivals, None)
            if following is not None:
                coming[0] = following[1]
                Alarm(self.clock, following[0], ARRIVALS, arrive)

        coming: list[Device] = [None]  # type: ignore[list-item]
        advance()

    def _arrived(self, running: RunningKind, device: Device) -> None:
        task = Task(running, device, self.clock._now)
        self.under_way[task] = None
        if running.exit_rng is not None:
            task.draw = float(running.exit_rng.random())
        if len(running.ways) == 1:
            self.take(task, 0)
        elif self.ask is not None:
            self.ask(task)
        else:
            self.take(task, running.policy.choose(self.situations[running.index].of(task)))

    def take(self, task: Task, position: int) -> None:
        """A task that has just arrived goes this way."""
        running, task.way = task.kind, position
        way = running.ways[position]
        if way.server and running.timeout_s < math.inf:
            task.alarm = Alarm(self.clock, task.arrival_s + running.timeout_s, SWITCHES, lambda _: self._gave_up(task))
        near = way.near
        if way.exits:
            task.exit = way.exit_of(task.draw)
            near = near if task.exit < 0 else way.exits[task.exit].near
        if near.seconds == 0.0:
            self._computed(task)
        else:
            self._compute(task, near, lambda joules: self._computed(task, joules))

    def _compute(self, task: Task, near: Near, done: Callable[[float], None]) -> None:
        factors = task.kind.factors
        task.device.compute(near, 1.0 if factors is None else factors(), done)

    def _computed(self, task: Task, joules: float = 0.0) -> None:
        task.energy_j += joules
        if task.timed_out:
            return
        task.near_s = self.clock._now - task.arrival_s
        way = task.kind.ways[task.way]
        if task.exit >= 0 or not way.server:
            self._end(task, TaskStatus.DONE)
            return
        task.mark_s = self.clock._now
        task.transfer = self.transfers.begin(task.device, way.server, way.up_bytes, True, lambda delay_s: self._sent(task, delay_s))

    def _sent(self, task: Task, delay_s: float) -> None:
        now, way = self.clock._now, task.kind.ways[task.way]
        task.transfer = None
        if now > task.mark_s and way.up_bytes:
            task.device.sent(way.server, (now - task.mark_s) / way.up_bytes)
        if delay_s:
            Alarm(self.clock, now + delay_s, ENDS, lambda _: self._reached(task))
        else:
            self._reached(task)

    def _reached(self, task: Task) -> None:
        """At the server; it has to take it whether or not somebody still waits for the answer."""
        way, now = task.kind.ways[task.way], self.clock._now
        if not task.timed_out:
            task.up_s, task.mark_s = now - task.mark_s, now
        assert way.work is not None
        server = self.servers[way.server]
        server.moved_bytes += way.up_bytes
        server.submit(way.work, lambda served: self._served(task, served))

    def _served(self, task: Task, served: bool) -> None:
        now = self.clock._now
        if task.timed_out:
            return
        task.far_s, task.mark_s = now - task.mark_s, now
        if not served:
            self._end(task, TaskStatus.REFUSED)
            return
        way = task.kind.ways[task.way]
        task.transfer = self.transfers.begin(task.device, way.server, way.down_bytes, False, lambda delay_s: self._received(task, delay_s))

    def _received(self, task: Task, delay_s: float) -> None:
        task.transfer = None
        way = task.kind.ways[task.way]
        self.servers[way.server].moved_bytes += way.down_bytes
        if delay_s:
            Alarm(self.clock, self.clock._now + delay_s, ENDS, lambda _: self._back(task))
        else:
            self._back(task)

    def _back(self, task: Task) -> None:
        if not task.timed_out:
            task.down_s = self.clock._now - task.mark_s
            self._end(task, TaskStatus.DONE)

    def _gave_up(self, task: Task) -> None:
        """No answer in time: what is on the air stops, and the device does it all itself."""
        task.alarm = None
        task.kind.policy.learn(task.way, math.inf, task.energy_j, False)
        task.timed_out = True
        self._lose(task)
        if task.transfer is not None:
            transfer, task.transfer = task.transfer, None
            passed_bytes = max(transfer.bytes - self.transfers.give_up(transfer), _LEAST_PASSED * transfer.bytes)
            if transfer.sending and passed_bytes:
                task.device.sent(transfer.server, (self.clock._now - task.mark_s) / passed_bytes)
        local, now = task.kind.ways[0], self.clock._now
        task.exit = local.exit_of(task.draw)

        def fell_back(joules: float) -> None:
            task.energy_j += joules
            task.near_s += self.clock._now - now
            self._end(task, TaskStatus.FELL_BACK)

        self._compute(task, local.near if task.exit < 0 else local.exits[task.exit].near, fell_back)

    def _lose(self, task: Task) -> None:
        """The time since its present phase began, which was for nothing."""
        now = self.clock._now
        if not task.near_s and task.kind.expected[task.way][0]:
            task.near_s = now - task.arrival_s
        elif task.transfer is not None and not task.transfer.sending:
            task.down_s = now - task.mark_s
        elif not task.up_s:
            task.up_s = now - task.mark_s
        elif not task.far_s:
            task.far_s = now - task.mark_s
        else:
            task.down_s = now - task.mark_s

    def _end(self, task: Task, status: TaskStatus) -> None:
        now, running = self.clock._now, task.kind
        del self.under_way[task]
        if task.alarm is not None:
            task.alarm.cancel()
            task.alarm = None
        latency_s = now - task.arrival_s
        if not task.timed_out:
            given_s = math.inf if status == TaskStatus.REFUSED else latency_s
            running.policy.learn(task.way, given_s, task.energy_j, given_s <= running.deadline_s)
        chosen = (running.index, task.device.number, task.way, status, task.exit)
        self.log.add((*chosen, task.arrival_s, now, task.near_s, task.up_s, task.far_s, task.down_s, task.energy_j))
