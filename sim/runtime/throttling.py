"""Thermal zones: a node's trip points, polled, and the governor that caps the operating points of their domains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from device_models.thermal_spec import Trip
from sim.policies.throttling import Actor, ThermalGovernor, TripView, ZoneView
from sim.runtime.clock import Clock
from sim.runtime.frequency import Domain
from sim.runtime.heat import Heat
from sim.runtime.polling import Watch


class Zone(Watch):
    """Trips of one node with the same domains and governor. ``switched_j`` gives the switching energy of each domain until now."""

    def __init__(
        self,
        clock: Clock,
        heat: Heat,
        number: int,
        trips: Sequence[Trip],
        governor: ThermalGovernor,
        domains: Sequence[Domain],
        power_w: Sequence[Sequence[float]],
        is_idle: Callable[[], bool],
        drawn_w: Callable[[], dict[str, float]],
        switched_j: Callable[[], list[float]],
    ) -> None:
        super().__init__(clock, heat, trips[0].node, min(float(trip.polling_s) for trip in trips), is_idle, drawn_w)
        self._number, self._governor, self._domains, self._switched_j = number, governor, domains, switched_j
        ordered = sorted(trips, key=lambda trip: float(trip.temperature_c))
        views = [TripView(float(trip.temperature_c), float(trip.hysteresis_k), trip.limits, trip.ceilings, trip.control) for trip in ordered]
        actors = [Actor(domain.name, watts) for domain, watts in zip(domains, power_w, strict=True)]
        self._view = ZoneView(views, actors, self._polling_s, last_c=heat.ambient_c)
        self._energy_j = [0.0] * len(domains)
        self._polled_s = 0.0

    @property
    def state(self) -> int:
        """The deepest cooling state of the zone."""
        return max(actor.state for actor in self._view.actors)

    def look(self, temperature_c: float) -> float:
        view = self._view
        view.temperature_c = temperature_c
        if self._governor.needs_power:
            self._measure()
        states = self._governor.decide(view)
        view.last_c = temperature_c
        for actor, domain, state in zip(view.actors, self._domains, states, strict=True):
            if state != actor.state:
                actor.state = state
                domain.limit(self._number, state)
        return -math.inf if any(states) else self._governor.begins_c(view)

    def _measure(self) -> None:
        """Mean switching power of each domain since the poll before."""
        now, energies = self._clock._now, self._switched_j()
        seconds = now - self._polled_s
        for actor, domain, energy_j, before_j in zip(self._view.actors, self._domains, energies, self._energy_j, strict=True):
            actor.requested_w = (energy_j - before_j) / seconds if seconds > 0 else 0.0
            actor.index = domain.position
        self._energy_j, self._polled_s = energies, now
