"""What a search is made of: choices that were tried, what became of each, and the winner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from sim.errors import Problem
from sim.experiment.optimize.rules import Measures, Objection, Rules, Score
from sim.experiment.optimize.techniques import Choice, Step

M = TypeVar("M", bound=Measures)


class Fate(Enum):
    """What became of a choice."""

    BASELINE = "baseline"
    KEPT = "kept"
    REJECTED = "rejected"  # no better, or not by enough
    BEATEN = "beaten"  # better, but another alternative was better still
    OBJECTED = "objected"  # see Objection
    SKIPPED = "skipped"  # the scenario cannot be run so


@dataclass(frozen=True)
class Ran(Generic[M]):
    """What a run gave; or, where there is none, why."""

    measures: M | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Tried(Generic[M]):
    """A choice; ``base``: the choice it was compared with; ``step``: the position of the step in which they differ, None for whole combinations."""

    choice: Choice
    base: Choice
    step: int | None
    round: int
    ran: Ran[M]
    fate: Fate
    objection: Objection | None = None
    better: Choice | None = None  # of a beaten one: the alternative that was taken


@dataclass(frozen=True)
class Search(Generic[M]):
    """``tried``: in order, the baseline first."""

    steps: tuple[Step, ...]
    tried: tuple[Tried[M], ...]
    winner: Choice
    rounds_count: int


@dataclass
class Bench(Generic[M]):
    """Runs choices, each once. ``run`` gives the same for the same choice; ``told`` hears of every run."""

    steps: tuple[Step, ...]
    rules: Rules
    run: Callable[[Choice], Ran[M]]
    most_steps: int | None = None
    told: Callable[[Choice], None] | None = None
    runs: dict[Choice, Ran[M]] = field(default_factory=dict)

    @property
    def baseline(self) -> Choice:
        return (0,) * len(self.steps)

    def ran(self, choice: Choice) -> Ran[M]:
        """The run of a choice, made if it was not before."""
        if choice not in self.runs:
            if self.told is not None:
                self.told(choice)
            self.runs[choice] = self.run(choice)
        return self.runs[choice]

    def measures(self, choice: Choice) -> M:
        """Of a choice that can be run."""
        found = self.ran(choice).measures
        assert found is not None
        return found

    def score(self, choice: Choice) -> Score:
        """Of a choice that can be run."""
        return self.rules.score(self.measures(choice))

    def objection(self, choice: Choice) -> Objection | None:
        """What speaks against a choice that can be run."""
        return self.rules.objection(self.measures(choice), self.measures(self.baseline))

    def admissible(self, choices: Sequence[Choice]) -> list[Choice]:
        """Those that can be run and that nothing speaks against."""
        return [choice for choice in choices if self.ran(choice).measures is not None and self.objection(choice) is None]

    def first(self) -> Tried[M]:
        """The baseline."""
        return Tried(self.baseline, self.baseline, None, 0, self.ran(self.baseline), Fate.BASELINE)
