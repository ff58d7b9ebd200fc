"""What an idle policy sees and decides when a unit has nothing to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from sim.registry import Registry

INTERVALS = 8  # how many idle times are remembered, as menu does


class IdlePolicy(ABC):
    """Chooses the idle state to begin with. It never sees the next event.

    A stay that outlasts the target residency of a deeper state goes on to that, as Linux selects anew at the next tick.
    """

    @abstractmethod
    def choose(self, intervals_s: Sequence[float], residencies_s: Sequence[float]) -> int:
        """The state, 0 (plain idling) to ``len(residencies_s)``. ``intervals_s``: the last idle times, at most 8, in order."""


IDLE: Registry[type[IdlePolicy]] = Registry("idle policy")
