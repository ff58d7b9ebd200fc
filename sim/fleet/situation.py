"""What an offloading policy sees of a task that arrives, see :class:`sim.policies.offloading.TaskView`."""

from __future__ import annotations

from functools import cached_property
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
        way, radio = self._way, self._situation.device.group.radio
        if way.work is None or radio is None:
            return self._near[1]
        up_s, down_s = self._transfers_s()
        tail_j = sum((float(step.power_w) - float(radio.idle_w)) * float(step.time_s) for step in radio.tail)
        moving_j = up_s * float(radio.send_w) + down_s * float(radio.receive_w)
        per_byte_j = way.up_bytes * float(radio.send_j_per_byte) + way.down_bytes * float(radio.receive_j_per_byte)
        promotion_j = 0.0 if not self._situation.promotion_s else float(radio.promotion_s) * float(radio.promotion_w)
        return self._near[1] + way.goes_on * (promotion_j + moving_j + per_byte_j + tail_j)

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
    """A task at the moment it arrives."""

    def __init__(self, world: Offloading, task: Task) -> None:
        self.world, self._task, self.device, self.now_s = world, task, task.device, task.arrival_s

    @cached_property
    def options(self) -> list[Option]:
        running = self._task.kind
        return [Option(self, way, near) for way, near in zip(running.ways, running.expected, strict=True)]

    @property
    def deadline_s(self) -> float:
        return self._task.kind.deadline_s

    @cached_property
    def wait_s(self) -> float:
        return self.device.wait_s(self.now_s)

    @cached_property
    def promotion_s(self) -> float:
        """Until the radio is ready, if something were sent now."""
        return 0.0 if self.device.radio is None else self.device.radio.promotion_s(self.now_s)

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
