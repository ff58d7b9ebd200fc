"""Applying a scenario's list of techniques to an imported graph, and what each of them changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from sim.errors import EdgesimError, Problem
from sim.graph.ir import Graph
from sim.passes.compression.base import COMPRESSIONS, Feeds, Means
from sim.passes.compression.file_size import restate_structure
from sim.passes.compression.measures import Change, measures_of
from sim.scenario.compression import CompressionStep
from sim.scenario.positions import Place, Places
from sim.scenario.schema_problems import schema_problems

Step = CompressionStep | Mapping[str, Any]
NOTE = "compression"  # key of the graph's notes under which changes are kept


@dataclass(frozen=True)
class Compressed:
    """The graph after all steps, and what each step changed."""

    graph: Graph
    changes: tuple[Change, ...]


def compress(graph: Graph, steps: Iterable[Step], calibration: Feeds | None = None, means: Means | None = None, first: int = 0) -> Compressed:
    """Apply techniques in order. ``calibration`` (input -> samples) may also stand in ``means``; ``first``: the number of the first step.

    Raises EdgesimError whose problems name the step (``compress.1.prune.only``). The given graph is left alone. What each step changed
    is also in the notes of the new graph, which no longer carry accuracy published for the uncompressed network under ``accuracy``.
    """
    means = means or Means()
    if calibration is not None:
        means = replace(means, calibration=calibration)
    changes: list[Change] = []
    for index, step in enumerate(parsed_steps(steps), start=first):
        technique = COMPRESSIONS[step.technique](step.options, means)
        before = measures_of(graph)
        try:
            graph = technique(graph)
        except EdgesimError as error:
            raise type(error)([_placed(problem, index, step.technique) for problem in error.problems]) from None
        changes.append(Change(str(technique), before, measures_of(graph)))
    return Compressed(_noted(graph, changes) if changes else graph, tuple(changes))


def parsed_steps(steps: Iterable[Step]) -> Sequence[CompressionStep]:
    """Steps given as mappings, checked. Raises EdgesimError with every mistake in them."""
    parsed: list[CompressionStep] = []
    problems: list[Problem] = []
    for index, step in enumerate(steps):
        if isinstance(step, CompressionStep):
            parsed.append(step)
            continue
        try:
            parsed.append(CompressionStep.model_validate(step, by_alias=True, by_name=False))
        except ValidationError as error:
            found = schema_problems(error, CompressionStep, Places.everywhere(step, Place()))
            problems += [replace(problem, path=".".join(part for part in ("compress", str(index), problem.path) if part)) for problem in found]
    if problems:
        raise EdgesimError(problems)
    return parsed


def _placed(problem: Problem, index: int, technique: str) -> Problem:
    path = ".".join(part for part in ("compress", str(index), technique, problem.path) if part)
    return replace(problem, path=path)


def _noted(graph: Graph, changes: list[Change]) -> Graph:
    graph = graph.copy()
    restate_structure(graph)
    graph.notes[NOTE] = [*graph.notes.get(NOTE, ()), *(_as_data(change) for change in changes)]
    if published := graph.notes.pop("accuracy", None):
        graph.notes["accuracy_uncompressed"] = published
    return graph


def _as_data(change: Change) -> dict[str, Any]:
    sides = {side: vars(getattr(change, side)) for side in ("before", "after")}
    return {"step": change.step, **{side: dict(values) for side, values in sides.items()}}
