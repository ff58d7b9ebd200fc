"""What a run of a fleet leaves: the world at its end, and what it cost to simulate."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.spec import DeviceSpec
from sim.fleet.offloading import Offloading
from sim.fleet.tasks import Group, TaskKind
from sim.scenario.fleet.model import Fleet, FleetStudy
from sim.scenario.study import LoadedStudy


@dataclass(frozen=True)
class FleetResult:
    """``devices``: of groups and servers by their names; ``end_s``: simulated; ``cpu_s``: of the simulation, preparing apart."""

    loaded: LoadedStudy
    groups: tuple[Group, ...]
    kinds: tuple[TaskKind, ...]
    devices: dict[str, DeviceSpec]
    world: Offloading
    seed: int
    end_s: float
    cpu_s: float
    prepare_cpu_s: float

    @property
    def fleet(self) -> Fleet:
        assert isinstance(self.loaded.study, FleetStudy)
        return self.loaded.study.fleet
