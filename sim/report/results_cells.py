"""Rows of a results table as people read them: units from the names, and the columns that tell most where there is no room for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from device_models.units import format_quantity
from sim.report.numbers import celsius, seconds
from sim.report.quantities import unit_of

NOTHING = "-"
_WRITE: dict[str, Callable[[float], str]] = {
    "s": seconds,
    "J": lambda value: format_quantity(value, "energy"),
    "W": lambda value: format_quantity(value, "power"),
    "Hz": lambda value: format_quantity(value, "frequency"),
    "V": lambda value: format_quantity(value, "voltage"),
    "B": lambda value: format_quantity(value, "bytes"),
    "B/s": lambda value: format_quantity(value, "bandwidth"),
    "degC": celsius,
}
# what people look for first; endings of names, the first that fits counts
_FIRST = (
    "valid",
    "latency_p99_s",
    "energy_j",
    "accuracy_ratio",
    "throughput_hz",
    "latency_p50_s",
    "missed_ratio",
    "peak_bytes",
    "power_w",
    "_per_j",
    "_currency",
    "_c",
)


def cell(name: str, value: Any) -> str:
    """A value with its unit; numbers without one in up to six digits."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("\n", "; ")
    write = _WRITE.get(unit_of(name) or "")
    if write is not None:
        return write(float(value))
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def rank(name: str) -> tuple[int, int, str]:
    """Sorts names of metrics: what people look for first, totals before those of single parts."""
    found = next((index for index, ending in enumerate(_FIRST) if name == ending or name.endswith(ending)), len(_FIRST))
    return found, name.count("."), name


def short_names(names: Sequence[str]) -> list[str]:
    """Each name by as many of its last parts as tell it from the others: ``frequency`` for ``device.units.npu.frequency``."""
    return [_shortest(name, [other for other in names if other != name]) for name in names]


def _shortest(name: str, others: Sequence[str]) -> str:
    parts = name.split(".")
    for count in range(1, len(parts)):
        ending = ".".join(parts[-count:])
        if not any(other == ending or other.endswith("." + ending) for other in others):
            return ending
    return name
