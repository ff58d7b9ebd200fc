"""``edgesim devices``: the catalogue, and one device with the source of every number."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_models.provenance import FigureRow
    from device_models.spec import DeviceSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a device: print its specification, each number with kind and source")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    from device_models.catalog.catalog import device_names, load_device

    if args.name is None:
        return _list([load_device(name) for name in device_names()], args.json)
    return _show(_device(args.name), args.json)


def _device(name: str) -> DeviceSpec:
    from device_models.catalog.catalog import device_names, load_device
    from sim.errors import EdgesimError
    from sim.registry import near_names

    if name not in device_names():
        raise EdgesimError(f"unknown device {name!r}; {near_names(name, device_names())}")
    return load_device(name)


def _list(devices: list[DeviceSpec], as_json: bool) -> int:
    import json

    from sim.cli.table import print_table

    if as_json:
        print(
            json.dumps([{"name": device.name, "title": device.title, "category": device.category, "units": list(device.units)} for device in devices], indent=1)
        )
        return 0
    rows = [[device.name, device.category, device.title, ", ".join(device.units)] for device in devices]
    print_table(["device", "category", "title", "units"], rows, wrap=True)
    return 0


def _show(device: DeviceSpec, as_json: bool) -> int:
    import json

    from device_models.catalog.catalog import sources
    from device_models.provenance import figures
    from device_models.units import DIMENSIONS

    rows, citations = figures(device), sources()
    if as_json:
        numbers = [
            {"path": row.path, "value": row.value, "unit": DIMENSIONS[row.dimension].si, "kind": row.kind, "source": row.source, "note": row.note}
            for row in rows
        ]
        cited = {row.source: citations.get(row.source, "") for row in rows if row.source}
        print(json.dumps({"name": device.name, "title": device.title, "figures": numbers, "sources": cited}, indent=1))
        return 0
    _print_head(device)
    _print_figures(rows)
    _print_sources(rows, citations)
    return 0


def _print_head(device: DeviceSpec) -> None:
    from sim.report.safe_text import printable

    print(printable(f"{device.name}   {device.title}   ({device.category})"))
    if device.description:
        print(printable(device.description))
    in_place = " (execute in place)" if device.storage.execute_in_place else ""
    print(f"runtimes: {', '.join(device.runtimes)}   memory: {printable(device.memory.type)}   storage: {printable(device.storage.type)}{in_place}")
    for name, unit in device.units.items():
        error = "" if unit.calibration_error is None else f", typically within {100 * unit.calibration_error:.2g} %"
        print(printable(f"  {name}: {unit.title or unit.kind}, prediction {unit.calibration}{error}"))
    _print_heat(device)
    print()


def _print_heat(device: DeviceSpec) -> None:
    """Where temperatures settle, leakage included, if nothing throttles."""
    from device_models.thermal_feedback import ThermalRunawayError, sustained
    from device_models.units import format_quantity
    from sim.report.safe_text import printable

    print(f"steady state at {device.default_ambient_c:g} degC ambient without throttling or fan, one unit at full load at a time:")
    for unit in (None, *device.units):
        try:
            watts, temperatures = sustained(device, unit)
            nodes = ", ".join(f"{node} {value:.1f} degC" for node, value in temperatures.items())
            found = f"{format_quantity(watts, 'power')}: {nodes}"
        except ThermalRunawayError as error:
            found = str(error)
        print(printable(f"  {unit or 'idle'}: {found}"))
    if device.thermal.coolings():
        print(printable(f"cooling: {', '.join(device.thermal.coolings())}"))


def _print_figures(rows: list[FigureRow]) -> None:
    """Notes stand below as footnotes, because many numbers share one."""
    from device_models.units import format_quantity
    from sim.cli.table import print_table

    footnotes = {note: number for number, note in enumerate(dict.fromkeys(row.note for row in rows if row.note), start=1)}
    shown = [[row.path, format_quantity(row.value, row.dimension, 4), row.kind, row.source, f"[{footnotes[row.note]}]" if row.note else ""] for row in rows]
    print_table(["figure", "value", "kind", "source", "note"], shown, right=(1,), flexible=0)
    if footnotes:
        print()
        print_table(["note", ""], [[f"[{number}]", note] for note, number in footnotes.items()], wrap=True)


def _print_sources(rows: list[FigureRow], citations: dict[str, str]) -> None:
    from sim.cli.table import print_table

    used = sorted({row.source for row in rows if row.source})
    counts = {kind: sum(row.kind == kind for row in rows) for kind in dict.fromkeys(row.kind for row in rows)}
    print("\n" + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) + "\n")
    print_table(["source", "what it is"], [[key, str(citations.get(key, "not in sources.yaml"))] for key in used], wrap=True)
