"""Linux cpufreq ``ondemand`` (drivers/cpufreq/cpufreq_ondemand.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.governors.governor import GOVERNORS, SAMPLING, SHARE, DomainView, Governor, closest
from sim.policies.tunables import Tunable


@GOVERNORS.register("ondemand")
class Ondemand(Governor):
    """Load above ``up_threshold``: the highest frequency; else in proportion to the load between lowest and highest.

    ``load > up_threshold: f_max``, else the operating point closest to ``f_min + load (f_max - f_min)``; load 0..1 of the last
    sampling period, frequencies in Hz.
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {"sampling": SAMPLING, "up_threshold": SHARE}

    sampling_s: float | None = 0.01  # the kernel's usual sampling rate, 10 ms
    up_threshold = 0.80  # DEF_FREQUENCY_UP_THRESHOLD

    def decide(self, view: DomainView) -> float:
        lowest, highest = view.frequencies_hz[0], view.frequencies_hz[-1]
        if view.load > self.up_threshold:
            return highest
        return view.frequencies_hz[closest(view.frequencies_hz, lowest + view.load * (highest - lowest))]
