"""Parameters moved away from where they are, as points that can be evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim.exploration.point import Point
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.parameter import Parameter


def moved_point(position: int, device: ChangedDevice, moved: Iterable[tuple[Parameter, float]]) -> Point:
    """A point at these factors of parameters; 1 changes nothing. A number of several parameters is moved by each of them."""
    return Point(position, device.changes(moved_numbers(moved)))


def moved_numbers(moved: Iterable[tuple[Parameter, float]]) -> Mapping[str, float]:
    """The changed numbers of the device, SI, by path."""
    numbers: dict[str, float] = {}
    for parameter, factor in moved:
        if factor == 1.0:
            continue
        for cell in parameter.cells:
            before = numbers.get(cell.path, cell.value)
            numbers[cell.path] = before + cell.at(factor) - cell.value if cell.span is not None else before * float(factor**cell.power)
    return {path: float(round(value)) if path.endswith(".cores") else value for path, value in numbers.items()}
