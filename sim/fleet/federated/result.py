"""What a run of a federated study leaves."""

from __future__ import annotations

from dataclasses import dataclass

from sim.fleet.federated.learning_curve import LearningCurve
from sim.fleet.federated.ledger import Ledger
from sim.fleet.federated.population import Group
from sim.scenario.federated.model import Federated, FederatedStudy
from sim.scenario.study import LoadedStudy


@dataclass(frozen=True)
class FederatedResult:
    """``notes``: what the numbers rest on. ``cpu_s``: of the rounds, preparing apart; ``counts``: of each group's clients."""

    loaded: LoadedStudy
    groups: tuple[Group, ...]
    counts: tuple[int, ...]
    ledger: Ledger
    seed: int
    end_s: float
    elements: int
    download_bytes: float
    upload_bytes: float
    notes: tuple[str, ...]
    cpu_s: float
    prepare_cpu_s: float
    learning: LearningCurve | None = None  # where something is really learnt

    @property
    def federated(self) -> Federated:
        assert isinstance(self.loaded.study, FederatedStudy)
        return self.loaded.study.federated
