"""``random``: evenly over the space, each decision by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.exploration.search.samplers.sampler import Proposal, Sampler, SamplerPlan
from sim.exploration.search.space import SearchSpace


def drawn(space: SearchSpace, random: np.random.Generator) -> dict[str, int]:
    """A combination at random."""
    return space.choose(lambda decision: int(random.integers(len(decision.values))))


def neighbour(space: SearchSpace, chosen: Mapping[str, int], random: np.random.Generator) -> dict[str, int]:
    """A combination that differs in one decision, of ordered values by one step; decisions that are open only now are drawn."""
    movable = [decision for decision in space.decisions if decision.name in chosen and len(decision.values) > 1]
    if not movable:
        return dict(chosen)
    moved = movable[int(random.integers(len(movable)))]
    at, last = chosen[moved.name], len(moved.values) - 1
    if moved.is_ordered:
        step = 1 if at == 0 or (at < last and random.random() < 0.5) else -1
        to = at + step
    else:
        to = (at + 1 + int(random.integers(last))) % (last + 1)
    known = {**chosen, moved.name: to}
    return space.choose(lambda decision: known[decision.name] if decision.name in known else int(random.integers(len(decision.values))))


class RandomSampler(Sampler):
    """Draws with repetition; what has been proposed before is drawn again."""

    def __init__(self, plan: SamplerPlan) -> None:
        self._space, self._random = plan.space, np.random.default_rng(plan.seed)

    def ask(self) -> Proposal | None:
        return Proposal(drawn(self._space, self._random))

    def take(self, chosen: dict[str, int]) -> Proposal:
        return Proposal(chosen)


def sampler(plan: SamplerPlan) -> Sampler:
    return RandomSampler(plan)
