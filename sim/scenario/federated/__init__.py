"""The study ``federated``: many clients train one model in rounds."""

from sim.scenario.federated.checks import check_federated
from sim.scenario.federated.model import FederatedStudy
from sim.scenario.study import StudyKind

KIND = StudyKind(FederatedStudy, check_federated)

__all__ = ["KIND", "FederatedStudy"]
