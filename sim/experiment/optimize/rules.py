"""What counts: budgets first, then the objective; and that nobody gains by losing sight of the accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

HIGHER = frozenset({"throughput", "accuracy", "battery_life"})  # objectives of which more is better
_EQUAL = 1e-9  # sums of the same excesses in another order


class BudgetState(Protocol):
    """One budget and what a run did of it; the verdicts of a report have this form."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def limit(self) -> float: ...
    @property
    def at_least(self) -> bool: ...
    @property
    def ok(self) -> bool: ...


class KnownAccuracy(Protocol):
    """``value`` None: nobody knows. ``is_share``: a share of right answers, of which more is better; otherwise an error, of which less is."""

    @property
    def value(self) -> float | None: ...
    @property
    def is_share(self) -> bool: ...


class Measures(Protocol):
    """What a run is judged by: a value for each objective, budgets, the accuracy of each model that is optimized."""

    @property
    def values(self) -> Mapping[str, float | None]: ...
    @property
    def budgets(self) -> Sequence[BudgetState]: ...
    @property
    def accuracies(self) -> Mapping[str, KnownAccuracy]: ...


@dataclass(frozen=True, order=True)
class Score:
    """Less is better, the first difference decides: budgets of which nothing is known, by how much the others are exceeded, the objective."""

    unknown_count: int
    excess: float
    cost: float


class Objection(Enum):
    """Why a scenario may not be taken, whatever it gains."""

    UNKNOWN = "accuracy becomes unknown"
    DROP = "accuracy falls too far"


@dataclass(frozen=True)
class Rules:
    """``accuracy_drop``: points (or, of errors, their share) that a model may lose; None: the accuracy budget alone decides.

    ``keeps_known``: a model whose accuracy is known at first must not become one whose accuracy is not.
    """

    objective: str
    least_gain: float
    accuracy_drop: float | None
    keeps_known: bool

    def score(self, measures: Measures) -> Score:
        """How good a run is."""
        broken = [budget for budget in measures.budgets if not budget.ok and not self._is_waived(budget)]
        known = [excess(budget) for budget in broken if budget.value is not None]
        return Score(len(broken) - len(known), sum(known), self._cost(measures.values[self.objective]))

    def objection(self, measures: Measures, baseline: Measures) -> Objection | None:
        """What speaks against a scenario beside its score."""
        if self.keeps_known and lost(measures, baseline):
            return Objection.UNKNOWN
        falls = [accuracy_drop(was, now) for was, now in _pairs(measures, baseline)]
        if self.accuracy_drop is not None and any(fall is not None and fall > self.accuracy_drop + _EQUAL for fall in falls):
            return Objection.DROP
        return None

    def is_worth_it(self, new: Score, old: Score) -> bool:
        """Whether ``new`` is better by enough. It never is where it is worse at what counts first."""
        if new.unknown_count != old.unknown_count:
            return new.unknown_count < old.unknown_count
        if abs(new.excess - old.excess) > _EQUAL * max(old.excess, 1.0):
            return _gain(new.excess, old.excess) >= self.least_gain if new.excess < old.excess else False
        return new.cost < old.cost and _gain(new.cost, old.cost) >= self.least_gain

    def _is_waived(self, budget: BudgetState) -> bool:
        """Who accepts unknown accuracies does not count them against a scenario."""
        return budget.name == "accuracy" and budget.value is None and not self.keeps_known

    def _cost(self, value: float | None) -> float:
        if value is None:
            return math.inf
        if self.objective == "accuracy":
            return 1.0 - value  # the share of wrong answers, so that a point counts the more the fewer are left
        return -value if self.objective in HIGHER else value


def excess(budget: BudgetState) -> float:
    """By how much a known value exceeds its limit, as a share of the limit (of one where the limit is 0). 1 for what breaks no number."""
    assert budget.value is not None
    over = (budget.limit - budget.value) if budget.at_least else (budget.value - budget.limit)
    return over / (abs(budget.limit) or 1.0) if over > 0 else 1.0


def lost(measures: Measures, baseline: Measures) -> bool:
    """Whether the accuracy of a model was known at first and is not any more."""
    return any(was.value is not None and now.value is None for was, now in _pairs(measures, baseline))


def accuracy_drop(was: KnownAccuracy, now: KnownAccuracy) -> float | None:
    """Share of answers that are right no more, or by what share an error grew; below 0: it got better; None: unknown."""
    if was.value is None or now.value is None:
        return None
    if was.is_share:
        return was.value - now.value
    return (now.value - was.value) / abs(was.value) if was.value else math.copysign(math.inf, now.value) if now.value else 0.0


def _pairs(measures: Measures, baseline: Measures) -> list[tuple[KnownAccuracy, KnownAccuracy]]:
    return [(was, measures.accuracies[name]) for name, was in baseline.accuracies.items() if name in measures.accuracies]


def _gain(new: float, old: float) -> float:
    if math.isinf(old):
        return math.inf
    return (old - new) / abs(old) if old else math.inf
