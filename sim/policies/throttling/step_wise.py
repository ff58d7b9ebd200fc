"""Linux thermal ``step_wise`` (drivers/thermal/gov_step_wise.c)."""

from __future__ import annotations

from sim.policies.throttling.policy import THROTTLING, TripView


@THROTTLING.register("step_wise")
class StepWise:
    """One step deeper per poll while at or above the trip and rising; one step back per poll below it and falling.

    With hysteresis, the way back begins below ``trip - hysteresis``.
    """

    def decide(self, view: TripView) -> int:
        rising, falling = view.temperature_c > view.last_c, view.temperature_c < view.last_c
        if view.temperature_c >= view.trip_c and rising:
            return min(view.state + 1, view.deepest)
        if view.temperature_c < view.trip_c - view.hysteresis_k and not rising and (falling or view.state):
            return max(view.state - 1, 0)
        return view.state
