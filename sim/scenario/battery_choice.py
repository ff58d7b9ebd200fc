"""The battery of a scenario: the device's own or a cell of the catalogue, with the scenario's changes, and whether it can be charged so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from device_models.battery_spec import BatterySpec
from device_models.catalog.batteries import cell_names
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.scenario.charging import ChargingProfile, ChargingSource
from sim.scenario.files import missing_file
from sim.scenario.model import Scenario
from sim.scenario.positions import Places
from sim.scenario.schema_problems import schema_problems

_CHANGES = {"capacity_c": "capacity", "resistance_ohm": "resistance", "cutoff_v": "cutoff_voltage"}


def with_battery(device: DeviceSpec, scenario: Scenario, places: Places, directory: FilePath) -> tuple[DeviceSpec, list[Problem]]:
    """The device with the battery the scenario gives it, and what is wrong with that battery or its charging."""
    use = scenario.battery
    changes = {key: getattr(use, field) for field, key in _CHANGES.items() if getattr(use, field) is not None}
    problems: list[Problem] = []
    if use.cell is not None and use.cell not in cell_names():
        return device, []  # found by the checks of names
    if use.cell is not None or (changes and device.battery is not None):
        described = {"cell": use.cell} if use.cell is not None else _as_written(device.battery)
        try:
            device = device.model_copy(update={"battery": BatterySpec.model_validate({**described, **changes})})
        except ValidationError as error:
            return device, schema_problems(error, BatterySpec, places, ("battery",))
    elif device.battery is None and use.model_fields_set:
        problems.append(places.problem(("battery",), f"{device.name} has no battery; give it a cell of the catalogue, for example cell: cr2032", at_key=True))
    if scenario.charging is not None:
        problems += _charging(scenario.charging, device, places, directory)
    return device, problems


def _as_written(battery: BatterySpec | None) -> dict[str, Any]:
    fields = {field.alias or name: getattr(battery, name) for name, field in BatterySpec.model_fields.items()}
    return {key: value for key, value in fields.items() if value is not None}


def _charging(charging: ChargingSource, device: DeviceSpec, places: Places, directory: FilePath) -> Iterator[Problem]:
    battery = device.battery
    if battery is None:
        yield places.problem(("charging",), f"{device.name} has no battery to charge; give it one with battery: {{cell: ...}}", at_key=True)
    elif not battery.rechargeable:
        yield places.problem(("charging",), f"the battery{f' ({battery.cell})' if battery.cell else ''} cannot be recharged", at_key=True)
    elif battery.kinetic is not None:
        yield places.problem(("charging",), "a battery of two wells of charge (kinetic) is described for discharge only", at_key=True)
    if wrong := charging.problem():
        yield places.problem(("charging", wrong[0]), wrong[1])
    if isinstance(charging, ChargingProfile):
        yield from _profile(charging, places, directory)


def _profile(charging: ChargingProfile, places: Places, directory: FilePath) -> Iterator[Problem]:
    if missing := missing_file(directory / charging.file):
        yield places.problem(("charging", "file"), missing)
        return
    try:
        times_s = [time_s for time_s, _ in zip((time_s for time_s, _ in charging.steps(directory)), range(3), strict=False)]
    except EdgesimError as error:
        yield from error.problems
        return
    if charging.loop and len(set(times_s)) < len(times_s):
        yield places.problem(("charging", "loop"), "a profile that repeats needs at least two rows")
