"""What a search has found, as plain values for a page and a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SearchObjective:
    """``metric``: its full name with the unit; ``asked``: as the scenario says it."""

    metric: str
    asked: str
    maximize: bool


@dataclass(frozen=True)
class SearchRow:
    """A trial. ``values``: of the objectives, SI, None: unknown. ``choices``: what was chosen, plain values by name. ``violations``: by what is violated."""

    number: int
    point_id: str
    choices: Mapping[str, Any]
    changes: Sequence[tuple[str, Any]]
    values: Sequence[float | None]
    violations: Mapping[str, float]
    status: str
    problems: Sequence[str] = ()
    accuracy_error_ratio: float | None = None
    is_knee: bool = False


@dataclass(frozen=True)
class Importance:
    """``shares``: of each objective's variance over the feasible trials, what this decision alone explains, 0..1; None: too few trials to say."""

    decision: str
    shares: Sequence[float | None]


@dataclass(frozen=True)
class SearchSummary:
    """``front``: by the first objective; ``base``: the scenario as it stands; ``rows``: every trial in order. ``growth``: the volume dominated after
    each tenth of the trials, as a share of the box between ``best`` and ``worst``, the extremes of the feasible trials; empty for one objective."""

    name: str
    device: str
    sampler: str
    seed: int
    generation: int
    combinations_count: int
    objectives: Sequence[SearchObjective]
    constraints: Sequence[str]
    has_budgets: bool
    rows: Sequence[SearchRow]
    front: Sequence[SearchRow]
    base: SearchRow
    importances: Sequence[Importance]
    growth: Sequence[float]
    best: Sequence[float]
    worst: Sequence[float]
    repeats_count: int
    is_exhausted: bool
    accepts_unknown: bool
    earlier_count: int = 0
    elapsed_s: float = 0.0  # for the page only
    basis: Sequence[str] = ()  # where accuracies are from

    @property
    def feasible_count(self) -> int:
        return sum(not row.violations for row in self.rows)

    @property
    def violated(self) -> dict[str, int]:
        """How many trials violate what."""
        found: dict[str, int] = {}
        for row in self.rows:
            for what in row.violations:
                found[what] = found.get(what, 0) + 1
        return found
