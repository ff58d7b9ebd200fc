"""What a source of accuracies is asked, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLOAT_PRECISIONS = ("as_stored", "float32", "float16")


@dataclass(frozen=True)
class Candidate:
    """A network that a trial chose. ``model``: the scenario's model of this name, as plain data. ``changes``: the trial's, dotted path to plain value.

    ``directory``: relative files of the scenario are there. ``macs_count``: of one run, where that has been counted.
    """

    name: str
    model: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    directory: Path = field(default_factory=Path)
    macs_count: float | None = None


@dataclass(frozen=True)
class AccuracyEstimate:
    """``value_ratio``: a share of right answers, 0..1; None: unknown, and ``basis`` says why. ``error_ratio``: what it is typically wrong by, root
    mean square; None: nobody says. ``basis``: where it is from."""

    value_ratio: float | None
    error_ratio: float | None
    basis: str

    @staticmethod
    def unknown(why: str) -> AccuracyEstimate:
        return AccuracyEstimate(None, None, why)

    def __str__(self) -> str:
        """Such as ``77.1 % +- 0.3 (fit through 34 published points)``."""
        if self.value_ratio is None:
            return f"unknown ({self.basis})"
        error = "" if self.error_ratio is None else f" +- {100 * self.error_ratio:.1f}"
        return f"{100 * self.value_ratio:.1f} %{error} ({self.basis})"


class AccuracyProvider(ABC):
    """Gives a candidate's accuracy. Pickled once and sent to the workers; equal candidates get equal answers."""

    @abstractmethod
    def accuracy(self, candidate: Candidate) -> AccuracyEstimate:
        """Never raises for a candidate whose accuracy cannot be had: that is ``unknown`` with its reason."""


def not_of_float(candidate: Candidate) -> str:
    """Why an accuracy measured in float says nothing of a candidate; empty if it does."""
    if candidate.model.get("compress"):
        return "the accuracy is of the network in float, and this one is compressed"
    precision = candidate.model.get("precision", "as_stored")
    return "" if precision in FLOAT_PRECISIONS else f"the accuracy is of the network in float, and this one runs in {precision}"
