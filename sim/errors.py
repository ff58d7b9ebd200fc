"""The one error type a user ever meets: where, what, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake: ``file:line:col: path: what``; parts that are not known stay empty (line and column count from 1)."""

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    what: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return ": ".join(part for part in (place, self.path, self.what) if part)


class EdgesimError(Exception):
    """A user's mistake, or several found at once. The command line prints them and exits with code 2, without a traceback."""

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = [Problem(what=problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ModelError(EdgesimError):
    """A model file or graph that is damaged, unsupported or inconsistent."""
