"""The parameters of a scenario's device: every number that can matter, those that belong together as one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from device_models.catalog.catalog import residuals, unit_residuals
from device_models.provenance import FigureRow, figures
from device_models.residuals import ANY, ZERO_SHOT, Residuals
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.errors import EdgesimError, Problem
from sim.exploration.sensitivity.changes import ChangedDevice
from sim.exploration.sensitivity.grouping import GROUPS, place_of
from sim.exploration.sensitivity.parameter import CERTAINTY, Cell, Parameter, Range
from sim.exploration.sensitivity.unit_speed import speed_parameters
from sim.registry import near_names
from sim.scenario.loading import LoadedScenario

_NO_TRIP_SPAN_K = 60.0  # from a room to the limit of most chips, where a device has no trip points
_OF_LAW = re.compile(r"\.(?:parameters|structure|sparsity)\.")
_OF_RUNNING = (".speed", ".on_chip", ".power.dynamic_capacitance", ".power.operation_energy")
_KINDS = tuple(reversed(CERTAINTY))


@dataclass(frozen=True)
class Found:
    """``parameters`` in the order of the device's description; ``left_out``: paths of numbers that belong to none -> why."""

    parameters: tuple[Parameter, ...]
    left_out: Mapping[str, str]

    def chosen(self, wanted: Sequence[str]) -> tuple[Parameter, ...]:
        """Those that ``wanted`` names: names, the beginning of names, patterns (``units.*.power.leakage``), groups or kinds; all if empty.

        Raises EdgesimError for every entry that means nothing, or something that may not be changed, and where nothing is left.
        """
        problems = [problem for entry in wanted if (problem := self._problem(entry))]
        if problems:
            raise EdgesimError(Problem(what=problem) for problem in problems)
        return tuple(parameter for parameter in self.parameters if not wanted or any(_means(entry, parameter) for entry in wanted))

    def _problem(self, entry: str) -> str:
        if any(_means(entry, parameter) for parameter in self.parameters):
            return ""
        plain = _plain(entry)
        why = next((why for path, why in self.left_out.items() if plain in (place_of(path).name, _dotted(path), path)), None)
        if why is not None:
            return f"parameter {entry!r} may not be changed: {why}"
        return f"no parameter {entry!r}; {near_names(plain, [*(parameter.name for parameter in self.parameters), *GROUPS, *_KINDS])}"


def parameters_of(loaded: LoadedScenario) -> Found:
    """The parameters of the device as the scenario has it: with its cooling, battery, radios and ambient temperature."""
    changed = ChangedDevice.of(loaded)
    device = changed.device
    speeds = {name: list(speed_parameters(name, unit, _runtimes(loaded))) for name, unit in device.units.items()}
    of_laws = {cell.path for found in speeds.values() for parameter in found for cell in parameter.cells}
    rows = [_stated(row, loaded) for row in figures(device) if row.path not in of_laws]
    found, left_out = _grouped(rows, device, loaded)
    parameters: list[Parameter] = []
    for name, own in speeds.items():
        parameters += own
        parameters += [parameter for parameter in found if parameter.name.startswith(f"units.{name}.")]
    known = {parameter.name for parameter in parameters}
    parameters += [parameter for parameter in found if parameter.name not in known]
    return Found(tuple(parameters), left_out)


def _stated(row: FigureRow, loaded: LoadedScenario) -> FigureRow:
    """The row of the ambient temperature as the scenario states it; any other as it is."""
    if row.path != "default_ambient" or loaded.scenario.ambient_c is None:
        return row
    return row._replace(value=float(loaded.scenario.ambient_c), kind="given", source="scenario", note="")


def _grouped(rows: Iterable[FigureRow], device: DeviceSpec, loaded: LoadedScenario) -> tuple[list[Parameter], dict[str, str]]:
    members: dict[str, list[FigureRow]] = {}
    groups, left_out = dict[str, str](), dict[str, str]()
    for row in rows:
        place = place_of(row.path)
        if not place.group:
            left_out[row.path] = place.name
            continue
        name = _by_nodes(place.name, device)
        members.setdefault(name, []).append(row)
        groups[name] = place.group
    found = []
    for name, own in members.items():
        if why := _unchangeable(name, own, device):
            left_out |= {row.path: why for row in own}
        else:
            found.append(_parameter(name, groups[name], own, device, loaded))
    return found, left_out


def _unchangeable(name: str, rows: Sequence[FigureRow], device: DeviceSpec) -> str:
    if not any(row.value for row in rows) and rows[0].dimension != "temperature":
        return "it is 0" + (": nobody states it" if rows[0].source == "none" else "")
    if name.startswith("units.") and name.endswith(".cores"):
        if rows[0].value == 1:
            return "there is one: two would make another device of it"
        if device.units[name[len("units.") : -len(".cores")]].core_speeds:
            return "its cores differ in speed; give another number with their speeds in the device's description"
    if name in ("battery.peukert_exponent", "battery.rated_discharge") and device.battery is not None and float(device.battery.peukert_exponent) == 1.0:
        return "an exponent of 1 means that nothing is lost at high currents"
    return ""


def _by_nodes(name: str, device: DeviceSpec) -> str:
    """Positions of links and trip points as the nodes they are at."""
    before, brace, rest = name.partition("{")
    if not brace:
        return name
    inside, _, after = rest.partition("}")
    what, _, position = inside.partition(" ")
    thermal = device.thermal
    node = thermal.trips[int(position)].node if what == "trip" else "-".join(thermal.links[int(position)].between)
    return before + node + after


def _parameter(name: str, group: str, rows: Sequence[FigureRow], device: DeviceSpec, loaded: LoadedScenario) -> Parameter:
    worst = max(rows, key=lambda row: CERTAINTY.index(row.kind))
    cells = tuple(Cell(row.path, row.value, row.dimension, span=_span(row, device, loaded)) for row in rows)
    is_count = group == "compute" and name.endswith(".cores")
    return Parameter(name, group, cells, worst.kind, worst.source, worst.note, _uncertainty(name, group, device), is_count)


def _span(row: FigureRow, device: DeviceSpec, loaded: LoadedScenario) -> float | None:
    """Of a trip point its height above the ambient temperature; of the ambient temperature its distance from the lowest trip point."""
    if row.dimension != "temperature":
        return None
    ambient_c = float(device.default_ambient_c if loaded.scenario.ambient_c is None else loaded.scenario.ambient_c)
    if row.path != "default_ambient":
        return max(row.value - ambient_c, 1.0)
    trips = [float(trip.temperature_c) - ambient_c for trip in device.thermal.trips]
    return max(min(trips), 1.0) if trips else _NO_TRIP_SPAN_K


def _uncertainty(name: str, group: str, device: DeviceSpec) -> Range | None:
    """What predictions of energy were off by, for what energy is proportional to."""
    if group != "power" and not (group == "radio" and name.endswith(("_power", "energy_per_byte"))):
        return None
    unit = next((unit for unit in device.units if name.startswith(f"units.{unit}.")), None)
    if unit is not None and not name.endswith((".dynamic_capacitance", ".operation_energy")):
        return None  # what is off by so much is the energy of a run, nearly all of which these two make
    own = residuals().find("energy", "rest", "rest", ANY, ZERO_SHOT) if unit is None else unit_residuals(device.units[unit], "energy")
    return _range(own)


def _range(own: Residuals) -> Range:
    low, high = np.exp(own.interval())
    return Range(float(low), float(high), f"energies measured: {own.of} ({own.count})" if own.count else own.of)


def _runtimes(loaded: LoadedScenario) -> list[str]:
    """That may run on the device: its own, and those the scenario names."""
    scenario = loaded.scenario
    named = [scenario.runtime, *(use.runtime for use in scenario.models.values())]
    return [*loaded.device.runtimes, *(name for name in named if name)]


def used_units(loaded: LoadedScenario, programs: Iterable[Program]) -> frozenset[str]:
    """Units whose speed counts: those that run something; all of them where a placement weighs them against each other."""
    if any(use.placement.policy != "prefer" for use in loaded.scenario.models.values()):
        return frozenset(loaded.device.units)
    return frozenset(segment.unit for program in programs for segment in program.segments)


def unused(parameters: Iterable[Parameter], device: DeviceSpec, used: Collection[str]) -> tuple[Parameter, ...]:
    """Parameters that only say how units run that run nothing. Their clocks, cores and rates stay: by those a runtime picks the units it prefers."""
    domains = {device.units[name].domain for name in used} | {device.memory.domain}
    idle = [f"units.{name}." for name in device.units if name not in used]
    asleep = [f"domains.{name}." for name in device.domains if name not in domains]
    return tuple(
        parameter
        for parameter in parameters
        if (parameter.name.startswith(tuple(idle)) and (parameter.name.endswith(_OF_RUNNING) or _OF_LAW.search(parameter.name)))
        or (parameter.name.startswith(tuple(asleep)) and parameter.name.endswith(("voltage", "transition_latency")))
    )


def _means(entry: str, parameter: Parameter) -> bool:
    plain, name = _plain(entry), parameter.name
    if plain in (parameter.group, parameter.kind, name, parameter.label) or name.startswith(plain + ".") or parameter.label.startswith(plain + "."):
        return True
    if fnmatchcase(name, plain):
        return True
    return any(_dotted(cell.path) == _dotted(plain) for cell in parameter.cells)


def _plain(entry: str) -> str:
    """Without ``device.``, which a scenario's paths begin with."""
    plain = entry.strip().removeprefix("device.")
    return "ambient" if plain == "default_ambient" else plain


def _dotted(path: str) -> str:
    """Positions as the scenario writes them: ``operating_points.0.frequency``."""
    return path.replace("[", ".").replace("]", "")
