"""Linux cpufreq/devfreq ``powersave``."""

from __future__ import annotations

from sim.policies.governors.governor import GOVERNORS, DomainView, Governor


@GOVERNORS.register("powersave")
class Powersave(Governor):
    """Always the lowest frequency."""

    def decide(self, view: DomainView) -> float:
        return view.frequencies_hz[0]
