"""A search: generations of trials that are asked for, run and told in their order, so that nothing depends on which worker is quicker.

What has been run before, in this search or in the one it resumes, is told without running it again: asked the same questions and told the same
answers, a sampler proposes the same trials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point
from sim.exploration.search.goals import Goals, Judged
from sim.exploration.search.samplers.random import drawn, neighbour
from sim.exploration.search.samplers.sampler import Proposal, Sampler
from sim.exploration.search.space import Changes, SearchSpace, first_unseen
from sim.scenario.search_axis import value_key

REPEATS = 3  # proposals in a row that have been made before, until a neighbour of the last one is taken
_STEPS = 50  # away from it, until one is drawn at random
_DRAWS = 200  # at random, until the space is looked through
_LOOKED_THROUGH = 1_000_000

Run = Callable[[Sequence[Point]], Sequence[Outcome]]


@dataclass(frozen=True)
class Trial:
    """``number``: from 0, in the order in which trials were asked for. ``chosen``: positions by decision."""

    number: int
    chosen: Mapping[str, int]
    outcome: Outcome
    judged: Judged


@dataclass
class Search:
    """``run`` gives the outcomes of points in their order. ``generation``: trials that are chosen together."""

    space: SearchSpace
    goals: Goals
    sampler: Sampler
    run: Run
    generation: int
    seed: int
    trials: list[Trial] = field(default_factory=list)
    repeats: int = 0  # proposals that had been made before
    is_exhausted: bool = False  # every combination has been tried

    def __post_init__(self) -> None:
        self._seen: set[str] = set()
        self._random = np.random.default_rng([self.seed, 1])
        self._worst: list[float] | None = None

    def go(self, trials: int, told: Callable[[Search], None] = lambda search: None) -> None:
        """Search until there are so many trials, or no other combination is left. ``told``: called after each generation."""
        while len(self.trials) < trials and not self.is_exhausted:
            asked = self._asked(min(self.generation, trials - len(self.trials)))
            if not asked:
                return
            first = len(self.trials)
            outcomes = self.run([Point(first + index, changes) for index, (_, changes) in enumerate(asked)])
            for index, ((proposal, _), outcome) in enumerate(zip(asked, outcomes, strict=True)):
                self._tell(proposal, Trial(first + index, proposal.chosen, outcome, self.goals.judged(outcome)))
            told(self)

    def _asked(self, count: int) -> list[tuple[Proposal, Changes]]:
        found: list[tuple[Proposal, Changes]] = []
        while len(found) < count:
            proposal = self._new()
            if proposal is None:
                self.is_exhausted = True
                break
            changes = self.space.changes(proposal.chosen)
            self._seen.add(value_key(changes))
            found.append((proposal, changes))
        return found

    def _new(self) -> Proposal | None:
        """A proposal nobody has made: the sampler's own; where it repeats itself one that is near to it; at random where there is none."""
        near: Mapping[str, int] = {}
        for _ in range(REPEATS):
            proposal = self.sampler.ask()
            if proposal is None:
                return None
            if not self._has_seen(proposal.chosen):
                return proposal
            self.sampler.drop(proposal)
            self.repeats += 1
            near = proposal.chosen
        chosen = self._unseen(near)
        return None if chosen is None else self.sampler.take(chosen)

    def _unseen(self, near: Mapping[str, int]) -> dict[str, int] | None:
        for _ in range(_STEPS):
            near = neighbour(self.space, near, self._random)
            if not self._has_seen(near):
                return dict(near)
        for _ in range(_DRAWS):
            chosen = drawn(self.space, self._random)
            if not self._has_seen(chosen):
                return chosen
        return first_unseen(self.space, self._has_seen, _LOOKED_THROUGH)

    def _has_seen(self, chosen: Mapping[str, int]) -> bool:
        return value_key(self.space.changes(chosen)) in self._seen

    def _tell(self, proposal: Proposal, trial: Trial) -> None:
        self.trials.append(trial)
        costs = self.goals.costs(trial.judged)
        known = [cost for cost in costs if cost is not None]
        if len(known) == len(costs):
            self._worst = known if self._worst is None else [max(pair) for pair in zip(self._worst, known, strict=True)]
        worst = self._worst or [0.0] * len(costs)
        # an objective without a value is no better than the worst one seen; its violation says the rest
        filled = [least if cost is None else cost for cost, least in zip(costs, worst, strict=True)]
        self.sampler.tell(proposal, filled, [sum(trial.judged.violations.values())])
