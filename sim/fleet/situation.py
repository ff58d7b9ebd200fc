"""What an offloading policy sees of a task that arrives, see :class:`sim.policies.offloading.TaskView`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.fleet.network import FlowClass
from sim.fleet.tasks import Way

if TYPE_CHECKING:
    from sim.fleet.offloading import Offloading, Task


class Option:
    """A way of a task with what is expected of it now. Early exits count by their shares."""

    __slots__ = ("_near", "_situation", "_way", "cut", "server")

    def __init__(self, situation: Situation, way: Way, near: tuple[float, float]) -> None:
        self._situation, self._way, self._near = situation, way, near
        self.server, self.cut = way.server, way.cut

    @property
    def latency_s(self) -> float:
        seconds = self._near[0]
        if seconds:
            seconds += self._situation.wait_s
        return seconds if self._way.work is None else seconds + self._way.goes_on * self._away_s()

    @property
    def energy_j(self) -> float:
        way, radio = self._way, self._situation.device.radio
        if way.work is None or radio is None:
            return self._near[1]
        up_s, down_s = self._transfers_s()
        return self._near[1] + way.goes_on * radio.expected_j(self._situation.promotion_s, up_s, way.up_bytes, down_s, way.down_bytes)

    def _away_s(self) -> float:
        way, situation = self._way, self._situation
        assert way.work is not None
        path = situation.device.access.paths[way.server]
        wait_s = situation.world.servers[way.server].expected_wait_s(way.work)
        up_s, down_s = self._transfers_s()
        return situation.promotion_s + up_s + down_s + 2 * path.latency_s + path.jitter_s + wait_s + way.work.batch_s[0]

    def _transfers_s(self) -> tuple[float, float]:
        way, situation = self._way, self._situation
        return way.up_bytes / situation.rate_to(way.server), way.down_bytes / situation.rate_from(way.server)


class Situation:
    """A task at the moment it arrives. ``promotion_s``: until the radio would be ready, if something were sent now."""

    __slots__ = ("_task", "deadline_s", "device", "now_s", "options", "promotion_s", "wait_s", "world")

    def __init__(self, world: Offloading, task: Task) -> None:
        self.world, self._task, self.device, self.now_s = world, task, task.device, task.arrival_s
        running, radio = task.kind, task.device.radio
        self.deadline_s = running.deadline_s
        self.wait_s = task.device.wait_s(task.arrival_s)
        self.promotion_s = 0.0 if radio is None else radio.promotion_s(task.arrival_s)
        self.options = [Option(self, way, near) for way, near in zip(running.ways, running.expected, strict=True)]

    @property
    def input_bytes(self) -> float:
        return self._task.kind.kind.input_bytes

    @property
    def bandwidth_bytes_per_s(self) -> float:
        return max((self.rate_to(name) for name in self.device.access.paths), default=0.0)

    @property
    def charge_ratio(self) -> float:
        return self.device.charge_ratio(self.now_s)

    def rate_to(self, server: str) -> float:
        """As the device expects it of what it sent before."""
        return 1.0 / self.device.expected_pace(server, 1.0 / self._alone(self.device.access.up[server]))

    def rate_from(self, server: str) -> float:
        return self._alone(self.device.access.down[server])

    def _alone(self, kind: FlowClass) -> float:
        links, rate = self.world.network.links, kind.limit_bytes_per_s
        for link in kind.links:
            rate = min(rate, links[link].capacity_bytes_per_s)
        return max(rate, 1e-3)
