"""Linux cpuidle ``menu`` (drivers/cpuidle/governors/menu.c), by its repeating-interval predictor: next timers are not known here."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from sim.policies.idle.policy import IDLE, INTERVALS, IdlePolicy

_STEADY_S = 20e-6  # a standard deviation so small is steady whatever the mean


@IDLE.register("menu")
class Menu(IdlePolicy):
    """The deepest state whose target residency fits the predicted idle time; plain idling where none can be predicted."""

    def choose(self, intervals_s: Sequence[float], residencies_s: Sequence[float]) -> int:
        return bisect_right(residencies_s, typical_interval_s(intervals_s))


def typical_interval_s(intervals_s: Sequence[float]) -> float:
    """The mean of the last eight idle times once they are steady, or of what is left of them without up to two of the longest; else 0.

    Steady: the mean is more than six standard deviations, or these are at most 20 us.
    """
    if len(intervals_s) < INTERVALS:
        return 0.0
    kept = sorted(intervals_s)[-INTERVALS:] if len(intervals_s) > INTERVALS else sorted(intervals_s)
    while 4 * len(kept) >= 3 * INTERVALS:
        mean_s = math.fsum(kept) / len(kept)
        deviation_s = math.sqrt(math.fsum((value - mean_s) ** 2 for value in kept) / len(kept))
        if mean_s > 6 * deviation_s or deviation_s <= _STEADY_S:
            return mean_s
        kept.pop()
    return 0.0
