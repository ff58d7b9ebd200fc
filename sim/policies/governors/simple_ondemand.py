"""Linux devfreq ``simple_ondemand`` (drivers/devfreq/governor_simpleondemand.c), usual for GPUs and NPUs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.governors.governor import GOVERNORS, SAMPLING, SHARE, DomainView, Governor
from sim.policies.tunables import Tunable


@GOVERNORS.register("simple_ondemand")
class SimpleOndemand(Governor):
    """Above 90 % load the highest frequency; within 5 % below that no change; else so that the load would be 87.5 %."""

    tunables: ClassVar[Mapping[str, Tunable]] = {"sampling": SAMPLING, "upthreshold": SHARE, "downdifferential": SHARE}
    sampling_s: float | None = 0.05  # estimated: drivers set polling_ms themselves, 50 ms in several (panfrost, lima)
    upthreshold = 0.90  # DFSO_UPTHRESHOLD
    downdifferential = 0.05  # DFSO_DOWNDIFFERENCTIAL

    def decide(self, view: DomainView) -> float:
        if view.load > self.upthreshold:
            return view.frequencies_hz[-1]
        current_hz = view.frequencies_hz[view.index]
        if view.load > self.upthreshold - self.downdifferential:
            return current_hz
        return view.load * current_hz / (self.upthreshold - self.downdifferential / 2)
