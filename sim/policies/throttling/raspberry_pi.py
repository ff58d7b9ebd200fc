"""Limits of the Raspberry Pi's firmware (raspberrypi/documentation, frequency-management.adoc)."""

from __future__ import annotations

from collections.abc import Sequence

from sim.policies.throttling.policy import THROTTLING, ThermalGovernor, TripView, ZoneView


@THROTTLING.register("raspberry_pi")
class RaspberryPi(ThermalGovernor):
    """Between the soft and the hard limit the clock sinks progressively; at the hard limit it is the lowest.

    A trip with ``limits`` is a fixed step (temp_soft_limit, 60 degC on a 3B+: 1.4 to 1.2 GHz). Of the others, the first is where
    throttling begins (80 degC) and the last the hard limit (85 degC). How the firmware falls in between is not documented; here
    in proportion to the way from one to the other, rounded up. The way back is taken ``hysteresis`` (K) later.
    """

    def __init__(self) -> None:
        self._held: list[bool] = []

    def decide(self, zone: ZoneView) -> Sequence[int]:
        fixed = [trip for trip in zone.trips if trip.limits]
        progressive = [trip for trip in zone.trips if not trip.limits]
        held = self._held or [False] * len(fixed)
        self._held = [zone.temperature_c >= trip.temperature_c - (trip.hysteresis_k if was else 0.0) for trip, was in zip(fixed, held, strict=True)]
        states = []
        for actor in zone.actors:
            state = max((trip.limits.get(actor.name, 0) for trip, holds in zip(fixed, self._held, strict=True) if holds), default=0)
            if progressive:
                deeper = _depth(progressive, zone.temperature_c, actor.deepest)
                shallower = _depth(progressive, zone.temperature_c + progressive[0].hysteresis_k, actor.deepest)
                state = max(state, deeper, min(shallower, actor.state))
            states.append(min(state, actor.deepest))
        return states


def _depth(trips: Sequence[TripView], temperature_c: float, deepest: int) -> int:
    begin_c, hard_c = trips[0].temperature_c, trips[-1].temperature_c
    if temperature_c < begin_c:
        return 0
    if temperature_c >= hard_c:
        return deepest
    return min(int((temperature_c - begin_c) / (hard_c - begin_c) * deepest) + 1, deepest)
