"""What a thermal governor sees and decides for a thermal zone: a node, its trip points, and the domains they cap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from device_models.thermal_spec import PowerControl
from sim.policies.tunables import Tunables
from sim.registry import Registry


@dataclass(slots=True)
class Actor:
    """A DVFS domain as its thermal zone sees it. A cooling state is a number of operating points that are taken from the top."""

    name: str
    power_w: Sequence[float]  # the most it can switch at each operating point, ascending: every core busy
    state: int = 0  # cooling state asked for by this zone now
    requested_w: float = 0.0  # mean switching power since the poll before
    index: int = 0  # the operating point it runs at

    @property
    def deepest(self) -> int:
        return len(self.power_w) - 1

    def state_for(self, watts: float, load: float = 1.0) -> int:
        """The lowest cooling state at whose operating point the domain switches at most ``watts`` at this load."""
        return next((state for state in range(self.deepest) if self.power_w[self.deepest - state] * load <= watts * (1 + 1e-12)), self.deepest)


@dataclass(frozen=True, slots=True)
class TripView:
    """A trip point of the zone."""

    temperature_c: float
    hysteresis_k: float
    limits: Mapping[str, int] = field(default_factory=dict)
    ceilings: Mapping[str, int] = field(default_factory=dict)
    control: PowerControl | None = None


@dataclass(slots=True)
class ZoneView:
    """A thermal zone when it is polled."""

    trips: Sequence[TripView]  # ascending temperature
    actors: Sequence[Actor]
    polling_s: float
    temperature_c: float = 0.0  # of the node now
    last_c: float = 0.0  # at the poll before


class ThermalGovernor(Tunables, ABC):
    """Decides the cooling state of each actor at every poll. One object per zone, which may remember what it decided."""

    needs_power = False  # looks at watts, and so needs the voltage of every operating point

    @abstractmethod
    def decide(self, zone: ZoneView) -> Sequence[int]:
        """The new cooling state ``0 .. deepest`` of each actor."""

    def begins_c(self, zone: ZoneView) -> float:
        """Below this temperature, with no actor cooled, polling changes nothing."""
        return zone.trips[0].temperature_c


THROTTLING: Registry[type[ThermalGovernor]] = Registry("thermal governor")
