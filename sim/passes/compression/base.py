"""What a compression technique is: a pass with a scenario's options, and the means it may need from outside the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

import numpy as np

from sim.errors import ModelError, Problem
from sim.graph.ir import Graph, Op
from sim.passes.base import Pass
from sim.registry import Registry, near_names
from sim.scenario.part import Part

Feeds = Mapping[str, np.ndarray]  # input name -> samples, the first axis counting them
Ranges = Mapping[str, tuple[float, float]]  # tensor name -> least and largest value seen
Rerun = Callable[[Mapping[str, np.ndarray], Sequence[str]], Mapping[str, np.ndarray]]  # replaced weights, wanted tensors -> their values
Options = TypeVar("Options", bound=Part)


@dataclass(frozen=True)
class Cost:
    """What one inference takes on the device the model is compressed for."""

    latency_s: float
    energy_j: float


@dataclass(frozen=True)
class Means:
    """What techniques ask for from outside; None: not to be had here.

    ``calibration``: samples of each input. ``observe``: the range of every activation over samples. ``network``: the graph of a zoo
    name or file with options and shapes. ``cost``: of a graph on the device. ``rerun``: runs a graph over samples again and again with
    some of its weights replaced (graph, samples, names of those weights, tensors to look at), giving for each run those tensors' values.
    """

    calibration: Feeds | None = None
    observe: Callable[[Graph, Feeds], Ranges] | None = None
    network: Callable[[str, Mapping[str, object], Mapping[str, int]], Graph] | None = None
    cost: Callable[[Graph], Cost] | None = None
    rerun: Callable[[Graph, Feeds, Sequence[str], Sequence[str]], Rerun] | None = None


@dataclass(frozen=True)
class Compression(Pass, Generic[Options]):
    """A technique: rewrites the imported graph before any runtime sees it."""

    options: Options
    means: Means = field(default_factory=Means, compare=False, repr=False)

    def __str__(self) -> str:
        """Such as ``quantize{to=int8}``: the options that were given."""
        given = self.options.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        return self.name + ("{" + ", ".join(f"{key}={_shown(value)}" for key, value in given.items()) + "}" if given else "")


COMPRESSIONS: Registry[type[Compression]] = Registry("compression technique")  # type: ignore[type-arg]  # of any options


def chosen(ops: Iterable[Op], only: tuple[str, ...], skip: tuple[str, ...]) -> list[Op]:
    """The operators that ``only`` names (all if empty) and ``skip`` does not, by name pattern or type.

    Raises ModelError for each pattern that matches none of them: what it was meant for would silently be left out.
    """
    ops = list(ops)
    problems = [problem for key, patterns in (("only", only), ("skip", skip)) for problem in unmatched(ops, patterns, key)]
    if problems:
        raise ModelError(problems)
    wanted = [op for op in ops if not only or any(matches(op, pattern) for pattern in only)]
    return [op for op in wanted if not any(matches(op, pattern) for pattern in skip)]


def matches(op: Op, pattern: str) -> bool:
    """Whether a pattern means this operator: by its name or its type."""
    return fnmatchcase(op.name, pattern) or fnmatchcase(op.type, pattern)


def unmatched(ops: list[Op], patterns: Iterable[str], key: str) -> list[Problem]:
    """A problem for each pattern that means none of these operators."""
    known = list(dict.fromkeys([*(op.type for op in ops), *(op.name for op in ops)]))[:300]
    lost = [pattern for pattern in patterns if not any(matches(op, pattern) for op in ops)]
    near = [near_names(pattern, known) if known else "there is none" for pattern in lost]
    return [Problem(path=key, what=f"{pattern!r} matches no operator this technique works on; {hint[:400]}") for pattern, hint in zip(lost, near, strict=True)]


def note(graph: Graph, what: str) -> None:
    """Something the report shall say of the model."""
    if what not in graph.notes.get("compiler", ()):
        graph.notes["compiler"] = [*graph.notes.get("compiler", ()), what]


def checked_feeds(graph: Graph, feeds: Feeds) -> None:
    """Raise ModelError with everything about calibration data that does not fit the graph's inputs."""
    problems = [f"no input {name!r}; {near_names(name, graph.inputs)}" for name in feeds if name not in graph.inputs]
    problems += [f"has no data for input {name!r}" for name in graph.inputs if name not in feeds]
    for name in graph.inputs:
        found = feeds.get(name)
        if found is None:
            continue
        wanted = graph.tensors[name].shape
        if tuple(found.shape[1:]) != wanted[1:] or not found.shape[:1] or found.shape[0] < 1:
            shown = ", ".join(["samples", *map(str, wanted[1:])])
            problems.append(f"input {name!r} takes [{shown}], the data have shape {list(found.shape)}")
        elif not np.issubdtype(found.dtype, np.number) or not np.isfinite(found).all():
            problems.append(f"the data of input {name!r} are not all finite numbers")
    if problems:
        raise ModelError([Problem(path="calibration", what=what) for what in problems])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(part) for part in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(part)}" for key, part in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
