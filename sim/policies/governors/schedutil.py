"""Linux cpufreq ``schedutil`` (kernel/sched/cpufreq_schedutil.c) over PELT (kernel/sched/pelt.c)."""

from __future__ import annotations

import math

from sim.policies.governors.governor import GOVERNORS, DomainView, Governor


@GOVERNORS.register("schedutil")
class Schedutil(Governor):
    """``1.25 x highest frequency x utilisation``, the utilisation being PELT's, scaled by frequency."""

    sampling_s: float | None = 0.004  # the scheduler's tick at CONFIG_HZ=250, at which utilisation is updated
    uses_load = False
    margin = 1.25  # map_util_perf: util + util / 4

    def decide(self, view: DomainView) -> float:
        return self.margin * view.frequencies_hz[-1] * view.utilisation

    def band(self, view: DomainView) -> tuple[float, float]:
        frequencies, wanted = view.frequencies_hz, view.wanted
        scale = 1.0 / (self.margin * frequencies[-1])
        low = frequencies[wanted - 1] * scale if wanted else -math.inf
        return low, frequencies[wanted] * scale if wanted < len(frequencies) - 1 else math.inf
