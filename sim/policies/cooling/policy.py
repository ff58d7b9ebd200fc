"""What a fan governor sees and decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sim.policies.tunables import Tunables
from sim.registry import Registry


@dataclass(slots=True)
class FanView:
    """A fan when its node is polled. State 0 is off; state k begins at ``temperatures_c[k - 1]``."""

    temperature_c: float
    state: int
    temperatures_c: Sequence[float]  # ascending
    hysteresis_k: Sequence[float]


class FanGovernor(Tunables, ABC):
    """Decides the fan's state at every poll, a pure function of the view."""

    @abstractmethod
    def decide(self, view: FanView) -> int:
        """The new state, 0 .. number of states. 0 below ``temperatures_c[0] - hysteresis``."""


FANS: Registry[type[FanGovernor]] = Registry("fan governor")
