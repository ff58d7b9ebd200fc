"""The device of a scenario: a catalogue name, a user's own file, or either with changed fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from device_models.catalog.catalog import cost_classes, device_names, device_path, load_device
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.checks import Known
from sim.scenario.device_tables import spread_tables
from sim.scenario.files import is_device_file, missing_file
from sim.scenario.highest_clock import with_highest_clocks
from sim.scenario.positions import Path, Places
from sim.scenario.schema_problems import described, schema_problems
from sim.scenario.yaml_source import YamlDocument, read_yaml

_HERE: Path = ("device",)
# Where a device's parts have names: what a part is called, and the key without which a new name is rather a mistyped old one.
_PARTS: dict[Path, tuple[str, str]] = {
    ("device", "units"): ("unit", "kind"),
    ("device", "domains"): ("DVFS domain", "operating_points"),
    ("device", "thermal", "nodes"): ("thermal node", "heat_capacity"),
}


def resolve_device(choice: Any, places: Places, directory: FilePath, known: Known) -> tuple[DeviceSpec | None, list[Problem]]:
    """The device that ``choice`` (the scenario's ``device``) describes, or what is wrong with it.

    A mapping is merged into the device its ``base`` names: mappings key by key, everything else replaced whole; entries of a
    list are changed by position (``{operating_points: {0: ...}}``). A file may itself say what its ``base`` is and hold only
    what differs. Mistakes are placed where the wrong value was written.
    """
    if isinstance(choice, str) and not is_device_file(choice) and choice in device_names():
        return load_device(choice), []
    found = _described(choice, places, _HERE, directory, ())
    if found.data is None:
        return None, found.problems
    return _validated(found, known)


@dataclass
class _Description:
    """A device as plain data, where each value was written, the mistakes found so far, and the catalogue's file it rests on."""

    data: Any = None
    places: Places = field(default_factory=Places)
    problems: list[Problem] = field(default_factory=list)
    shipped: str | None = None


def _described(choice: Any, places: Places, here: Path, directory: FilePath, through: tuple[FilePath, ...]) -> _Description:
    """The raw description; ``here``: where ``choice`` stands in ``places``; ``through``: the files whose ``base`` led here."""
    if not isinstance(choice, str | dict):
        return _Description()  # the schema says what is wrong
    at = here if isinstance(choice, str) else (*here, "base")
    if isinstance(choice, dict) and not isinstance(choice.get("base"), str):
        given = "missing key 'base'" if "base" not in choice else f"expected text, got {described(choice['base'])}"
        what = f"{given}: the catalogue name or the file of the device that is changed here"
        return _Description(problems=[places.problem(at if "base" in choice else here, what, at_key="base" not in choice)])
    name = choice if isinstance(choice, str) else choice["base"]
    base = _base(name, at, places, directory, through)
    if isinstance(choice, dict) and isinstance(base.data, dict):
        changes = spread_tables({key: value for key, value in choice.items() if key != "base"}, places, here)
        merge = _Merge(base.places, places)
        base.data = merge.merged(base.data, changes, _HERE, here)
        base.problems += merge.problems
    return base


def _base(name: str, at: Path, places: Places, directory: FilePath, through: tuple[FilePath, ...]) -> _Description:
    """The device a name or a file means, before any change."""
    own_file = is_device_file(name)
    if problem := _missing(name, directory) if own_file else _unknown(name):
        return _Description(problems=[places.problem(at, problem)])
    path = directory / name
    if own_file and path.resolve() in through:
        return _Description(problems=[places.problem(at, f"{name!r} is, by way of its base, a base of itself")])
    try:
        document = read_yaml(path, below=_HERE) if own_file else _catalogue_document(name)
    except EdgesimError as error:
        return _Description(problems=list(error.problems))
    merged = document.places.shifted(_HERE)
    if own_file and isinstance(document.data, dict) and "base" in document.data:
        below = _described(document.data, merged, _HERE, path.parent, (*through, path.resolve()))
        below.problems = [*document.problems, *below.problems]
        return below
    return _Description(spread_tables(document.data, merged, _HERE), merged, list(document.problems), None if own_file else merged.value(_HERE).file)


def _missing(name: str, directory: FilePath) -> str | None:
    return missing_file(directory / name)


def _unknown(name: str) -> str | None:
    names = device_names()
    return None if name in names else f"unknown device {name!r}; {near_names(name, names)}"


@lru_cache(maxsize=64)
def _catalogue_document(name: str) -> YamlDocument:
    return read_yaml(FilePath(device_path(name)), below=_HERE)


def _validated(found: _Description, known: Known) -> tuple[DeviceSpec | None, list[Problem]]:
    data, wrong = with_highest_clocks(found.data, found.places, _HERE)
    try:
        device = DeviceSpec.model_validate(data)
    except ValidationError as error:
        return None, found.problems + wrong + schema_problems(error, DeviceSpec, found.places, _HERE)
    problems = found.problems + wrong + [problem for problem in _names(device, found.places, known) if problem.file != found.shipped]
    return (None, problems) if problems else (device, [])


def _names(device: DeviceSpec, places: Places, known: Known) -> Iterator[Problem]:
    """Names in a device that mean something elsewhere."""
    for name, unit in device.units.items():
        yield from _name(unit.cost_class, "cost class", cost_classes(), places, ("units", name, "cost_class"))
    for name, domain in device.domains.items():
        yield from _name(domain.governor, "governor", known.governors, places, ("domains", name, "governor"))
    thermal = device.thermal
    yield from _name(thermal.governor, "thermal governor", known.thermal_governors, places, ("thermal", "governor"))
    for index, trip in enumerate(thermal.trips):
        if trip.governor is not None:
            yield from _name(trip.governor, "thermal governor", known.thermal_governors, places, ("thermal", "trips", index, "governor"))
        if trip.temperature_c <= device.default_ambient_c:
            what = f"{trip.temperature_c:g} degC is not above the device's ambient, {device.default_ambient_c:g} degC: it would throttle for ever"
            yield places.problem((*_HERE, "thermal", "trips", index, "temperature"), what)
    if thermal.fan is not None:
        yield from _name(thermal.fan.governor, "fan governor", known.fan_governors, places, ("thermal", "fan", "governor"))
    for index, runtime in enumerate(device.runtimes):
        yield from _name(runtime, "runtime", known.runtimes, places, ("runtimes", index))


def _name(name: str, what: str, known: Collection[str] | None, places: Places, path: Path) -> Iterator[Problem]:
    if known is not None and name not in known:
        yield places.problem((*_HERE, *path), f"unknown {what} {described(name)}; {near_names(name, known)}")


class _Merge:
    """Changes merged into a base; ``merged`` holds the base's places and takes over those of the changes."""

    def __init__(self, merged: Places, changes: Places) -> None:
        self.places, self.changes, self.problems = merged, changes, list[Problem]()

    def merged(self, base: Any, change: Any, path: Path, origin: Path) -> Any:
        """``path``: where the value stands in the device; ``origin``: where the change was written."""
        if isinstance(change, dict) and isinstance(base, dict) and not {"value"} & (change.keys() | base.keys()):
            changed = {key: value for key, value in change.items() if not self._mistyped(key, value, base, path, origin)}
            return {**base, **{key: self.merged(base.get(key), value, (*path, key), (*origin, key)) for key, value in changed.items()}}
        if isinstance(change, dict) and isinstance(base, list) and change and all(key.isdecimal() for key in change):
            return self._entries(base, change, path, origin)
        self._take(path, origin)
        return change

    def _mistyped(self, key: str, value: Any, base: dict[str, Any], path: Path, origin: Path) -> bool:
        if path not in _PARTS or key in base:
            return False
        part, needed = _PARTS[path]
        if isinstance(value, dict) and needed in value:
            return False
        what = f"the device has no {part} {key!r}; {near_names(key, base)} (a new one needs {needed} and the rest of its description)"
        self.problems.append(self.changes.problem((*origin, key), what, at_key=True))
        return True

    def _entries(self, base: list[Any], change: dict[str, Any], path: Path, origin: Path) -> list[Any]:
        result = list(base)
        for key, value in change.items():
            if len(key) > 9 or int(key) >= len(base):
                self.problems.append(self.changes.problem((*origin, key), f"no entry {key}: the device has entries 0 to {len(base) - 1} here", at_key=True))
            else:
                result[int(key)] = self.merged(base[int(key)], value, (*path, int(key)), (*origin, key))
        return result

    def _take(self, path: Path, origin: Path) -> None:
        below = len(origin)
        self.places.replace(
            path,
            Places(
                {(*path, *old[below:]): place for old, place in self.changes.values.items() if old[:below] == origin},
                {(*path, *old[below:]): place for old, place in self.changes.keys.items() if old[:below] == origin},
            ),
        )
