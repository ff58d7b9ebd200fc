"""One search in several scenarios, such as on several devices: what is best in each, and what the others' best is worth there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.exploration.point import Point
from sim.exploration.search.driver import Trial
from sim.exploration.search.goals import Judged
from sim.exploration.search.prepare import Prepared


@dataclass(frozen=True)
class Best:
    """``change``: what tells the scenario from the others, as on the command line. ``trial``: its best one; None: none holds all that has to hold."""

    change: str
    prepared: Prepared
    trial: Trial | None
    trials_count: int
    feasible_count: int

    @staticmethod
    def of(change: str, prepared: Prepared, trials: Sequence[Trial]) -> Best:
        feasible = [trial for trial in trials if trial.judged.is_feasible]
        return Best(change, prepared, best_of(prepared, feasible), len(trials), len(feasible))


def best_of(prepared: Prepared, feasible: Iterable[Trial]) -> Trial | None:
    """The best by the first objective; of equal ones by the next, then the earliest."""
    ranked = [([cost if cost is not None else float("inf") for cost in prepared.goals.costs(trial.judged)], trial.number, trial) for trial in feasible]
    return min(ranked, key=lambda one: one[:2])[2] if ranked else None


def elsewhere(found: Sequence[Best]) -> list[list[Judged | None]]:
    """What the best of each (row) is worth in the scenario of each (column), by running it there; None where there is no best or it cannot be run."""
    return [[_in(other, one) for other in found] for one in found]


def _in(other: Best, one: Best) -> Judged | None:
    if one.trial is None:
        return None
    if other is one:
        return one.trial.judged
    outcome = other.prepared.evaluate(Point(0, one.trial.outcome.point.changes))
    return other.prepared.goals.judged(outcome) if outcome.status == "done" else None
