"""Tasks on their way: device, uplink, server, downlink, and back to the device where the answer takes too long.

A device computes one task after the other. With nothing cancelled in that queue its ends are known when a task comes, so a task costs
an event where it arrives, leaves the device, has been sent, reaches the server, is served, and has been received.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path as FilePath

import numpy as np

from sim.fleet.network import FlowClass, Network
from sim.fleet.radio import FleetRadio
from sim.fleet.server import Server
from sim.fleet.task_log import TaskLog, TaskStatus
from sim.fleet.tasks import Group, Path, TaskKind, Way
from sim.policies.offloading import OFFLOADING, OffloadingPolicy
from sim.runtime.clock import ARRIVALS, ENDS, SWITCHES, Alarm, Clock
from sim.scenario.model import Periodic, Poisson
from sim.workload.arrivals import arrival_times
from sim.workload.streams import stream

PACKET_BYTES = 1500
_SMOOTHING = 0.2  # weight of the newest transfer in the expected rate


class Device:
    """One device of a group: when its processor is free, its radio, its flows."""

    __slots__ = ("active_j", "busy_s", "down", "free_s", "group", "number", "radio", "rate_bytes_per_s", "up")

    def __init__(self, number: int, group: Group, network: Network) -> None:
        self.number, self.group = number, group
        self.free_s = self.busy_s = self.active_j = 0.0
        self.radio = None if group.radio is None else FleetRadio(group.radio)
        self.up = {name: network.flow_class(path.up, group.up_bytes_per_s) for name, path in group.paths.items()}
        self.down = {name: network.flow_class(path.down, group.down_bytes_per_s) for name, path in group.paths.items()}
        self.rate_bytes_per_s: dict[str, float] = {}  # of sending to each server, smoothed over transfers

    def energy_j(self, now: float) -> float:
        """Idle power, computing and radio up to now."""
        return now * self.group.idle_w + self.active_j + (0.0 if self.radio is None else self.radio.close(now))

    def charge_ratio(self, now: float) -> float:
        """Of its battery; 1 without one."""
        battery_j = self.group.battery_j
        return 1.0 if battery_j is None else max(0.0, 1.0 - self.energy_j(now) / battery_j)


class Task:
    """One task. ``mark_s``: when its present phase began."""

    __slots__ = ("alarm", "arrival_s", "device", "down_s", "ended", "energy_j", "far_s", "kind", "mark_s", "near_s", "timed_out", "up_s", "way")

    def __init__(self, kind: _Running, device: Device, arrival_s: float) -> None:
        self.kind, self.device, self.arrival_s = kind, device, arrival_s
        self.way = 0
        self.near_s = self.up_s = self.far_s = self.down_s = self.energy_j = self.mark_s = 0.0
        self.alarm: Alarm | None = None
        self.ended = self.timed_out = False


class _Running:
    """A kind of task at work: its policy and its place in the log."""

    def __init__(self, index: int, kind: TaskKind, policy: OffloadingPolicy, devices: Sequence[Device]) -> None:
        self.index, self.kind, self.policy, self.devices = index, kind, policy, devices
        self.ways, self.deadline_s = kind.ways, kind.deadline_s


class Offloading:
    """A fleet at work on one clock. ``log``: a row for every task that ended."""

    def __init__(self, clock: Clock, network: Network, servers: dict[str, Server], groups: Sequence[Group], kinds: Sequence[TaskKind], seed: int) -> None:
        self.clock, self.network, self.servers, self.seed = clock, network, servers, seed
        self.devices: dict[str, list[Device]] = {}
        number = 0
        for group in groups:
            self.devices[group.name] = [Device(number + index, group, network) for index in range(group.count)]
            number += group.count
        self.log = TaskLog()
        self.running = [self._begun(index, kind) for index, kind in enumerate(kinds)]
        self._rng = stream(seed, "fleet/links")
        self.in_flight = 0

    def _begun(self, index: int, kind: TaskKind) -> _Running:
        policy = OFFLOADING[kind.policy].tuned(kind.tunables)
        policy.start(stream(self.seed, f"policy/{kind.name}"))
        return _Running(index, kind, policy, self.devices[kind.group])

    def start(self, duration_s: float, directory: FilePath = FilePath()) -> None:
        """Schedule the first arrivals of every kind, and start the servers."""
        for server in self.servers.values():
            server.start()
        for running in self.running:
            self._follow(running, self._arrivals(running, duration_s, directory))

    def _arrivals(self, running: _Running, duration_s: float, directory: FilePath) -> Iterator[tuple[float, Device]]:
        """All arrivals of a kind over its group, in order of time: merged streams of Poisson and periodic tasks, or one stream for each device."""
        arrival, devices, name = running.kind.arrival, running.devices, running.kind.name
        if isinstance(arrival, Poisson):
            return _merged_poisson(float(arrival.rate_hz) * len(devices), devices, duration_s, stream(self.seed, f"arrival/{name}"))
        if isinstance(arrival, Periodic) and not arrival.jitter_s:
            return _staggered(float(arrival.rate_hz), devices, duration_s, stream(self.seed, f"arrival/{name}"))
        from heapq import merge

        streams = (
            ((time_s, device) for time_s in arrival_times(arrival, duration_s, 0.0, None, stream(self.seed, f"arrival/{name}/{device.number}"), directory))
            for device in devices
        )
        return merge(*streams, key=lambda row: row[0])

    def _follow(self, running: _Running, arrivals: Iterator[tuple[float, Device]]) -> None:
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

    def _arrived(self, running: _Running, device: Device) -> None:
        task = Task(running, device, self.clock._now)
        self.in_flight += 1
        if len(running.ways) > 1:
            task.way = running.policy.choose(_Situation(self, task))
        way = running.ways[task.way]
        if way.server and running.kind.timeout_s < math.inf:
            task.alarm = Alarm(self.clock, task.arrival_s + running.kind.timeout_s, SWITCHES, lambda _: self._gave_up(task))
        self._compute(task, way, self._computed)

    def _compute(self, task: Task, way: Way, then: Callable[[Task], None]) -> None:
        """On the device, behind what it has to do already."""
        now, device = self.clock._now, task.device
        if way.near_s == 0.0:
            then(task)
            return
        begin_s = device.free_s if device.free_s > now else now
        device.free_s = end_s = begin_s + way.near_s
        device.busy_s += way.near_s
        device.active_j += way.near_j
        task.energy_j += way.near_j
        task.near_s += end_s - now
        Alarm(self.clock, end_s, ENDS, lambda _: then(task))

    def _computed(self, task: Task) -> None:
        if task.ended or task.timed_out:
            return
        if not task.kind.ways[task.way].server:
            self._answered(task)
            return
        now, radio = self.clock._now, task.device.radio
        task.mark_s = now
        delay_s = 0.0 if radio is None else radio.promotion_s(now)
        if delay_s:
            Alarm(self.clock, now + delay_s, SWITCHES, lambda _: self._send(task))
        else:
            self._send(task)

    def _send(self, task: Task) -> None:
        way, device = task.kind.ways[task.way], task.device
        self._transfer(task, device.up[way.server], way.up_bytes, True, self._sent)

    def _transfer(self, task: Task, kind: FlowClass, size_bytes: float, sending: bool, then: Callable[[Task, float], None]) -> None:
        """Bytes over the links, those that are lost again; ``then`` with the delay that comes on top."""
        path = task.device.group.paths[task.kind.ways[task.way].server]
        delay_s = path.latency_s + (path.jitter_s * self._rng.random() if path.jitter_s else 0.0)
        passed_bytes = size_bytes
        if path.loss:
            passed_bytes, rounds = self._resent(size_bytes, path.loss)
            delay_s += 2 * path.latency_s * rounds
        radio = task.device.radio
        if radio is not None:
            radio.begin(self.clock._now, sending)

        def passed() -> None:
            if radio is not None:
                radio.end(self.clock._now, sending, passed_bytes)
            then(task, delay_s)

        self.network.send(kind, passed_bytes, passed)

    def _resent(self, size_bytes: float, loss: float) -> tuple[float, int]:
        """Bytes that pass until all packets have arrived, and how many more rounds that takes."""
        packets = math.ceil(size_bytes / PACKET_BYTES)
        passed_bytes, rounds = size_bytes, 0
        lost = int(self._rng.binomial(packets, loss))
        while lost:
            passed_bytes += lost * min(PACKET_BYTES, size_bytes)
            rounds += 1
            lost = int(self._rng.binomial(lost, loss))
        return passed_bytes, rounds

    def _sent(self, task: Task, delay_s: float) -> None:
        now, way = self.clock._now, task.kind.ways[task.way]
        if now > task.mark_s and way.up_bytes:
            rates, rate = task.device.rate_bytes_per_s, way.up_bytes / (now - task.mark_s)
            rates[way.server] = rates.get(way.server, rate) * (1 - _SMOOTHING) + rate * _SMOOTHING
        if delay_s:
            Alarm(self.clock, now + delay_s, ENDS, lambda _: self._reached(task))
        else:
            self._reached(task)

    def _reached(self, task: Task) -> None:
        way, now = task.kind.ways[task.way], self.clock._now
        task.up_s, task.mark_s = now - task.mark_s, now
        assert way.work is not None
        self.servers[way.server].submit(way.work, lambda served: self._served(task, served))

    def _served(self, task: Task, served: bool) -> None:
        now = self.clock._now
        task.far_s, task.mark_s = now - task.mark_s, now
        if task.ended or task.timed_out:
            return
        if not served:
            self._end(task, TaskStatus.REFUSED)
            return
        way, device = task.kind.ways[task.way], task.device
        delay_s = 0.0 if device.radio is None else device.radio.promotion_s(now)
        if delay_s:
            Alarm(self.clock, now + delay_s, SWITCHES, lambda _: self._transfer(task, device.down[way.server], way.down_bytes, False, self._received))
        else:
            self._transfer(task, device.down[way.server], way.down_bytes, False, self._received)

    def _received(self, task: Task, delay_s: float) -> None:
        if delay_s:
            Alarm(self.clock, self.clock._now + delay_s, ENDS, lambda _: self._back(task))
        else:
            self._back(task)

    def _back(self, task: Task) -> None:
        if not (task.ended or task.timed_out):
            task.down_s = self.clock._now - task.mark_s
            self._answered(task)

    def _gave_up(self, task: Task) -> None:
        """No answer in time: the device does it all itself."""
        task.alarm = None
        if task.ended:
            return
        task.kind.policy.learn(task.way, math.inf, task.energy_j, False)
        task.timed_out = True
        self._compute(task, task.kind.ways[0], self._fell_back)

    def _fell_back(self, task: Task) -> None:
        self._end(task, TaskStatus.FELL_BACK)

    def _answered(self, task: Task) -> None:
        self._end(task, TaskStatus.DONE)

    def _end(self, task: Task, status: TaskStatus) -> None:
        now = self.clock._now
        task.ended = True
        self.in_flight -= 1
        if task.alarm is not None:
            task.alarm.cancel()
        latency_s = now - task.arrival_s
        if not task.timed_out:
            given = math.inf if status == TaskStatus.REFUSED else latency_s
            task.kind.policy.learn(task.way, given, task.energy_j, latency_s <= task.kind.deadline_s)
        self.log.add(task.kind.index, task.device.number, task.way, status, task.arrival_s, now, task.near_s, task.up_s, task.far_s, task.down_s, task.energy_j)


class _Expected:
    """A way of a task with what is expected of it now."""

    __slots__ = ("_situation", "_way", "cut", "server")

    def __init__(self, situation: _Situation, way: Way) -> None:
        self._situation, self._way = situation, way
        self.server, self.cut = way.server, way.cut

    @property
    def latency_s(self) -> float:
        way, situation = self._way, self._situation
        near_s = way.near_s + (situation.wait_s if way.near_s else 0.0)
        return near_s if way.work is None else near_s + self._away_s()

    @property
    def energy_j(self) -> float:
        way, group = self._way, self._situation.device.group
        if way.work is None or group.radio is None:
            return way.near_j
        up_s, down_s = self._transfers_s()
        radio = group.radio
        tail_j = sum((float(step.power_w) - float(radio.idle_w)) * float(step.time_s) for step in radio.tail)
        moving_j = up_s * float(radio.send_w) + down_s * float(radio.receive_w)
        per_byte_j = way.up_bytes * float(radio.send_j_per_byte) + way.down_bytes * float(radio.receive_j_per_byte)
        return way.near_j + moving_j + per_byte_j + tail_j

    def _away_s(self) -> float:
        way, situation = self._way, self._situation
        assert way.work is not None
        radio, path = situation.device.radio, situation.device.group.paths[way.server]
        promotion_s = 0.0 if radio is None else radio.promotion_s(situation.now_s)
        wait_s = situation.world.servers[way.server].expected_wait_s(way.work)
        up_s, down_s = self._transfers_s()
        return promotion_s + up_s + down_s + 2 * path.latency_s + path.jitter_s + wait_s + way.work.batch_s[0]

    def _transfers_s(self) -> tuple[float, float]:
        way, situation = self._way, self._situation
        return way.up_bytes / situation.rate_to(way.server), way.down_bytes / situation.rate_from(way.server)


class _Situation:
    """What a policy sees of a task that arrives, see :class:`sim.policies.offloading.TaskView`."""

    __slots__ = ("_task", "device", "now_s", "world")

    def __init__(self, world: Offloading, task: Task) -> None:
        self.world, self._task, self.device, self.now_s = world, task, task.device, task.arrival_s

    @property
    def options(self) -> list[_Expected]:
        return [_Expected(self, way) for way in self._task.kind.ways]

    @property
    def deadline_s(self) -> float:
        return self._task.kind.deadline_s

    @property
    def wait_s(self) -> float:
        return max(self.device.free_s - self.now_s, 0.0)

    @property
    def input_bytes(self) -> float:
        return self._task.kind.kind.input_bytes

    @property
    def bandwidth_bytes_per_s(self) -> float:
        return max((self.rate_to(name) for name in self.device.group.paths), default=0.0)

    @property
    def charge_ratio(self) -> float:
        return self.device.charge_ratio(self.now_s)

    def rate_to(self, server: str) -> float:
        """As sent before; until then what the links would give a flow alone."""
        known = self.device.rate_bytes_per_s.get(server)
        return known if known is not None else self._alone(self.device.up[server])

    def rate_from(self, server: str) -> float:
        return self._alone(self.device.down[server])

    def _alone(self, kind: FlowClass) -> float:
        capacities = [self.world.network.links[link].capacity_bytes_per_s for link in kind.links]
        return max(min([kind.limit_bytes_per_s, *capacities]), 1e-3)


def _merged_poisson(rate_hz: float, devices: Sequence[Device], duration_s: float, rng: np.random.Generator) -> Iterator[tuple[float, Device]]:
    """The sum of independent Poisson processes: one of the sum of the rates, each arrival on a device at random."""
    last_s = 0.0
    while True:
        times = last_s + np.cumsum(rng.exponential(1.0 / rate_hz, 4096))
        chosen = rng.integers(0, len(devices), 4096)
        for time_s, index in zip(times.tolist(), chosen.tolist(), strict=True):
            if time_s >= duration_s:
                return
            yield time_s, devices[index]
        last_s = float(times[-1])


def _staggered(rate_hz: float, devices: Sequence[Device], duration_s: float, rng: np.random.Generator) -> Iterator[tuple[float, Device]]:
    """Every device once a period, each with a phase of its own."""
    phases = rng.random(len(devices)) / rate_hz
    order = np.argsort(phases, kind="stable").tolist()
    ordered = [(float(phases[index]), devices[index]) for index in order]
    period = 0
    while True:
        begin_s = period / rate_hz
        for phase_s, device in ordered:
            if begin_s + phase_s >= duration_s:
                return
            yield begin_s + phase_s, device
        period += 1


__all__ = ["Device", "Offloading", "Path", "Task"]
