"""One device of a fleet: its processor, its radio, its connection."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from sim.fleet.radio import FleetRadio
from sim.fleet.tasks import Group, Near
from sim.fleet.transfers import Access, Transfer
from sim.runtime.clock import ENDS, Alarm, Clock

Computed = Callable[[float], None]  # with the joules it took
_SMOOTHING = 0.2  # weight of the newest transfer in what is expected
_REMEMBERED_S = 60.0  # time constant with which it is forgotten, so that a bad connection is tried again; both are design choices of a device


class Device:
    """A device that computes one task after the other, each for the time its table says: exact while nothing else runs on it.

    ``free_s``: when its processor is free; ``active_j``: above its idle power.
    """

    __slots__ = ("_lanes", "_paces", "access", "active_j", "busy_s", "clock", "free_s", "group", "number", "radio")

    def __init__(self, number: int, group: Group, access: Access, clock: Clock) -> None:
        self.number, self.group, self.access, self.clock = number, group, access, clock
        self.free_s = self.busy_s = self.active_j = 0.0
        self.radio = None if group.radio is None else FleetRadio(group.radio)
        self._paces: dict[str, tuple[float, float]] = {}  # seconds per byte of sending to each server, smoothed over transfers, and when that was
        self._lanes: list[deque[Transfer] | None] = [None, None]  # made when needed: there may be a million devices

    def lane(self, sending: bool) -> deque[Transfer]:
        """Transfers that go one after the other, the one under way first."""
        lane = self._lanes[sending]
        if lane is None:
            lane = self._lanes[sending] = deque()
        return lane

    def waiting(self, sending: bool) -> deque[Transfer] | None:
        """The same, if anything has gone that way one after the other."""
        return self._lanes[sending]

    def sent(self, server: str, seconds_per_byte: float) -> None:
        """What sending has just been like."""
        before, _ = self._paces.get(server, (seconds_per_byte, 0.0))
        self._paces[server] = before * (1 - _SMOOTHING) + seconds_per_byte * _SMOOTHING, self.clock._now

    def expected_pace(self, server: str, alone: float) -> float:
        """Seconds per byte of sending now: as it was, and the longer ago that is, the more ``alone``, what the links would give it alone."""
        known = self._paces.get(server)
        if known is None:
            return alone
        weight = math.exp((known[1] - self.clock._now) / _REMEMBERED_S)
        return known[0] * weight + alone * (1.0 - weight)

    def forget_paces(self) -> None:
        """The connection is another."""
        self._paces.clear()

    def compute(self, near: Near, factor: float, done: Computed) -> None:
        """Behind what it has to do already. ``factor``: of the work's length."""
        now, seconds, joules = self.clock._now, near.seconds * factor, near.joules * factor
        begin_s = self.free_s if self.free_s > now else now
        self.free_s = end_s = begin_s + seconds
        self.busy_s += seconds
        self.active_j += joules
        Alarm(self.clock, end_s, ENDS, lambda _: done(joules))

    def wait_s(self, now: float) -> float:
        """Until its processor is free."""
        return self.free_s - now if self.free_s > now else 0.0

    def computing_j(self, now: float) -> float:
        """What computing took above the idle power up to now; of what is not done yet, its share of the time."""
        return self.active_j * self.computed_s(now) / self.busy_s if self.busy_s else 0.0

    def computed_s(self, now: float) -> float:
        """Seconds in which it computed, up to now."""
        return self.busy_s - self.wait_s(now)

    def finish(self) -> None:
        """The run is over."""

    def peak_c(self) -> float | None:
        """The hottest that any part of it was; None where nobody knows."""
        return None

    def runaway(self) -> dict[str, Any] | None:
        """The node, its temperature and the gain where its heat ran away; None where it did not, or nobody knows."""
        return None

    def energy_j(self, now: float) -> float:
        """Idle power, computing and radio up to now."""
        return now * self.group.idle_w + self.computing_j(now) + (0.0 if self.radio is None else self.radio.close(now))

    def charge_ratio(self, now: float) -> float:
        """Of its battery; 1 without one."""
        battery_j = self.group.battery_j
        return 1.0 if battery_j is None else max(0.0, 1.0 - self.energy_j(now) / battery_j)
