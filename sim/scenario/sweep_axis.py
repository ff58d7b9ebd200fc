"""One axis of a sweep: values in their order, or a range that samples are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.scenario.search_axis import parsed_axis, quantity_range

_DISCRETE = ("step", "count", "choices")


@dataclass(frozen=True)
class Span:
    """From ``low`` to ``high`` in ``unit``, evenly or evenly in the logarithm; ``whole``: whole numbers only, both ends included."""

    low: float
    high: float
    unit: str
    is_log: bool
    whole: bool

    def at(self, share: float) -> Any:
        """The plain value at a share 0 <= share < 1 of the way."""
        if self.whole:
            return min(int(self.low) + int(share * (self.high - self.low + 1)), int(self.high))
        value = self.low * (self.high / self.low) ** share if self.is_log else self.low + share * (self.high - self.low)
        short = float(f"{value:.9g}")
        return f"{short!r} {self.unit}" if self.unit else short


@dataclass(frozen=True)
class SweepAxis:
    """Either ``values`` or a ``span``. ``is_ordered``: neighbours are alike."""

    path: str
    values: tuple[Any, ...] | None
    is_ordered: bool
    span: Span | None = None

    def value(self, share: float) -> Any:
        """The plain value at a share 0 <= share < 1 of the axis."""
        if self.span is not None:
            return self.span.at(share)
        assert self.values is not None
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def probes(self) -> tuple[Any, ...]:
        """Values that show whether all of them can be: each one, of long ranges some, of a span both ends."""
        if self.span is not None:
            return (self.span.at(0.0), self.span.at(1.0 - 1e-12))
        assert self.values is not None
        if not self.is_ordered or len(self.values) <= _MOST_PROBES:
            return self.values[:_MOST_TRIED]
        step = (len(self.values) - 1) / (_MOST_PROBES - 1)
        return tuple(self.values[round(index * step)] for index in range(_MOST_PROBES))


_MOST_PROBES = 9  # of an ordered axis
_MOST_TRIED = 200  # of any


def parsed_sweep_axis(path: str, raw: Any, sampled: bool) -> SweepAxis:
    """An axis from plain data; ``sampled``: a range without step or count is continuous. Raises ValueError that says what is wrong with it."""
    if isinstance(raw, Mapping) and "when" in raw:
        raise ValueError("when: the axes of a sweep are independent; say in where which combinations are wanted")
    if sampled and isinstance(raw, Mapping) and not any(key in raw for key in _DISCRETE):
        low, high, unit, is_log, whole = quantity_range(raw)
        return SweepAxis(path, None, True, Span(low, high, unit, is_log, whole))
    if isinstance(raw, Mapping) and "from" in raw and not any(key in raw for key in _DISCRETE):
        raise ValueError("a range of a grid has a step or a count: {from: 600 MHz, to: 1.2 GHz, count: 5}; without one it is for samples (sample: ...)")
    axis = parsed_axis(path, raw)
    return SweepAxis(path, axis.values, axis.is_ordered)
