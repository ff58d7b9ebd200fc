"""What every sampler is: asked for trials, told what they are worth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sim.exploration.search.space import SearchSpace


@dataclass(frozen=True)
class SamplerPlan:
    """``generation``: trials that are asked for before any of them is told."""

    space: SearchSpace
    objectives: int
    generation: int
    seed: int


@dataclass(frozen=True)
class Proposal:
    """``chosen``: positions by decision. ``handle``: what the sampler knows it by."""

    chosen: dict[str, int]
    handle: Any = None


class Sampler(ABC):
    """Asked and told in the same order it proposes the same trials, whatever the clock says."""

    @abstractmethod
    def ask(self) -> Proposal | None:
        """The next trial. It may be one that has been proposed before; None: there is no other one."""

    def tell(self, proposal: Proposal, costs: Sequence[float], violations: Sequence[float]) -> None:  # noqa: B027 (a grid learns nothing)
        """What a trial is worth: costs to be minimized, and violations, of which 0 is none."""

    def drop(self, proposal: Proposal) -> None:  # noqa: B027
        """A proposal that is not run, because it has been proposed before."""

    @abstractmethod
    def take(self, chosen: dict[str, int]) -> Proposal:
        """A trial that somebody else chose, as if it had been asked for."""
