"""Linux thermal ``bang_bang`` (drivers/thermal/gov_bang_bang.c)."""

from __future__ import annotations

from sim.policies.cooling.policy import FANS, FanGovernor, FanView


@FANS.register("bang_bang")
class BangBang(FanGovernor):
    """Full speed from the first trip on, off below ``trip - hysteresis`` (degC, K)."""

    def decide(self, view: FanView) -> int:
        if view.temperature_c >= view.temperatures_c[0]:
            return len(view.temperatures_c)
        return 0 if view.temperature_c < view.temperatures_c[0] - view.hysteresis_k[0] else view.state
