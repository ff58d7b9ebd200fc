"""Changes of a scenario's plain data, as a user would make them in its file."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import EdgesimError, Problem
from sim.scenario.overrides import apply_overrides
from sim.scenario.positions import Path, Places


@dataclass(frozen=True)
class Put:
    """A value at a path of mappings, whatever stood there."""

    path: Path
    value: Any

    def make(self, data: dict[str, Any]) -> None:
        """Change ``data`` in place."""
        inside: Any = data
        for key in self.path[:-1]:
            inside = inside[key]
        inside[self.path[-1]] = copy.deepcopy(self.value)


@dataclass(frozen=True)
class Append:
    """One more entry of a list, which may be absent."""

    path: Path
    value: Any

    def make(self, data: dict[str, Any]) -> None:
        """Change ``data`` in place."""
        inside: Any = data
        for key in self.path[:-1]:
            inside = inside[key]
        inside[self.path[-1]] = [*(inside.get(self.path[-1]) or ()), copy.deepcopy(self.value)]


@dataclass(frozen=True)
class SetPath:
    """A value at a dotted path, as ``edgesim run --set`` changes it."""

    path: str
    value: Any

    def make(self, data: dict[str, Any]) -> None:
        """Change ``data`` in place. Raises EdgesimError for a path that leads nowhere."""
        problems = apply_overrides(data, Places(), [f"{self.path}={json.dumps(self.value)}"])
        if problems:
            raise EdgesimError(Problem(what=problem.what, path=self.path) for problem in problems)


Change = Put | Append | SetPath


def changed(data: Mapping[str, Any], changes: Iterable[Change]) -> dict[str, Any]:
    """A copy of a scenario's plain data with changes made in order. Raises EdgesimError."""
    result: dict[str, Any] = copy.deepcopy(dict(data))
    for change in changes:
        change.make(result)
    return result
