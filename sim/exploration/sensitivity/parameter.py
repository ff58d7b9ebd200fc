"""A hardware parameter: one number of a device, or several that rise and fall together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PREFIXES = ("units.", "domains.", "thermal.links.", "thermal.nodes.")
CERTAINTY = ("datasheet", "measured", "derived", "given", "estimated")  # the last is the least certain


@dataclass(frozen=True)
class Cell:
    """A number of the device by its path (as :func:`device_models.provenance.figures` writes it), in the SI unit of ``dimension``.

    ``power``: the number goes with this power of the parameter's factor, -1 for what falls as the parameter rises.
    ``span``: of a number whose zero means nothing, such as a temperature: what a factor of 2 adds to it.
    """

    path: str
    value: float
    dimension: str
    power: float = 1.0
    span: float | None = None

    def at(self, factor: float) -> float:
        """The number at a factor of its parameter."""
        if self.span is not None:
            return self.value + (factor - 1.0) * self.span
        return self.value * float(factor**self.power)


@dataclass(frozen=True)
class Range:
    """Factors between which a parameter lies with a probability of 80 %; ``of``: who says so."""

    low: float
    high: float
    of: str


@dataclass(frozen=True)
class Parameter:
    """``kind``, ``source`` and ``note``: of its least certain cell. ``group``: compute, clock, memory, storage, power, heat, ambient, battery or radio.

    ``uncertainty`` None: nobody published how far off it may be. ``is_count``: it counts things, so that only whole numbers make sense.
    """

    name: str
    group: str
    cells: tuple[Cell, ...]
    kind: str
    source: str
    note: str
    uncertainty: Range | None = None
    is_count: bool = False

    @property
    def label(self) -> str:
        """The name without the part that says only what kind of thing is named."""
        return next((self.name.removeprefix(prefix) for prefix in _PREFIXES if self.name.startswith(prefix)), self.name)

    @property
    def is_shared(self) -> bool:
        """Whether several numbers are changed together."""
        return len({cell.path for cell in self.cells}) > 1

    def values(self, factor: float) -> Mapping[str, float]:
        """Every cell at a factor, by path."""
        return {cell.path: cell.at(factor) for cell in self.cells}

    def factors(self, by: float, *, by_uncertainty: bool = False) -> tuple[float | None, float | None]:
        """The factors below and above 1 that the parameter is moved to: by the share ``by``, or over its published uncertainty where that is known.

        A count moves by one at least. None where there is nothing on that side: one core is the least.
        """
        low, high = 1.0 - by, 1.0 + by
        if by_uncertainty and self.uncertainty is not None:
            low, high = self.uncertainty.low, self.uncertainty.high
        if not self.is_count:
            return (low if low > 0 or self.cells[0].span is not None else None), high
        count = self.cells[0].value
        less, more = min(round(count * low), count - 1), max(round(count * high), count + 1)
        return (less / count if less >= 1 else None), more / count
