"""What an offloading policy sees of a task that arrives, see :class:`sim.policies.offloading.TaskView`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.fleet.tasks import Way

if TYPE_CHECKING:
    from sim.fleet.device import Device
    from sim.fleet.offloading import Offloading, RunningKind, Task


class Option:
    """A way of a task with what is expected of it now. Early exits count by their shares."""

    __slots__ = ("_near", "_situation", "_way", "cut", "server")

    def __init__(self, situation: Situation, way: Way, near: tuple[float, float]) -> None:
        self._situation, self._way, self._near = situation, way, near
        self.server, self.cut = way.server, way.cut

    @property
    def latency_s(self) -> float:
        seconds, situation, way = self._near[0], self._situation, self._way
        if seconds:
            seconds += situation.wait_s
        if way.work is None:
            return seconds
        path = situation.device.access.paths[way.server]
        wait_s = situation.world.servers[way.server].expected_wait_s(way.work)
        up_s, down_s = way.up_bytes / situation.rate_to(way.server), way.down_bytes / situation.rate_from(way.server)
        away_s = situation.promotion_s + up_s + down_s + 2 * path.latency_s + path.jitter_s + wait_s + way.work.batch_s[0]
        return seconds + way.goes_on * away_s

    @property
    def energy_j(self) -> float:
        way, situation = self._way, self._situation
        radio = situation.device.radio
        if way.work is None or radio is None:
            return self._near[1]
        up_s, down_s = way.up_bytes / situation.rate_to(way.server), way.down_bytes / situation.rate_from(way.server)
        return self._near[1] + way.goes_on * radio.expected_j(situation.promotion_s, up_s, way.up_bytes, down_s, way.down_bytes)


class Situation:
    """A task at the moment it arrives: one object for a kind of task, of the task that was given to :meth:`of` last.

    ``promotion_s``: until the radio would be ready, if something were sent now.
    """

    __slots__ = ("deadline_s", "device", "input_bytes", "now_s", "options", "promotion_s", "wait_s", "world")

    device: Device
    now_s: float
    wait_s: float
    promotion_s: float

    def __init__(self, world: Offloading, running: RunningKind) -> None:
        self.world = world
        self.deadline_s, self.input_bytes = running.deadline_s, running.kind.input_bytes
        self.options = [Option(self, way, near) for way, near in zip(running.ways, running.expected, strict=True)]

    def of(self, task: Task) -> Situation:
        """That of a task that arrives now."""
        self.device, self.now_s = task.device, task.arrival_s
        radio = task.device.radio
        self.wait_s = task.device.wait_s(task.arrival_s)
        self.promotion_s = 0.0 if radio is None else radio.promotion_s(task.arrival_s)
        return self

    @property
    def bandwidth_bytes_per_s(self) -> float:
        return max((self.rate_to(name) for name in self.device.access.paths), default=0.0)

    @property
    def charge_ratio(self) -> float:
        return self.device.charge_ratio(self.now_s)

    def rate_to(self, server: str) -> float:
        """As the device expects it of what it sent before."""
        device = self.device
        return 1.0 / device.expected_pace(server, 1.0 / self.world.network.alone_bytes_per_s(device.access.up[server]))

    def rate_from(self, server: str) -> float:
        return self.world.network.alone_bytes_per_s(self.device.access.down[server])
