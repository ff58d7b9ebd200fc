"""What a search has found, made ready for a page: its front, the knee, how the front grew, and what each decision explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.search.driver import Search, Trial
from sim.exploration.search.front import knee, non_dominated
from sim.exploration.search.goals import Judged, number
from sim.exploration.search.hypervolume import MOST_OBJECTIVES, hypervolume
from sim.exploration.search.prepare import Prepared
from sim.exploration.search.space import Decision
from sim.report.search_rows import Importance, SearchObjective, SearchRow, SearchSummary
from sim.scenario.loading import LoadedScenario

_TENTHS = 10
_BINS = 8  # of a decision with many values in order
_FEWEST = 20  # feasible trials from which on shares mean something


def summarised(plan: Prepared, search: Search, sampler: str, loaded: LoadedScenario, earlier: int = 0, elapsed_s: float = 0.0) -> SearchSummary:
    """``earlier``: trials that were run before; ``elapsed_s``: wall time of this run."""
    rows = [_row(plan, search, trial) for trial in search.trials]
    feasible = [trial for trial in search.trials if trial.judged.is_feasible]
    costs = _costs(plan, feasible)
    front = [trial for trial, kept in zip(feasible, non_dominated(costs), strict=True) if kept] if feasible else []
    best, worst = (costs.min(axis=0).tolist(), costs.max(axis=0).tolist()) if feasible else ([], [])
    signs = [-1.0 if one.maximize else 1.0 for one in plan.goals.objectives]
    bases = dict.fromkeys(str(basis) for trial in search.trials if (basis := trial.outcome.metrics.get("accuracy_basis")) is not None)
    return SearchSummary(
        name=loaded.scenario.name,
        device=loaded.device.title,
        sampler=sampler,
        seed=plan.section.seed,
        generation=search.generation,
        combinations_count=plan.space.count(),
        objectives=[SearchObjective(one.metric, one.asked, one.maximize) for one in plan.goals.objectives],
        constraints=[one.text for one in plan.goals.constraints],
        has_budgets=plan.goals.budgets,
        rows=rows,
        front=_front(rows, _costs(plan, front), front),
        base=_base(plan),
        importances=[Importance(one.name, _shares(one, feasible, costs)) for one in plan.space.decisions if len(one.values) > 1],
        growth=_growth(search.trials, plan, best, worst),
        best=[sign * value for sign, value in zip(signs, best, strict=False)],
        worst=[sign * value for sign, value in zip(signs, worst, strict=False)],
        repeats_count=search.repeats,
        is_exhausted=search.is_exhausted,
        accepts_unknown=plan.goals.accept_unknown,
        earlier_count=earlier,
        elapsed_s=elapsed_s,
        basis=list(bases),
    )


def _row(plan: Prepared, search: Search, trial: Trial) -> SearchRow:
    return _written(plan, trial.number, trial.outcome, trial.judged, search.space.values(trial.chosen))


def _base(plan: Prepared) -> SearchRow:
    return _written(plan, -1, plan.base, plan.goals.judged(plan.base), {})


def _written(plan: Prepared, count: int, outcome: Outcome, judged: Judged, choices: dict[str, object]) -> SearchRow:
    return SearchRow(
        number=count,
        point_id=Point(0, outcome.point.changes).point_id(plan.evaluator.base_digest),
        choices=choices,
        changes=outcome.point.changes,
        values=judged.values,
        violations=judged.violations,
        status=outcome.status,
        problems=outcome.problems,
        accuracy_error_ratio=number(outcome.metrics.get("accuracy_error_ratio")),
    )


def _costs(plan: Prepared, trials: Sequence[Trial]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """n x objectives, to be minimized; feasible trials have all of them."""
    return np.array([plan.goals.costs(trial.judged) for trial in trials], dtype=np.float64).reshape(len(trials), len(plan.goals.objectives))


def _front(rows: Sequence[SearchRow], costs: np.ndarray[tuple[int, int], np.dtype[np.float64]], front: Sequence[Trial]) -> list[SearchRow]:
    """By the first objective; trials that are worth exactly the same once each."""
    middle = knee(costs) if len(front) else None
    order = sorted(range(len(front)), key=lambda index: (*costs[index], front[index].number))
    return [replace(rows[front[index].number], is_knee=index == middle) for index in order]


def _growth(trials: Sequence[Trial], plan: Prepared, best: Sequence[float], worst: Sequence[float]) -> list[float]:
    """The dominated share of the box after each tenth of the trials."""
    count = len(plan.goals.objectives)
    if not best or not 2 <= count <= MOST_OBJECTIVES or len(trials) < _TENTHS:
        return []
    low = np.array(best)
    spans = np.where(np.array(worst) > low, np.array(worst) - low, 1.0)
    found = []
    for tenth in range(1, _TENTHS + 1):
        so_far = [trial for trial in trials[: len(trials) * tenth // _TENTHS] if trial.judged.is_feasible]
        costs = (_costs(plan, so_far) - low) / spans
        found.append(hypervolume(costs[non_dominated(costs)], [1.0] * count) if so_far else 0.0)
    return found


def _shares(decision: Decision, trials: Sequence[Trial], costs: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[float | None]:
    """Omega squared of each objective: what lies between groups of equal choices, less what chance would put there (Hays 1963)."""
    objectives = costs.shape[1]
    groups = _groups(decision, trials)
    known = len(set(groups.tolist()))
    if len(trials) < _FEWEST or known < 2 or len(trials) <= known:
        return [None if len(trials) < _FEWEST else 0.0] * objectives
    found: list[float | None] = []
    for index in range(objectives):
        values = costs[:, index]
        total = float(((values - values.mean()) ** 2).sum())
        between = sum(float((groups == group).sum()) * float(values[groups == group].mean() - values.mean()) ** 2 for group in set(groups.tolist()))
        within = (total - between) / (len(values) - known)
        # rounding is no variance
        found.append(0.0 if total <= 1e-18 * float((values**2).sum()) else min(max((between - (known - 1) * within) / (total + within), 0.0), 1.0))
    return found


def _groups(decision: Decision, trials: Sequence[Trial]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Which value each trial has, -1 where there was nothing to choose; of many values in order neighbours together."""
    chosen = np.array([trial.chosen.get(decision.name, -1) for trial in trials], dtype=np.int64)
    if not decision.is_ordered or len(decision.values) <= _BINS:
        return chosen
    return np.where(chosen < 0, -1, chosen * _BINS // len(decision.values))
