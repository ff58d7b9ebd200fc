"""Combinations: all of them where they are few, else a beam of the best ones, step after step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from sim.errors import EdgesimError, Problem
from sim.experiment.optimize.search import Bench, Fate, M, Search, Tried
from sim.experiment.optimize.techniques import Choice, Step, size_of, with_choice

MAX_COMBINATIONS = 256


def combinations_count(steps: Sequence[Step]) -> int:
    """How many there are, the baseline included."""
    return prod(len(step.alternatives) + 1 for step in steps)


def exhaustive(bench: Bench[M]) -> Search[M]:
    """The best of all combinations; of equal ones that with the fewest steps, then the latest of them. Raises EdgesimError where they are too many."""
    count = combinations_count(bench.steps)
    if count > MAX_COMBINATIONS:
        what = f"{count:,} combinations of the techniques; at most {MAX_COMBINATIONS} are tried one by one: list fewer, or take the ladder or a beam"
        raise EdgesimError(Problem(path="optimize.techniques", what=what))
    every = list(product(*(range(len(step.alternatives) + 1) for step in bench.steps)))
    return _searched(bench, [choice for choice in every if _fits(bench, choice)])


def beam(bench: Bench[M], width: int) -> Search[M]:
    """The steps in order; after each, the ``width`` best of the combinations so far go on, those without the step among them."""
    going, seen = [bench.baseline], dict.fromkeys([bench.baseline])
    for position, step in enumerate(bench.steps):
        numbers = range(len(step.alternatives) + 1)
        wider = [with_choice(choice, position, number) for choice in going for number in numbers]
        wider = [choice for choice in wider if _fits(bench, choice)]
        seen |= dict.fromkeys(wider)
        going = sorted(bench.admissible(wider), key=lambda choice: (bench.score(choice), size_of(choice), choice))[:width]
    return _searched(bench, list(seen))


def _fits(bench: Bench[M], choice: Choice) -> bool:
    return bench.most_steps is None or size_of(choice) <= bench.most_steps


def _searched(bench: Bench[M], choices: list[Choice]) -> Search[M]:
    """The search that tried these."""
    winner = min(bench.admissible(choices), key=lambda choice: (bench.score(choice), size_of(choice), choice))
    tried = [bench.first(), *(_judged(bench, choice, winner) for choice in choices if choice != bench.baseline)]
    return Search(bench.steps, tuple(tried), winner, 1)


def _judged(bench: Bench[M], choice: Choice, winner: Choice) -> Tried[M]:
    ran = bench.ran(choice)
    if ran.measures is None:
        return Tried(choice, bench.baseline, None, 1, ran, Fate.SKIPPED)
    objection = bench.objection(choice)
    if objection is not None:
        return Tried(choice, bench.baseline, None, 1, ran, Fate.OBJECTED, objection)
    if choice == winner:
        return Tried(choice, bench.baseline, None, 1, ran, Fate.KEPT)
    is_better = bench.score(choice) < bench.score(bench.baseline)
    return Tried(choice, bench.baseline, None, 1, ran, Fate.BEATEN if is_better else Fate.REJECTED, better=winner)
