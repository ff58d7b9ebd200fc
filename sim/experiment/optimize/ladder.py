"""Step by step: each technique on top of what was kept before it, in rounds until nothing is gained any more."""

from __future__ import annotations

from collections.abc import Collection

from sim.experiment.optimize.search import Bench, Fate, M, Search, Tried
from sim.experiment.optimize.techniques import Choice, size_of, with_choice

MAX_ROUNDS = 10
_HOPELESS = 1.02  # what costs so many times what it was compared with is not tried again on top of other steps


def ladder(bench: Bench[M]) -> Search[M]:
    """Greedy: of each step's alternatives the best is kept if it is worth it. Never ends worse than it began.

    Later rounds try again what was not far from worth it, and leaving out a step that was kept. What was tried before is not in the result twice.
    """
    tried = [bench.first()]
    current, round = bench.baseline, 0
    hopeless: set[tuple[int, int]] = set()  # step and number of an alternative
    while round < MAX_ROUNDS:
        round += 1
        before = current
        for position in range(len(bench.steps)):
            found, current = _climbed(bench, current, position, round, {number for step, number in hopeless if step == position})
            hopeless |= {(position, one.choice[position]) for one in found if _is_hopeless(bench, one)}
            known = {one.choice for one in tried}
            tried += [one for one in found if one.choice not in known]
        if current == before:
            break
    return Search(bench.steps, tuple(tried), current, round)


def _is_hopeless(bench: Bench[M], one: Tried[M]) -> bool:
    """Whether it is worse by far, with budgets exceeded as they were or further."""
    if one.fate is not Fate.REJECTED:
        return False
    new, old = bench.score(one.choice), bench.score(one.base)
    return (new.unknown_count, new.excess) >= (old.unknown_count, old.excess) and new.cost > old.cost + abs(old.cost) * (_HOPELESS - 1)


def _climbed(bench: Bench[M], current: Choice, position: int, round: int, hopeless: Collection[int]) -> tuple[list[Tried[M]], Choice]:
    """Every other alternative of one step, and where that leads."""
    numbers = [number for number in range(len(bench.steps[position].alternatives) + 1) if number != current[position] and number not in hopeless]
    choices = [with_choice(current, position, number) for number in numbers if number or current[position]]
    if bench.most_steps is not None:
        choices = [choice for choice in choices if size_of(choice) <= bench.most_steps]
    worth_it = [choice for choice in bench.admissible(choices) if bench.rules.is_worth_it(bench.score(choice), bench.score(current))]
    best = min(worth_it, key=bench.score, default=None)
    tried = [_judged(bench, choice, current, position, round, best, choice in worth_it) for choice in choices]
    return tried, current if best is None else best


def _judged(bench: Bench[M], choice: Choice, base: Choice, position: int, round: int, best: Choice | None, is_worth_it: bool) -> Tried[M]:
    ran = bench.ran(choice)
    if ran.measures is None:
        return Tried(choice, base, position, round, ran, Fate.SKIPPED)
    objection = bench.objection(choice)
    if objection is not None:
        return Tried(choice, base, position, round, ran, Fate.OBJECTED, objection)
    if choice == best:
        return Tried(choice, base, position, round, ran, Fate.KEPT)
    return Tried(choice, base, position, round, ran, Fate.BEATEN if is_worth_it else Fate.REJECTED, better=best)
