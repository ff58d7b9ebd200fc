"""Where each value and key of a scenario was written, so that a mistake can be reported at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.errors import Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A place in a file (line and column count from 1; 0: unknown). ``below``: the path inside the scenario this source starts from."""

    file: str = ""
    line: int = 0
    column: int = 0
    below: Path = ()


def dotted(path: Iterable[str | int]) -> str:
    """``("workloads", "camera", "pipeline", 0)`` as ``workloads.camera.pipeline.0``."""
    return ".".join(str(part) for part in path)


@dataclass
class Places:
    """Places by path: of the values, and of the keys that hold them."""

    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    @staticmethod
    def everywhere(data: Any, place: Place, path: Path = ()) -> Places:
        """The same place for a value and everything in it (data that came from Python or from the command line)."""
        places = Places()
        places._fill(data, place, path)
        return places

    def _fill(self, data: Any, place: Place, path: Path) -> None:
        self.values[path] = self.keys[path] = place
        for key, value in _children(data):
            self._fill(value, place, (*path, key))

    def resolve(self, location: Iterable[str | int]) -> Path:
        """The longest real path in a pydantic error location: names of union branches are in no file, and are skipped."""
        path: Path = ()
        for part in location:
            if (*path, part) in self.values:
                path = (*path, part)
        return path

    def value(self, path: Path) -> Place:
        """The place of a value, or of the nearest enclosing one."""
        return self._nearest(self.values, path)

    def key(self, path: Path) -> Place:
        """The place of the key that holds a value; entries of lists have no key, so the value's own place."""
        return self.keys[path] if path in self.keys else self.value(path)

    @staticmethod
    def _nearest(table: dict[Path, Place], path: Path) -> Place:
        for length in range(len(path), -1, -1):
            if path[:length] in table:
                return table[path[:length]]
        return Place()

    def changed_below(self, path: Path) -> Path | None:
        """The first path below ``path`` that was written in another source than ``path`` itself, or None."""
        own = self.value(path).file
        return next((other for other, place in self.values.items() if other[: len(path)] == path and place.file != own), None)

    def replace(self, path: Path, other: Places) -> None:
        """Forget what was below ``path``; take ``other``'s places (whose paths already start with ``path``)."""
        for table, new in ((self.values, other.values), (self.keys, other.keys)):
            for old in [known for known in table if known[: len(path)] == path]:
                del table[old]
            table.update(new)

    def shifted(self, prefix: Path) -> Places:
        """The same places with every path below ``prefix``."""
        return Places({(*prefix, *path): place for path, place in self.values.items()}, {(*prefix, *path): place for path, place in self.keys.items()})

    def part(self, path: Path, renamed: Path) -> Places:
        """The places of what stands at ``path``, as if it stood at ``renamed``."""
        length = len(path)
        values, keys = ({(*renamed, *old[length:]): place for old, place in table.items() if old[:length] == path} for table in (self.values, self.keys))
        return Places(values, keys)

    def problem(self, path: Path, what: str, *, at_key: bool = False) -> Problem:
        """A mistake at a value, or at its key; the path shown is relative to the source the place is in."""
        place = self.key(path) if at_key else self.value(path)
        inside = dotted(path[: len(place.below)]) == dotted(place.below)  # as text: an override writes positions as text
        return Problem(place.file, place.line, place.column, dotted(path[len(place.below) :] if inside else path), what)


def _children(data: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(data, dict):
        return data.items()
    if isinstance(data, list | tuple):
        return enumerate(data)
    return ()
