"""The choices of a search as rows of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.experiment.optimize.optimizer import Optimizer
    from sim.experiment.optimize.search import Search, Tried
    from sim.experiment.optimize.techniques import Choice, Step
    from sim.report.optimization_metrics import RunMeasures
    from sim.report.optimization_rows import Fate, Row


def rows_of(search: Search[RunMeasures], found: Optimizer[RunMeasures]) -> tuple[Row, ...]:
    """A row for everything tried, numbered from the baseline, 0."""
    from sim.report.optimization_rows import Row

    numbers = {one.choice: number for number, one in enumerate(search.tried)}
    scores = {one.choice: found.rules.score(one.ran.measures) for one in search.tried if one.ran.measures is not None}
    ranks = {choice: rank for rank, choice in enumerate(sorted(scores, key=lambda choice: (scores[choice], numbers[choice])))}
    return tuple(
        Row(
            number=number,
            label=_label(one, search.steps, found.models),
            fate=_fate(one),
            measures=one.ran.measures,
            base=numbers[one.base],
            better=None if one.better is None else numbers[one.better],
            problems=tuple(": ".join(part for part in (problem.path, problem.what) if part) for problem in one.ran.problems),
            is_winner=one.choice == search.winner,
            round=one.round,
            rank=ranks.get(one.choice),
            is_single=sum(number > 0 for number in one.choice) == 1,
            is_on_way=_is_on_way(one.choice, search.winner),
        )
        for number, one in enumerate(search.tried)
    )


def techniques_of(steps: Sequence[Step], choice: Choice, models: Sequence[str]) -> tuple[str, ...]:
    """What a choice consists of, in order."""
    return tuple(_name(step, number, models) for step, number in zip(steps, choice, strict=True) if number)


def recomputed(steps: Sequence[Step], choice: Choice) -> tuple[str, ...]:
    """Models that answer otherwise than before: their weights or number formats are changed."""
    found = [step.model for step, number in zip(steps, choice, strict=True) if number and step.kind in ("compress", "precision")]
    return tuple(dict.fromkeys(model for model in found if model is not None))


def _is_on_way(choice: Choice, winner: Choice) -> bool:
    """Whether a choice has the first techniques of the winner and none of the others."""
    taken = [position for position, number in enumerate(choice) if number]
    return bool(taken) and choice != winner and choice[: taken[-1] + 1] == winner[: taken[-1] + 1]


def _label(one: Tried[RunMeasures], steps: Sequence[Step], models: Sequence[str]) -> str:
    if one.fate.value == "baseline":
        return "baseline"
    if one.step is None:
        return " + ".join(techniques_of(steps, one.choice, models))
    step, number, before = steps[one.step], one.choice[one.step], one.base[one.step]
    if not number:
        return f"without {_name(step, before, models)}"
    return _name(step, number, models) + (f" instead of {step.alternatives[before - 1].label}" if before else "")


def _name(step: Step, number: int, models: Sequence[str]) -> str:
    label = step.alternatives[number - 1].label
    return f"{step.model}: {label}" if step.model is not None and len(models) > 1 else label


def _fate(one: Tried[RunMeasures]) -> Fate:
    from sim.experiment.optimize.rules import Objection

    if one.objection is Objection.UNKNOWN:
        return "accuracy unknown"
    if one.objection is Objection.DROP:
        return "accuracy falls"
    names: dict[str, Fate] = {"baseline": "baseline", "kept": "kept", "rejected": "rejected", "beaten": "beaten", "skipped": "skipped"}
    return names[one.fate.value]
