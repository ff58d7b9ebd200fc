"""The short tables of a device description, written out entry by entry, each with the place of its cell.

A description may give one source for a whole table (``{source, kind, values: {int8: 64}}``, ``{source, kind, table: [[1 GHz, 0.8 V]]}``).
Changes are merged entry by entry, and mistakes are reported by cell, so the tables are spread before either.
"""

from __future__ import annotations

from typing import Any

from device_models.battery_spec import spread_open_circuit
from device_models.spec import spread_points, spread_provenance
from sim.scenario.positions import Path, Places


def spread_tables(data: Any, places: Places, at: Path) -> Any:
    """A copy of the device description ``data`` with its tables spread; ``places`` (description below ``at``) gains their entries."""
    if not isinstance(data, dict):
        return data
    units = _each(data.get("units"), lambda unit, name: _unit(unit, places, (*at, "units", name)))
    domains = _each(data.get("domains"), lambda domain, name: _domain(domain, places, (*at, "domains", name)))
    battery = data.get("battery")
    if isinstance(battery, dict) and "open_circuit_voltage" in battery:
        points = _voltages(battery["open_circuit_voltage"], places, (*at, "battery", "open_circuit_voltage"))
        data = {**data, "battery": {**battery, "open_circuit_voltage": points}}
    return {**data, **({"units": units} if "units" in data else {}), **({"domains": domains} if "domains" in data else {})}


def _each(table: Any, change: Any) -> Any:
    return {name: change(value, name) if isinstance(value, dict) else value for name, value in table.items()} if isinstance(table, dict) else table


def _unit(unit: dict[str, Any], places: Places, path: Path) -> dict[str, Any]:
    spread = dict(unit)
    if "macs_per_cycle" in unit:
        spread["macs_per_cycle"] = _values(unit["macs_per_cycle"], places, (*path, "macs_per_cycle"))
    for part in ("parameters", "structure"):
        if part in unit:
            spread[part] = _each(unit[part], lambda table, name, part=part: _values(table, places, (*path, part, name)))
    return spread


def _domain(domain: dict[str, Any], places: Places, path: Path) -> dict[str, Any]:
    raw, path = domain.get("operating_points"), (*path, "operating_points")
    try:
        points = spread_points(raw)
    except ValueError:
        return domain  # the specification reports it
    if raw is None or points is raw:
        return domain
    for index, row in enumerate(raw["table"]):
        cell = (*path, "table", index)
        _copy(places, cell, (*path, index))
        for column, name in zip(range(len(row)), ("frequency", "voltage"), strict=False):
            _copy(places, (*cell, column), (*path, index, name))
            _copy(places, (*cell, column), (*path, index, name, "value"))
    return {**domain, "operating_points": points}


def _voltages(raw: Any, places: Places, path: Path) -> Any:
    try:
        points = spread_open_circuit(raw)
    except ValueError:
        return raw  # the specification reports it
    if points is not raw:
        for index in range(len(points)):
            _copy(places, (*path, "table", index), (*path, index))
            for column, name in enumerate(("charge", "voltage")):
                _copy(places, (*path, "table", index, column), (*path, index, name))
                _copy(places, (*path, "table", index, column), (*path, index, name, "value"))
    return points


def _values(raw: Any, places: Places, path: Path) -> Any:
    try:
        spread = spread_provenance(raw)
    except ValueError:
        return raw
    if spread is not raw:
        for name, value in raw["values"].items():
            cell = (*path, "values", name)
            _copy(places, cell, (*path, name))
            for key in value if isinstance(value, dict) else ():
                _copy(places, (*cell, key), (*path, name, key))
            if not isinstance(value, dict):
                _copy(places, cell, (*path, name, "value"))
    return spread


def _copy(places: Places, old: Path, new: Path) -> None:
    for table in (places.values, places.keys):
        if old in table:
            table[new] = table[old]
