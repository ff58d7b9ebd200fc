"""What a thermal governor sees and decides at a trip point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sim.registry import Registry


@dataclass(slots=True)
class TripView:
    """A trip point when its zone is polled."""

    temperature_c: float  # of the node now
    last_c: float  # at the poll before
    trip_c: float
    hysteresis_k: float
    state: int  # cooling state: how many operating points below the highest are forbidden now
    deepest: int  # the deepest cooling state


class ThrottlingPolicy(Protocol):
    """Decides the cooling state of a trip's domains, a pure function of the view."""

    def decide(self, view: TripView) -> int:
        """The new cooling state, ``0 .. deepest``. 0 with the temperature below ``trip_c - hysteresis_k`` ends polling."""


THROTTLING: Registry[type[ThrottlingPolicy]] = Registry("thermal governor")
