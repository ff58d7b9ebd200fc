"""Linux cpufreq/devfreq ``userspace``."""

from __future__ import annotations

from sim.policies.governors.governor import GOVERNORS, DomainView, Governor


@GOVERNORS.register("userspace")
class Userspace(Governor):
    """Stays at the frequency it was given: that with which the domain starts."""

    def decide(self, view: DomainView) -> float:
        return view.frequencies_hz[view.index]
