"""A fan with several speeds, each from its own temperature on: the Raspberry Pi 5's (frequency-management.adoc)."""

from __future__ import annotations

from sim.policies.cooling.policy import FANS, FanGovernor, FanView


@FANS.register("fan_curve")
class FanCurve(FanGovernor):
    """The highest speed whose temperature is reached; a speed is kept until ``hysteresis`` below its temperature (degC, K)."""

    def decide(self, view: FanView) -> int:
        for state in range(len(view.temperatures_c), 0, -1):
            held_k = view.hysteresis_k[state - 1] if view.state >= state else 0.0
            if view.temperature_c >= view.temperatures_c[state - 1] - held_k:
                return state
        return 0
