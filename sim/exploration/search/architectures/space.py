"""What a space of architectures is: choices, some of which there are only where others were made, and what they write into a scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.registry import near_names

Value = int | float | str
Chosen = Mapping[str, Value]


@dataclass(frozen=True)
class Choice:
    """One decision. ``group``: what it is called together with its like in other blocks, such as ``kernel`` for ``kernel_2_3``.

    ``needs``: an earlier choice without ``needs`` of its own and its values with which there is anything to decide here; None: there always is.
    """

    name: str
    values: tuple[Value, ...]
    group: str
    needs: tuple[str, tuple[Value, ...]] | None = None

    def is_open(self, chosen: Chosen) -> bool:
        """Whether there is anything to decide, after what was decided before."""
        return self.needs is None or chosen[self.needs[0]] in self.needs[1]


@dataclass(frozen=True)
class Space:
    """``choices`` in the order in which they are made. ``source``: the zoo model whose options they set; empty: they write a model's layers.

    ``written``: from what was chosen, and the name of the scenario's model, to dotted paths and plain values.
    """

    name: str
    title: str
    source: str
    choices: tuple[Choice, ...]
    written: Callable[[Chosen, str], dict[str, Any]]

    def parameters(self) -> dict[str, tuple[Value, ...]]:
        """Every choice that may have to be made, and what from."""
        return {choice.name: choice.values for choice in self.choices}

    def sample(self, choose: Callable[[str, Sequence[Value]], Value]) -> dict[str, Value]:
        """Make the choices that there are, one after the other: ``choose`` is given a name and the values, and is asked only what matters."""
        chosen: dict[str, Value] = {}
        for choice in self.choices:
            if choice.is_open(chosen):
                chosen[choice.name] = choose(choice.name, choice.values)
        return chosen

    def changes(self, chosen: Chosen, model: str) -> dict[str, Any]:
        """Dotted paths of the scenario and their plain values, for its model of this name. Equal architectures give equal changes.

        Raises EdgesimError for a choice that is missing, too much, or not among the values.
        """
        problems = [*self._wrong(chosen)]
        if problems:
            raise EdgesimError(Problem(what=f"architecture of {self.name}: {problem}") for problem in problems)
        return self.written(chosen, model)

    def count(self) -> int:
        """How many architectures there are."""
        depending: dict[str, list[Choice]] = {}
        for choice in self.choices:
            if choice.needs is not None:
                depending.setdefault(choice.needs[0], []).append(choice)
        return prod(
            sum(prod(len(later.values) for later in depending.get(choice.name, ()) if later.is_open({choice.name: value})) for value in choice.values)
            for choice in self.choices
            if choice.needs is None
        )

    def limited(self, limits: Mapping[str, Any], path: str = "") -> Space:
        """The space with fewer values: ``{resolution: [160, 192], kernel: [3, 5], depth_1: 2}``, by choice or by group.

        Raises EdgesimError, ``path`` being where the limits stand, for names and values that the space does not have.
        """
        known = {choice.name for choice in self.choices} | {choice.group for choice in self.choices}
        problems = [
            Problem(path=_at(path, name), what=f"{self.name} has no choice {name!r}; {near_names(name, known)}") for name in limits if name not in known
        ]
        allowed = {name: _values(limits[name]) for name in limits if name in known}
        for name, values in allowed.items():
            problems += [Problem(path=_at(path, name), what=what) for what in self._not_allowed(name, values)]
        if problems:
            raise EdgesimError(problems)
        return replace(self, choices=tuple(_narrowed(choice, allowed) for choice in self.choices))

    def _not_allowed(self, name: str, values: Sequence[Any]) -> list[str]:
        if not values:
            return [f"no values of {name} are left to choose from"]
        mine = next(choice.values for choice in self.choices if name in (choice.name, choice.group))
        wrong = [value for value in values if isinstance(value, bool) or value not in mine]
        return [f"{value!r} is no value of {name} in {self.name}; it has {_listed(mine)}" for value in wrong]

    def _wrong(self, chosen: Chosen) -> list[str]:
        problems = [f"{name!r} is no choice; {near_names(name, self.parameters())}" for name in chosen if name not in self.parameters()]
        so_far: dict[str, Value] = {}
        for choice in self.choices:
            if choice.needs is not None and choice.needs[0] not in so_far:
                continue  # what it hangs on is missing, which is said there
            is_open, given = choice.is_open(so_far), chosen.get(choice.name)
            if is_open and choice.name not in chosen:
                problems.append(f"{choice.name} has not been chosen")
            elif not is_open and choice.name in chosen:
                problems.append(f"{choice.name} is chosen where there is no such block")
            elif is_open and given not in choice.values:
                problems.append(f"{choice.name} is {given!r}; it has {_listed(choice.values)}")
            elif is_open and given is not None:
                so_far[choice.name] = given
        return problems


def _narrowed(choice: Choice, allowed: Mapping[str, Sequence[Any]]) -> Choice:
    """A single choice's limits before those of its group."""
    values = allowed.get(choice.name, allowed.get(choice.group, choice.values))
    return replace(choice, values=tuple(value for value in choice.values if value in values))


def _values(limit: Any) -> list[Any]:
    return list(limit) if isinstance(limit, list | tuple) else [limit]


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(str(value) for value in values)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
