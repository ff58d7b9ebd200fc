"""Trip points: polled on their own grid, but only while something could happen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from device_models.spec import Trip
from sim.policies.throttling import ThrottlingPolicy, TripView
from sim.runtime.clock import OBSERVERS, Clock
from sim.runtime.frequency import Domain
from sim.runtime.heat import Heat


class TripPoint:
    """Watches one node and caps the operating points of its domains.

    While the device idles, the exact time at which the node would reach the trip decides the next poll; if it never will,
    polling stops until power rises again.
    """

    def __init__(
        self,
        clock: Clock,
        trip: Trip,
        policy: ThrottlingPolicy,
        heat: Heat,
        domains: list[Domain],
        number: int,
        is_idle: Callable[[], bool],
        power_w: Callable[[], dict[str, float]],
    ) -> None:
        self._clock, self._heat, self._policy, self._domains, self._number = clock, heat, policy, domains, number
        self._is_idle, self._power_w = is_idle, power_w
        self._node = heat.names.index(trip.node)
        self._polling_s = max(float(trip.polling_s), 1e-3)
        self._trip_c, self._hysteresis_k = float(trip.temperature_c), float(trip.hysteresis_k)
        self._deepest = max(len(domain.frequencies_hz) for domain in domains) - 1
        self._last_c = heat.ambient_c
        self.state = 0

    def start(self) -> None:
        self._poll_at(self._polling_s)

    def _poll_at(self, time_s: float) -> None:
        """At the first moment of the grid at or after ``time_s``."""
        steps = math.ceil(time_s / self._polling_s - 1e-9)
        self._clock.at(steps * self._polling_s, OBSERVERS, self._poll)

    def _poll(self, _: Any) -> None:
        temperature_c = self._heat.temperatures_c()[self._node]
        state = self._policy.decide(TripView(temperature_c, self._last_c, self._trip_c, self._hysteresis_k, self.state, self._deepest))
        self._last_c = temperature_c
        if state != self.state:
            self.state = state
            for domain in self._domains:
                domain.limit(self._number, state)
        self._poll_next(temperature_c)

    def _poll_next(self, temperature_c: float) -> None:
        soon_s = self._clock._now + self._polling_s
        if self.state or temperature_c >= self._trip_c or not self._is_idle():
            self._poll_at(soon_s)
            return
        reached_s = self._heat.time_to_reach(self._node, self._trip_c, self._power_w())
        if reached_s is not None:
            self._poll_at(max(soon_s, self._clock._now + reached_s))
            return
        self._heat.sleepers.append(self._wake)

    def _wake(self) -> None:
        self._poll_at(self._clock._now)
