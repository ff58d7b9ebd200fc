"""The study ``rollout``: a model update shipped to a fleet."""

from sim.scenario.rollout.checks import check_rollout
from sim.scenario.rollout.model import RolloutStudy
from sim.scenario.study import StudyKind

KIND = StudyKind(RolloutStudy, check_rollout)

__all__ = ["KIND", "RolloutStudy"]
