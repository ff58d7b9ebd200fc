"""The space of a search: choices one after the other, some of which there are only where others were made, and the changes they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.exploration.search.architectures import Space, architecture_space
from sim.scenario.search_axis import SearchAxis, is_architecture, parsed_axis, value_key

Changes = tuple[tuple[str, Any], ...]
Choose = Callable[["Decision"], int]


@dataclass(frozen=True)
class Decision:
    """One thing to choose: ``values`` by position. ``needs``: an earlier decision and the positions of its values with which this one is open."""

    name: str
    values: tuple[Any, ...]
    is_ordered: bool
    needs: tuple[str, frozenset[int]] | None = None

    def is_open(self, chosen: Mapping[str, int]) -> bool:
        """Whether there is anything to choose here after what was chosen."""
        return self.needs is None or chosen.get(self.needs[0]) in self.needs[1]


@dataclass(frozen=True)
class Architecture:
    """Decisions that stand for the choices of a model's architecture."""

    model: str
    space: Space

    def name(self, choice: str) -> str:
        return f"models.{self.model}.{choice}"


@dataclass(frozen=True)
class SearchSpace:
    """``decisions`` in an order in which each comes after what it needs; ``architectures`` write several of them into one model."""

    decisions: tuple[Decision, ...]
    architectures: tuple[Architecture, ...] = ()

    def choose(self, choose: Choose) -> dict[str, int]:
        """Positions by name of a decision; ``choose`` is asked only what is open."""
        chosen: dict[str, int] = {}
        for decision in self.decisions:
            if decision.is_open(chosen):
                chosen[decision.name] = choose(decision) if len(decision.values) > 1 else 0
        return chosen

    def changes(self, chosen: Mapping[str, int]) -> Changes:
        """Dotted paths and plain values, in the order of the space. Equal choices give equal changes."""
        found: list[tuple[str, Any]] = []
        owned = {one.name(choice.name) for one in self.architectures for choice in one.space.choices}
        for decision in self.decisions:
            if decision.name in chosen and decision.name not in owned:
                found.append((decision.name, decision.values[chosen[decision.name]]))
        for one in self.architectures:
            mine = {choice.name: choice.values[chosen[one.name(choice.name)]] for choice in one.space.choices if one.name(choice.name) in chosen}
            found += one.space.changes(mine, one.model).items()
        return tuple(found)

    def values(self, chosen: Mapping[str, int]) -> dict[str, Any]:
        """What was chosen, as plain values by name."""
        return {decision.name: decision.values[chosen[decision.name]] for decision in self.decisions if decision.name in chosen}

    def count(self) -> int:
        """How many different combinations there are."""
        depending: dict[str, list[Decision]] = {}
        for decision in self.decisions:
            if decision.needs is not None:
                depending.setdefault(decision.needs[0], []).append(decision)
        return prod(
            sum(prod(len(later.values) for later in depending.get(first.name, ()) if later.is_open({first.name: index})) for index in range(len(first.values)))
            for first in self.decisions
            if first.needs is None
        )

    def every(self) -> Iterator[dict[str, int]]:
        """All combinations, the last decision changing fastest."""
        return self._from(0, {})

    def _from(self, at: int, chosen: dict[str, int]) -> Iterator[dict[str, int]]:
        if at == len(self.decisions):
            yield dict(chosen)
            return
        decision = self.decisions[at]
        if not decision.is_open(chosen):
            yield from self._from(at + 1, chosen)
            return
        for index in range(len(decision.values)):
            yield from self._from(at + 1, {**chosen, decision.name: index})

    def probes(self) -> Iterator[tuple[str, Changes]]:
        """Combinations in which every value of every decision stands once (of long ranges: both ends), with the decision that is tried."""
        first = self.choose(lambda decision: 0)
        yield "", self.changes(first)
        for decision in self.decisions:
            tried = range(1, len(decision.values)) if not decision.is_ordered else (len(decision.values) - 1,)
            wanted = {} if decision.needs is None else {decision.needs[0]: min(decision.needs[1])}
            start = 0 if wanted else 1
            for index in (*((0,) if not start else ()), *(one for one in tried if one)):
                fixed = {**wanted, decision.name: index}
                chosen = self.choose(lambda other, fixed=fixed: fixed.get(other.name, 0))  # type: ignore[misc]
                yield decision.name, self.changes(chosen)


def search_space(raw: Mapping[str, Any], models: Mapping[str, Any]) -> SearchSpace:
    """The space that a scenario writes; ``models``: its models as plain data. Raises EdgesimError for architectures that do not fit their model."""
    axes: dict[str, SearchAxis] = {}
    decisions: list[Decision] = []
    architectures: list[Architecture] = []
    for path, entry in raw.items():
        if is_architecture(entry):
            one = Architecture(path.removeprefix("models."), architecture_space(entry, models[path.removeprefix("models.")], f"search.space.{path}"))
            architectures.append(one)
            decisions += _of_architecture(one)
        else:
            axes[path] = parsed_axis(path, entry)
    own = [_of_axis(axis, axes) for axis in axes.values()]
    ordered = sorted(own, key=lambda decision: decision.needs is not None)  # stable: conditions come after what they look at
    _check_clashes(axes, architectures)
    found = SearchSpace((*ordered, *decisions), tuple(architectures))
    if not found.decisions:
        raise EdgesimError("search.space: an empty space: there is nothing to choose")
    return found


def _check_clashes(axes: Mapping[str, SearchAxis], architectures: Sequence[Architecture]) -> None:
    """Raises EdgesimError for axes that change what an architecture writes: one of the two would be lost."""
    problems = []
    for one in architectures:
        written = one.space.changes(one.space.sample(lambda name, values: values[0]), one.model)
        clashing = [path for path in axes if any(path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in written)]
        what = f"the architectures of models.{one.model} change this too: leave it out, or limit them: {{architecture: {one.space.name}, CHOICE: [...]}}"
        problems += [Problem(path=f"search.space.{path}", what=what) for path in clashing]
    if problems:
        raise EdgesimError(problems)


def _of_axis(axis: SearchAxis, axes: Mapping[str, SearchAxis]) -> Decision:
    needs = None
    if axis.when is not None:
        other, values = axis.when
        wanted = {value_key(value) for value in values}
        needs = (other, frozenset(index for index, value in enumerate(axes[other].values) if value_key(value) in wanted))
    return Decision(axis.path, axis.values, axis.is_ordered, needs)


def _of_architecture(one: Architecture) -> list[Decision]:
    by_name = {choice.name: choice for choice in one.space.choices}
    found = []
    for choice in one.space.choices:
        needs = None
        if choice.needs is not None:
            other, wanted = choice.needs
            needs = (one.name(other), frozenset(index for index, value in enumerate(by_name[other].values) if value in wanted))
        is_ordered = len(choice.values) > 1 and all(isinstance(value, int | float) for value in choice.values)
        found.append(Decision(one.name(choice.name), choice.values, is_ordered, needs))
    return found


def first_unseen(space: SearchSpace, seen: Callable[[dict[str, int]], bool], most: int) -> dict[str, int] | None:
    """The first combination nobody has tried, among the first ``most``."""
    return next((chosen for chosen in islice(space.every(), most) if not seen(chosen)), None)
