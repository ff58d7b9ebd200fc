"""What the zoo says of a model: how to build it, its options, and the figures others published of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sim.errors import EdgesimError, Problem
from sim.registry import near_names

Value = int | float | str | bool | tuple[int, ...]
Convention = Literal["macs", "flops", "fvcore", "elementwise", "unfused"]  # what a published figure counts


@dataclass(frozen=True)
class Option:
    """A choice the user has: a number between ``least`` and ``most`` in steps of ``multiple``, one of ``choices``, or text of a ``pattern``.

    The default's type is the option's type. A tuple: a list as long as it of ``choices``; one of them stands for a list of nothing else.
    """

    default: Value
    help: str
    least: float = 1
    most: float = 1
    multiple: int = 1
    choices: tuple[Value, ...] = ()
    pattern: str = ""  # a regular expression that the whole text fits

    @property
    def range(self) -> str:
        """Such as ``32 to 2048`` or ``prefill or decode``."""
        if self.pattern:
            return f"text such as {self.default}"
        if isinstance(self.default, tuple):
            return f"a list of {len(self.default)}, each {self._either}, or one of these for all"
        if self.choices or isinstance(self.default, bool):
            return self._either
        return f"{self.least:.15g} to {self.most:.15g}" + (f" in steps of {self.multiple}" if self.multiple > 1 else "")

    @property
    def _either(self) -> str:
        return " or ".join(str(choice) for choice in self.choices or (True, False))

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value, None if nothing is."""
        if isinstance(self.default, bool):
            return None if isinstance(value, bool) else f"is {value!r}; give true or false"
        if isinstance(self.default, tuple) and isinstance(value, list | tuple):
            fits = len(value) == len(self.default) and all(self._chosen(one) for one in value)
            return None if fits else f"is {value!r}; give {self.range}"
        if self.choices:
            return None if self._chosen(value) else f"is {value!r}; give {self.range}"
        if self.pattern:
            return None if isinstance(value, str) and re.fullmatch(self.pattern, value) else f"is {value!r}; give {self.range}"
        accepted = (int, float) if isinstance(self.default, float) else (int,)
        if isinstance(value, bool) or not isinstance(value, accepted) or not self.least <= value <= self.most or (self.multiple > 1 and value % self.multiple):
            return f"is {value!r}; give {'a whole number, ' if isinstance(self.default, int) else ''}{self.range}"
        return None

    def _chosen(self, value: Any) -> bool:
        return any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices)

    def convert(self, value: Any) -> Value:
        """A valid value in the option's own type."""
        if isinstance(self.default, tuple):
            return tuple(value) if isinstance(value, list | tuple) else (value,) * len(self.default)
        return float(value) if isinstance(self.default, float) else value


@dataclass(frozen=True)
class Published:
    """Figures somebody printed of the model with these options: decimal text exactly as precise as the source, such as ``4.24e6``.

    Empty text: not published. ``work`` is of one inference, counted by ``convention`` (:func:`sim.frontends.zoo.counting.counted`).
    ``together_with``: other zoo models whose parameters the figure includes.
    """

    source: str
    parameters: str = ""
    work: str = ""
    convention: Convention = "macs"
    options: Mapping[str, Value] = field(default_factory=dict)
    together_with: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Accuracy:
    """A published quality figure of the trained network in float32, at the default options."""

    value: float
    metric: str
    source: str


@dataclass(frozen=True)
class ZooEntry:
    """One model: ``family`` names the function that builds it (``file:function``), ``fixed`` its arguments that are no option."""

    name: str
    title: str
    task: str
    family: str
    options: Mapping[str, Option]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    accuracy: Accuracy | None = None
    note: str = ""

    def option_problem(self, option: str, value: Any) -> str | None:
        """What is wrong with an option and its value, None if nothing is."""
        if option not in self.options:
            return f"model {self.name!r} has no option {option!r}; {near_names(option, self.options)}"
        what = self.options[option].problem(value)
        return f"option {option!r} of model {self.name!r} {what}" if what else None

    def settings(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Every option's value. Raises EdgesimError naming each option that is unknown or absurd."""
        problems = [problem for key, value in given.items() if (problem := self.option_problem(key, value))]
        if problems:
            raise EdgesimError(Problem(what=problem) for problem in problems)
        return {key: option.convert(given.get(key, option.default)) for key, option in self.options.items()}


def printed(text: str) -> tuple[float, float]:
    """The value of a printed figure and half a unit of its last digit: ``4.24e6`` -> (4240000.0, 5000.0)."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{text!r} is no finite figure")
    return float(number), float(Decimal(5).scaleb(exponent - 1))
