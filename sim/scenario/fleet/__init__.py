"""The study ``fleet``: devices that share links and servers."""

from sim.scenario.fleet.checks import check_fleet
from sim.scenario.fleet.model import FleetStudy
from sim.scenario.study import StudyKind

KIND = StudyKind(FleetStudy, check_fleet)

__all__ = ["KIND", "FleetStudy"]
