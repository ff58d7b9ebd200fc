"""What a frequency governor sees and decides, named and computed as in Linux."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from sim.policies.tunables import Tunable, Tunables
from sim.registry import Registry

PELT_HALF_LIFE_S = 0.032  # Linux kernel/sched/pelt.c: a contribution halves after 32 periods of 1024 us


@dataclass(slots=True)
class DomainView:
    """A DVFS domain at a sampling time. Of several units in a domain, the busiest counts."""

    frequencies_hz: Sequence[float]  # operating points, ascending
    index: int  # the operating point it runs at or is changing to
    load: float  # share of the time since the last sampling in which a unit was busy, 0..1
    utilisation: float  # frequency-invariant moving average of busy time with PELT's half-life, 0..1 of the highest frequency
    busy: bool  # a unit runs at this moment
    wanted: int  # the operating point the governor decided for last, before any thermal cap
    requested_hz: float  # what the governor asked for last time (may lie between operating points)


SAMPLING = Tunable("time", "between samplings", 1e-4, 60.0)
SHARE = Tunable("ratio", "share of the time, 0 to 1 or in %", 0.0, 1.0)


class Governor(Tunables, ABC):
    """Decides a frequency at each sampling time. Stateless: what it may remember is in the view.

    A tunable ``sampling`` sets ``sampling_s``.
    """

    sampling_s: float | None = None  # None: decides once, at the start
    rate_limit: float | None = 0.0  # after a change no other is decided for so long, seconds; None: 1.5 transition latencies

    @property
    def sampling(self) -> float:
        return self.sampling_s or 0.0

    @sampling.setter
    def sampling(self, seconds: float) -> None:
        self.sampling_s = seconds

    uses_load = True  # False: decides by the moment's utilisation alone, and says by ``band`` when it decides otherwise

    @abstractmethod
    def decide(self, view: DomainView) -> float:
        """The wanted frequency in Hz."""

    def operating_point(self, view: DomainView, wanted_hz: float) -> int:
        """The operating point for a wanted frequency, before any thermal cap."""
        return at_least(view.frequencies_hz, wanted_hz)

    def quiet_s(self, view: DomainView) -> float:
        """After deciding (only asked where ``uses_load``): how long sampling changes nothing as long as the domain stays as busy or idle as it is, seconds.

        For a governor that looks at ``load``: for ever once load and frequency are at the same end.
        """
        if view.busy:
            return math.inf if view.load >= 1.0 and view.index == len(view.frequencies_hz) - 1 else 0.0
        return math.inf if view.load <= 0.0 and view.index == 0 else 0.0

    def band(self, view: DomainView) -> tuple[float, float]:
        """Only asked where not ``uses_load``: the utilisations ``low < u <= high`` for which it decides ``view.wanted``."""
        return -math.inf, math.inf


GOVERNORS: Registry[type[Governor]] = Registry("governor")


def at_least(frequencies_hz: Sequence[float], wanted_hz: float) -> int:
    """The lowest operating point not below ``wanted_hz`` (CPUFREQ_RELATION_L), the highest if there is none."""
    return min(bisect_left(frequencies_hz, wanted_hz * (1 - 1e-12)), len(frequencies_hz) - 1)


def at_most(frequencies_hz: Sequence[float], wanted_hz: float) -> int:
    """The highest operating point not above ``wanted_hz`` (CPUFREQ_RELATION_H), the lowest if there is none."""
    return max(bisect_right(frequencies_hz, wanted_hz * (1 + 1e-12)) - 1, 0)


def closest(frequencies_hz: Sequence[float], wanted_hz: float) -> int:
    """The nearest operating point (CPUFREQ_RELATION_C)."""
    upper = at_least(frequencies_hz, wanted_hz)
    if upper == 0 or frequencies_hz[upper] - wanted_hz <= wanted_hz - frequencies_hz[upper - 1]:
        return upper
    return upper - 1
