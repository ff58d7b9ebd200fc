"""One typed table per extension point: name -> thing. An unknown name is an error that lists the near ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from sim.errors import EdgesimError

T = TypeVar("T")
LISTED, NEAREST = 24, 8  # a table of more names than LISTED is not listed: only the NEAREST to what was given


def near_names(name: str, known: Iterable[str]) -> str:
    """`` did you mean 'x'?`` for the closest names, else a list of all of them, or of the least far where they are many."""
    known = sorted(set(known))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(other) for other in close) + "?"
    if len(known) <= LISTED:
        return "known: " + ", ".join(known)
    holding = [other for other in known if name and name.lower() in other.lower()]  # "phone" means the phones
    least_far = sorted((holding + [other for other in difflib.get_close_matches(name, known, n=2 * NEAREST, cutoff=0.0) if other not in holding])[:NEAREST])
    return f"known: {len(known)} names, among them " + ", ".join(least_far)


class Registry(Mapping[str, T], Generic[T]):
    """A table of named things of one kind.

    ``register("name")`` is a decorator; iteration is in sorted order, so that nothing depends on import order.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._table: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        def enter(thing: T) -> T:
            if name in self._table:
                raise ValueError(f"{self.what} {name!r} is registered twice")
            self._table[name] = thing
            return thing

        return enter

    def __getitem__(self, name: str) -> T:
        if name not in self._table:
            raise EdgesimError(f"unknown {self.what} {name!r}; {near_names(name, self._table)}")
        return self._table[name]

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._table))

    def __len__(self) -> int:
        return len(self._table)
