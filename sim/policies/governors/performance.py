"""Linux cpufreq/devfreq ``performance``."""

from __future__ import annotations

from sim.policies.governors.governor import GOVERNORS, DomainView, Governor


@GOVERNORS.register("performance")
class Performance(Governor):
    """Always the highest frequency."""

    def decide(self, view: DomainView) -> float:
        return view.frequencies_hz[-1]
