"""``units.NAME.frequency`` in changes of a device: the highest clock of a unit, as its designer or a user would choose it.

Within the range of the unit's operating points those above are cut off, and one is put at the chosen clock with the voltage between its neighbours.
Beyond the range all points move in proportion at their voltages: another design of the same circuit.
"""

from __future__ import annotations

from typing import Any

from device_models.units import UnitError, parse_quantity
from sim.errors import Problem
from sim.scenario.positions import Path, Places

_NOTE = {"source": "none", "kind": "estimated"}


def with_highest_clocks(data: Any, places: Places, at: Path) -> tuple[Any, list[Problem]]:
    """A description of a device (below ``at`` in ``places``) with every ``frequency`` of a unit written as operating points of its domain."""
    units = data.get("units") if isinstance(data, dict) else None
    if not isinstance(units, dict) or not any(isinstance(unit, dict) and "frequency" in unit for unit in units.values()):
        return data, []
    problems: list[Problem] = []
    domains: dict[Any, Any] = dict(data["domains"]) if isinstance(data.get("domains"), dict) else {}
    chosen: dict[str, float] = {}
    rest = {}
    for name, unit in units.items():
        rest[name] = unit
        if not isinstance(unit, dict) or "frequency" not in unit:
            continue
        rest[name] = {key: value for key, value in unit.items() if key != "frequency"}
        place, domain = (*at, "units", name, "frequency"), str(unit.get("domain"))
        try:
            highest_hz = parse_quantity(_value(unit["frequency"]), "frequency")
            if highest_hz <= 0:
                raise UnitError(f"{unit['frequency']!r}: a clock is above 0")
            if chosen.setdefault(domain, highest_hz) != highest_hz:
                raise UnitError(f"domain {domain!r} clocks other units too, which are given another frequency")
            if domain in domains:
                points = _points(domains[domain]["operating_points"])
                domains[domain] = {**domains[domain], "operating_points": _entries(capped(points, highest_hz))}
                _places(places, (*at, "domains", domain, "operating_points"), place, len(domains[domain]["operating_points"]))
        except (UnitError, KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(places.problem(place, str(error) if isinstance(error, UnitError) else "the operating points of its domain cannot be read"))
    return {**data, "units": rest, "domains": domains}, problems


def capped(points: list[tuple[float, float]], highest_hz: float) -> list[tuple[float, float]]:
    """Operating points (Hz, V), ascending, with another highest clock."""
    top_hz = points[-1][0]
    if highest_hz > top_hz:
        return [(hz * highest_hz / top_hz, volts) for hz, volts in points]
    below = [point for point in points if point[0] < highest_hz]
    above = next(point for point in points if point[0] >= highest_hz)
    if not below:
        return [(highest_hz, above[1])]
    low_hz, low_v = below[-1]
    share = (highest_hz - low_hz) / (above[0] - low_hz)
    return [*below, (highest_hz, low_v + share * (above[1] - low_v))]


def _points(raw: Any) -> list[tuple[float, float]]:
    return [(parse_quantity(_value(entry["frequency"]), "frequency"), parse_quantity(_value(entry["voltage"]), "voltage")) for entry in raw]


def _value(raw: Any) -> Any:
    return raw["value"] if isinstance(raw, dict) else raw


def _entries(points: list[tuple[float, float]]) -> list[dict[str, Any]]:
    note = {**_NOTE, "note": "moved with the highest clock that was asked for"}
    return [{"frequency": {"value": f"{hz!r} Hz", **note}, "voltage": {"value": f"{volts!r} V", **note}} for hz, volts in points]


def _places(places: Places, of_points: Path, place: Path, count: int) -> None:
    """What is wrong with them is wrong with the frequency that was asked for."""
    asked = places.value(place)
    new = Places.everywhere([{"frequency": {"value": ""}, "voltage": {"value": ""}}] * count, asked, of_points)
    places.replace(of_points, new)
