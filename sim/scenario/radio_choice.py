"""The radios of a scenario: those of its device, and those the scenario adds or changes."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from device_models.catalog.radios import radio_names
from device_models.radio import RadioSpec
from device_models.spec import RADIO, DeviceSpec
from sim.errors import Problem
from sim.scenario.known import near
from sim.scenario.positions import Path, Places
from sim.scenario.schema_problems import schema_problems


def with_radios(device: DeviceSpec, raw: Any, places: Places) -> tuple[DeviceSpec, list[Problem]]:
    """The device with the radios of a scenario (``raw``: as they are written), and what is wrong with them.

    A mapping without ``base`` changes the device's own radio of that name.
    """
    radios, problems = dict(device.radios), list[Problem]()
    for name, choice in raw.items() if isinstance(raw, dict) else ():
        if not isinstance(choice, str | dict):
            continue  # the schema says what is wrong
        if isinstance(choice, dict) and "base" not in choice and name in device.radios:
            choice = {**_as_written(device.radios[name]), **choice}
        found, wrong = resolve_radio(choice, places, ("radios", name))
        problems += wrong
        if found is not None:
            radios[name] = found
        if RADIO + name in device.units:
            problems.append(places.problem(("radios", name), f"{device.name} has a unit {RADIO}{name}; call the radio something else", at_key=True))
    if not problems:
        problems += _heated(device, radios, places)
    return (device.model_copy(update={"radios": radios}) if radios else device), problems


def resolve_radio(choice: str | dict[str, Any], places: Places, path: Path) -> tuple[RadioSpec | None, list[Problem]]:
    """The radio described at ``path``, or what is wrong with it."""
    described = {"base": choice} if isinstance(choice, str) else choice
    base = described.get("base")
    if isinstance(base, str) and base not in radio_names():
        at: Path = path if isinstance(choice, str) else (*path, "base")
        return None, [places.problem(at, f"unknown radio {base[:60]!r}; {near(base, radio_names())}")]
    try:
        return RadioSpec.model_validate(described), []
    except ValidationError as error:
        return None, schema_problems(error, RadioSpec, places, path)


def radio_problems(choice: object, places: Places, path: Path) -> list[Problem]:
    """What is wrong with the radio described at ``path``, if there is one; of a wrong type nothing, which the schema tells."""
    return resolve_radio(choice, places, path)[1] if isinstance(choice, str | dict) else []


def _as_written(radio: RadioSpec) -> dict[str, object]:
    return {field.alias or name: getattr(radio, name) for name, field in RadioSpec.model_fields.items() if name != "base"}


def _heated(device: DeviceSpec, radios: dict[str, RadioSpec], places: Places) -> list[Problem]:
    """Thermal nodes that a radio heats which is nowhere."""
    known = [RADIO + name for name in radios]
    return [
        places.problem(("device", "thermal", "nodes", node, "heated_by", index), f"no radio {part.removeprefix(RADIO)!r}; {near(part, known)}")
        for node, spec in device.thermal.nodes.items()
        for index, part in enumerate(spec.heated_by)
        if part.startswith(RADIO) and part.removeprefix(RADIO) not in radios and part not in device.units
    ]
