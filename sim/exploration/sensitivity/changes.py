"""A device with other numbers, as changes that a scenario file could make: (dotted path, plain YAML value).

Lists and tables are given whole, whatever short form the device's file has them in; figures as text with their SI unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from device_models.figure import Figure
from device_models.provenance import figures
from device_models.spec import DeviceSpec
from device_models.units import DIMENSIONS
from sim.runtime.climate import cooled
from sim.scenario.loading import LoadedScenario
from sim.scenario.model import Scenario

Changes = tuple[tuple[str, Any], ...]
# What is written as a whole: the shortest of these that begins a number's path.
_WHOLE = re.compile(
    r"units\..+?\.(?:core_speeds|macs_per_cycle|sparsity|parameters|structure|power\.idle_states|power\.operation_energy)(?=[.\[])"
    r"|domains\..+?\.operating_points|thermal\.(?:links|trips|fan)|battery|radios\.[^.]+(?=\.)"
)
_BATTERY_OF_SCENARIO = ("cell", "capacity", "resistance", "cutoff_voltage")
_BARE = ".parameters.", ".structure."  # numbers of the cost laws carry no unit


@dataclass(frozen=True)
class ChangedDevice:
    """Writes changed numbers of a scenario's device. ``device``: as it runs, with the scenario's cooling, battery and radios."""

    scenario: Scenario
    device: DeviceSpec
    own_cooling: str | None  # the variant that the device's own network describes

    @classmethod
    def of(cls, loaded: LoadedScenario) -> ChangedDevice:
        """Of a loaded scenario."""
        return cls(loaded.scenario, cooled(loaded.device, loaded.scenario), loaded.device.thermal.default_cooling)

    def changes(self, numbers: Mapping[str, float]) -> Changes:
        """What to change in the scenario so that its device has these SI ``numbers``. By paths of ``figures``; parameters of a unit's law may be new."""
        found: dict[str, Any] = {}
        for path, value in numbers.items():
            if path == "default_ambient":
                found["ambient"] = self._text(path, value)
            elif path.startswith("thermal.") and self._has_variant and not path.startswith("thermal.trips"):
                found["device.thermal.cooling"] = {str(self.scenario.cooling): self._variant(numbers)}
            else:
                found |= self._written(path, value, numbers)
        return tuple(found.items())

    @cached_property
    def dimensions(self) -> Mapping[str, str]:
        """Of every number of the device, by path."""
        return {row.path: row.dimension for row in figures(self.device)}

    @property
    def _has_variant(self) -> bool:
        """Whether the network is that of a variant the scenario chooses, rather than the device's own."""
        return self.scenario.cooling is not None and self.scenario.cooling != self.own_cooling

    def _written(self, path: str, value: float, numbers: Mapping[str, float]) -> dict[str, Any]:
        whole = _WHOLE.match(path)
        if whole is None:
            return {f"device.{path}": self._text(path, value)}
        part = whole[0]
        plain = self._plain(_at(self.device, part), part, numbers)
        if part.endswith(".parameters"):  # what the unit leaves to its class is written out beside what it states
            for other, number in numbers.items():
                if other.startswith(part + "."):
                    table, _, name = other.removeprefix(part + ".").rpartition(".")
                    plain.setdefault(table, {})[name] = number
        if part.startswith("radios."):
            return {part: plain}
        found = {f"device.{part}": plain}
        if part == "battery":
            found |= {f"battery.{key}": None for key in _BATTERY_OF_SCENARIO if key in self._battery_keys}
        return found

    @cached_property
    def _battery_keys(self) -> set[str]:
        """What the scenario says of the battery that the device's own description would lose to."""
        return set(self.scenario.battery.model_dump(mode="json", by_alias=True, exclude_none=True))

    def _variant(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """The scenario's cooling, written out as it changes the network."""
        thermal = self.device.thermal
        nodes = {name: f"thermal.nodes.{name}.heat_capacity" for name in thermal.nodes}
        capacities = {name: self._text(path, numbers.get(path, float(thermal.nodes[name].heat_capacity_j_per_k))) for name, path in nodes.items()}
        links = self._plain(thermal.links, "thermal.links", numbers)
        fan = {} if thermal.fan is None else {"fan": self._plain(thermal.fan, "thermal.fan", numbers)}
        return {"links": links, "heat_capacities": capacities, **fan}

    def _plain(self, value: Any, path: str, numbers: Mapping[str, float]) -> Any:
        """As plain data, with the changed numbers."""
        if isinstance(value, Figure):
            return self._text(path, numbers.get(path, float(value)))
        if isinstance(value, BaseModel):
            fields = {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}
            return {key: self._plain(part, f"{path}.{key}", numbers) for key, part in fields.items() if part is not None and part != ""}
        if isinstance(value, dict):
            return {key: self._plain(part, f"{path}.{key}", numbers) for key, part in value.items()}
        if isinstance(value, tuple):
            return [self._plain(part, f"{path}[{index}]", numbers) for index, part in enumerate(value)]
        return value

    def _text(self, path: str, value: float) -> str | float:
        """A number as YAML: with its SI unit, bare where it has none."""
        dimension = self.dimensions.get(path, "")
        if not dimension or DIMENSIONS[dimension].bare_number or any(part in path for part in _BARE):
            return value
        return f"{value!r} {DIMENSIONS[dimension].si}"


def _at(part: Any, path: str) -> Any:
    """The part of a device at a path; names of units and the like may have dots."""
    if not path:
        return part
    fields = part if isinstance(part, dict) else {field.alias or name: getattr(part, name) for name, field in type(part).model_fields.items()}
    key = max((key for key in fields if path == key or path.startswith(key + ".")), key=len)
    return _at(fields[key], path[len(key) + 1 :])
