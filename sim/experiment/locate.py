"""What turns out wrong after loading, at its place in the scenario file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sim.errors import EdgesimError, Problem
from sim.scenario.positions import Path, Places


@contextmanager
def collected(problems: list[Problem], places: Places, path: Path) -> Iterator[None]:
    """A user's mistakes found inside are added to ``problems``, at their place below ``path``, instead of being raised."""
    try:
        yield
    except EdgesimError as error:
        problems += located(error.problems, places, path)


def located(problems: Iterable[Problem], places: Places, path: Path) -> list[Problem]:
    """The problems with the place of what they are about: the value below ``path`` that they name, else ``path`` itself.

    A problem that already says its file (a damaged model) keeps it.
    """
    return [problem if problem.file else _located(problem, places, path) for problem in problems]


def _located(problem: Problem, places: Places, path: Path) -> Problem:
    inner = tuple(int(part) if part.isdecimal() else part for part in problem.path.split(".") if part)
    full = (*path, *inner) if (*path, *inner) in places.values else places.resolve((*path, *inner))
    if len(full) > len(path):  # what it names, or the nearest that was written of it
        return places.problem(full, problem.what)
    what = ": ".join(part for part in (problem.path, problem.what) if part)
    return places.problem(path, what, at_key=True)
