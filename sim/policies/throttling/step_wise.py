"""Linux thermal ``step_wise`` (drivers/thermal/gov_step_wise.c, with the hysteresis of kernel 6.8 and later)."""

from __future__ import annotations

from collections.abc import Sequence

from sim.policies.throttling.policy import THROTTLING, ThermalGovernor, ZoneView


@THROTTLING.register("step_wise")
class StepWise(ThermalGovernor):
    """One step deeper per poll while at or above the trip and rising; one step back per poll below it and falling.

    Temperatures in degC; the trend compares with the poll before. The way back begins below ``trip - hysteresis``. Each trip has
    its own state; the deepest counts.
    """

    def __init__(self) -> None:
        self._states: list[int] = []

    def decide(self, zone: ZoneView) -> Sequence[int]:
        deepest = max(actor.deepest for actor in zone.actors)
        self._states = self._states or [0] * len(zone.trips)
        rising, falling = zone.temperature_c > zone.last_c, zone.temperature_c < zone.last_c
        for position, trip in enumerate(zone.trips):
            if zone.temperature_c >= trip.temperature_c:
                self._states[position] = min(self._states[position] + rising, deepest)
            elif falling and zone.temperature_c < trip.temperature_c - trip.hysteresis_k:
                self._states[position] = max(self._states[position] - 1, 0)
        state = max(self._states)
        return [min(state, actor.deepest) for actor in zone.actors]
