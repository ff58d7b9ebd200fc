"""Tunables: the numbers of a policy that a scenario may change, each with its unit and bounds, under its kernel name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from device_models.units import UnitError, format_quantity, parse_quantity
from sim.errors import EdgesimError
from sim.registry import near_names


@dataclass(frozen=True)
class Tunable:
    """One number; it sets the attribute of its name. ``least`` and ``most`` are SI and inclusive."""

    dimension: str
    help: str
    least: float = 0.0
    most: float = float("inf")

    def read(self, value: Any) -> float:
        """The SI value of what a scenario says. Raises UnitError (a ValueError) that says what would be right."""
        if not isinstance(value, str | int | float):
            raise UnitError(f"expected a {self.dimension.replace('_', ' ')}, got {type(value).__name__}")
        number = parse_quantity(value, self.dimension)
        if not self.least <= number <= self.most:
            low, high = (format_quantity(bound, self.dimension) for bound in (self.least, self.most))
            bounds = f"at least {low}" if self.most == float("inf") else f"from {low} to {high}"
            raise UnitError(f"{format_quantity(number, self.dimension)} is out of range; it is {bounds}")
        return number


class Tunables:
    """Base of policies with tunables: attributes named in ``tunables`` hold the defaults."""

    tunables: ClassVar[Mapping[str, Tunable]] = {}

    @classmethod
    def tuned(cls, values: Mapping[str, Any]) -> Self:
        """The policy with some tunables changed. Raises EdgesimError for an unknown one or a wrong value."""
        policy = cls()
        for name, value in values.items():
            if problem := tunable_problem(cls, name, value):
                raise EdgesimError(problem)
            setattr(policy, name, cls.tunables[name].read(value))
        return policy


def tunable_problem(policy: type[Tunables], name: str, value: Any) -> str | None:
    """What is wrong with a tunable that a scenario sets, or None."""
    if name not in policy.tunables:
        return f"unknown tunable {name!r}; " + (near_names(name, policy.tunables) if policy.tunables else "there is none")
    try:
        policy.tunables[name].read(value)
    except UnitError as error:
        return str(error)
    return None
