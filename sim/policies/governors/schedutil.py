"""Linux cpufreq ``schedutil`` (kernel/sched/cpufreq_schedutil.c) over PELT (kernel/sched/pelt.c)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from sim.policies.governors.governor import GOVERNORS, SAMPLING, DomainView, Governor
from sim.policies.tunables import Tunable


@GOVERNORS.register("schedutil")
class Schedutil(Governor):
    """``1.25 x highest frequency x utilisation``, the utilisation being PELT's, scaled by frequency.

    ``f = 1.25 u f_max`` in Hz, ``u`` 0..1 of the capacity at ``f_max``, half-life 32 ms; the lowest operating point not below f.
    After a change no other is asked for before ``rate_limit`` has passed, as rate_limit_us: 1.5 transition latencies if not set.
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {"sampling": SAMPLING, "rate_limit": Tunable("time", "after a change until the next", 0.0, 10.0)}
    sampling_s: float | None = 0.004  # the scheduler's tick at CONFIG_HZ=250, at which utilisation is updated
    rate_limit: float | None = None
    uses_load = False
    margin = 1.25  # map_util_perf: util + util / 4

    def decide(self, view: DomainView) -> float:
        return self.margin * view.frequencies_hz[-1] * view.utilisation

    def band(self, view: DomainView) -> tuple[float, float]:
        frequencies, wanted = view.frequencies_hz, view.wanted
        scale = 1.0 / (self.margin * frequencies[-1])
        low = frequencies[wanted - 1] * scale if wanted else -math.inf
        return low, frequencies[wanted] * scale if wanted < len(frequencies) - 1 else math.inf
