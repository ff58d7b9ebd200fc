"""Linux cpufreq ``conservative`` (drivers/cpufreq/cpufreq_conservative.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.governors.governor import GOVERNORS, SAMPLING, SHARE, DomainView, Governor, at_least, at_most
from sim.policies.tunables import Tunable


@GOVERNORS.register("conservative")
class Conservative(Governor):
    """Steps of 5 % of the highest frequency: up while the load is above 80 %, down while it is below 20 %."""

    tunables: ClassVar[Mapping[str, Tunable]] = {"sampling": SAMPLING, "up_threshold": SHARE, "down_threshold": SHARE, "freq_step": SHARE}
    sampling_s: float | None = 0.01  # the kernel's usual sampling rate, 10 ms
    up_threshold = 0.80  # DEF_FREQUENCY_UP_THRESHOLD
    down_threshold = 0.20  # DEF_FREQUENCY_DOWN_THRESHOLD
    freq_step = 0.05  # DEF_FREQUENCY_STEP

    def decide(self, view: DomainView) -> float:
        lowest, highest = view.frequencies_hz[0], view.frequencies_hz[-1]
        if view.load > self.up_threshold:
            # the request climbs even where an operating point spans several steps, as in the kernel
            return min(view.requested_hz + self.freq_step * highest, highest)
        if view.load < self.down_threshold:
            return max(view.requested_hz - self.freq_step * highest, lowest)
        return view.requested_hz

    def operating_point(self, view: DomainView, wanted_hz: float) -> int:
        """Up: the highest point not above the request; down: the lowest point not below it."""
        if wanted_hz >= view.requested_hz:
            return at_most(view.frequencies_hz, wanted_hz)
        return at_least(view.frequencies_hz, wanted_hz)
