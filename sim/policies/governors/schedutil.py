"""Linux cpufreq ``schedutil`` (kernel/sched/cpufreq_schedutil.c) over PELT (kernel/sched/pelt.c)."""

from __future__ import annotations

import math

from sim.policies.governors.governor import GOVERNORS, PELT_HALF_LIFE_S, DomainView, Governor, at_least


@GOVERNORS.register("schedutil")
class Schedutil(Governor):
    """``1.25 x highest frequency x utilisation``, the utilisation being PELT's, scaled by frequency."""

    sampling_s: float | None = 0.004  # the scheduler's tick at CONFIG_HZ=250, at which utilisation is updated
    uses_load = False
    margin = 1.25  # map_util_perf: util + util / 4

    def decide(self, view: DomainView) -> float:
        return self.margin * view.frequencies_hz[-1] * view.utilisation

    def quiet_s(self, view: DomainView) -> float:
        """PELT moves exponentially towards 0 or the present frequency's share, so the next crossing is known in closed form."""
        frequencies, highest = view.frequencies_hz, view.frequencies_hz[-1]
        index = at_least(frequencies, self.decide(view))
        goal = frequencies[view.index] / highest if view.busy else 0.0
        if view.utilisation > goal:
            crossing = frequencies[index - 1] / (self.margin * highest) if index else -1.0
            ahead = crossing >= goal
        else:
            crossing = frequencies[index] / (self.margin * highest)
            ahead = crossing < goal and index < len(frequencies) - 1
        if not ahead:
            return math.inf
        if crossing == goal:
            return math.inf if goal else 0.0
        return PELT_HALF_LIFE_S * max(0.0, math.log2((view.utilisation - goal) / (crossing - goal)))
