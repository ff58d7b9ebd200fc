"""A forgiving view of a scenario's plain data, for checks that must run although other parts of it are wrong.

Whatever has not the expected form reads as absent: the schema reports that, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from device_models.units import UnitError, parse_quantity
from sim.scenario.positions import Path


@dataclass(frozen=True)
class Raw:
    """A value and its path."""

    value: Any
    path: Path = ()

    def get(self, key: str) -> Raw:
        """The value of a key; None where there is no such key."""
        return Raw(self.value.get(key) if isinstance(self.value, dict) else None, (*self.path, key))

    def items(self) -> Iterator[tuple[str, Raw]]:
        """Key and value of a mapping."""
        for key, value in self.value.items() if isinstance(self.value, dict) else ():
            yield str(key), Raw(value, (*self.path, key))

    def entries(self) -> list[Raw]:
        """The entries of a list."""
        return [Raw(value, (*self.path, index)) for index, value in enumerate(self.value)] if isinstance(self.value, list | tuple) else []

    def keys(self) -> list[str]:
        """The keys of a mapping."""
        return [key for key, _ in self.items()]

    def text(self) -> str | None:
        """The value, if it is text."""
        return self.value if isinstance(self.value, str) else None

    def whole(self) -> int | None:
        """The value, if it is a whole number."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    def quantity(self, dimension: str) -> float | None:
        """The value in SI units, if it can be read as this dimension."""
        raw = self.value.get("value") if isinstance(self.value, dict) else self.value
        try:
            return parse_quantity(raw, dimension) if isinstance(raw, str | int | float) else None
        except UnitError:
            return None
