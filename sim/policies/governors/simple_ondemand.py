"""Linux devfreq ``simple_ondemand`` (drivers/devfreq/governor_simpleondemand.c), usual for GPUs and NPUs."""

from __future__ import annotations

from sim.policies.governors.governor import GOVERNORS, DomainView, Governor


@GOVERNORS.register("simple_ondemand")
class SimpleOndemand(Governor):
    """Above 90 % load the highest frequency; within 5 % below that no change; else so that the load would be 87.5 %."""

    sampling_s: float | None = 0.05  # estimated: drivers set polling_ms themselves, 50 ms in several (panfrost, lima)
    up_threshold = 0.90  # DFSO_UPTHRESHOLD
    down_differential = 0.05  # DFSO_DOWNDIFFERENCTIAL

    def decide(self, view: DomainView) -> float:
        if view.load > self.up_threshold:
            return view.frequencies_hz[-1]
        current_hz = view.frequencies_hz[view.index]
        if view.load > self.up_threshold - self.down_differential:
            return current_hz
        return view.load * current_hz / (self.up_threshold - self.down_differential / 2)
