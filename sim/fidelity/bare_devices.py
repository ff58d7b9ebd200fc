"""Devices of published measurements from their specifications alone: of the catalogue, or of a table with a line a unit."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

from device_models.catalog.catalog import device_names, load_device, read_device
from device_models.spec import DeviceSpec

DATA = Path(__file__).resolve().parent / "data"
_RECALLED = {"source": "none", "kind": "estimated", "note": "recalled, unconfirmed"}
_UNKNOWN = {"source": "none", "kind": "estimated", "note": "not needed for what it is predicted for"}
_MEMORY_BYTES = 256e9  # for catalogue devices: boards of other capacity than the catalogue's were measured too


@cache
def rows(name: str) -> list[dict[str, str]]:
    """A table of :mod:`sim.fidelity.data` as text."""
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def specification(name: str) -> DeviceSpec:
    """A device without any fitted parameter, of the catalogue or of ``bare_devices.csv``. Raises KeyError for an unknown name."""
    if name in device_names():
        return _unfitted(load_device(name))
    units = [row for row in rows("bare_devices.csv") if row["name"] == name]
    if not units:
        raise KeyError(name)
    return _minimal(units)


@cache
def alone(name: str, unit: str) -> DeviceSpec:
    """A device of :func:`specification` with one of its units only: what else it has changes nothing of a network that runs there."""
    device = specification(name)
    kept, memory = device.units[unit], device.memory.domain
    domains = {domain: spec for domain, spec in device.domains.items() if domain in (kept.domain, memory)}
    nodes = {
        node: spec.model_copy(update={"heated_by": tuple(part for part in spec.heated_by if part == unit or part not in device.units)})
        for node, spec in device.thermal.nodes.items()
    }
    thermal = device.thermal.model_copy(update={"nodes": nodes, "trips": ()})
    return device.model_copy(update={"units": {unit: kept}, "domains": domains, "thermal": thermal})


def _unfitted(device: DeviceSpec) -> DeviceSpec:
    units = {name: unit.model_copy(update={"parameters": {}, "structure": {}}) for name, unit in device.units.items()}
    memory = device.memory.model_copy(update={"capacity_bytes": type(device.memory.capacity_bytes)(_MEMORY_BYTES)})
    return device.model_copy(update={"units": units, "memory": memory})


def _minimal(units: list[dict[str, str]]) -> DeviceSpec:
    """A device of units, their clocks and one memory."""
    first = units[0]
    note = {**_RECALLED, "note": f"{first['note']}; recalled, unconfirmed"}
    raw: dict[str, Any] = {
        "name": first["name"],
        "title": first["title"],
        "category": "board",
        "units": {row["unit"]: _unit(row) for row in units},
        "domains": {row["unit"]: {"operating_points": [{"frequency": {"value": f"{row['ghz']} GHz", **_RECALLED}}]} for row in units},
        "memory": {
            "type": "DRAM",
            "bandwidth": {"value": f"{first['bandwidth_gb_s']} GB/s", **note},
            "capacity": {"value": f"{first['memory_gib']} GiB", **_RECALLED},
            "energy": {"value": "0 J/B", **_UNKNOWN},
        },
        "storage": {"type": "flash", "read_bandwidth": {"value": "1 GB/s", **_UNKNOWN}, "capacity": {"value": "256 GB", **_UNKNOWN}},
        "base_power": {"value": "1 W", **_UNKNOWN},
        "thermal": {
            "nodes": {"soc": {"heat_capacity": {"value": "100 J/K", **_UNKNOWN}, "heated_by": [row["unit"] for row in units]}},
            "links": [{"between": ["soc", "ambient"], "resistance": {"value": "1 K/W", **_UNKNOWN}}],
        },
        "runtimes": first["runtimes"].split(),
    }
    return read_device(raw)


def _unit(row: dict[str, str]) -> dict[str, Any]:
    rates = {name: float(row[name]) for name in ("float32", "float16", "int8") if float(row[name])}
    if row["kind"] == "npu":
        rates |= {"int4": rates["int8"], "int16": rates["int8"] / 2}
    return {
        "kind": row["kind"],
        "cost_class": row["cost_class"],
        "cores": {"value": float(row["cores"]), **_RECALLED},
        "macs_per_cycle": {**_RECALLED, "values": rates},
        "domain": row["unit"],
        "on_chip": {"value": f"{row['on_chip_mib']} MiB", **_RECALLED},
        "power": {"dynamic_capacitance": {"value": "1 nF", **_UNKNOWN}},
    }
