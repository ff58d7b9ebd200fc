"""The scenario of a run as a file that runs again: overrides applied, defaults left out, paths from where the file is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from device_models.figure import Figure, Quantity
from device_models.units import DIMENSIONS
from sim.scenario.accuracy import AccuracyUse
from sim.scenario.adaptive import RowUse, StageExit
from sim.scenario.charging import ChargingProfile
from sim.scenario.compression import DistillOptions, MixedPrecisionOptions, QuantizeOptions
from sim.scenario.files import is_device_file, is_model_file
from sim.scenario.generation import TraceTokens
from sim.scenario.model import ModelUse, Scenario, TraceArrivals
from sim.scenario.positions import Path as YamlPath
from sim.scenario.spiking import ToSpikingOptions

_WITH_FILES = TraceArrivals | ChargingProfile | AccuracyUse | QuantizeOptions | MixedPrecisionOptions | ToSpikingOptions | TraceTokens


def scenario_text(scenario: Scenario, directory: Path, folder: Path) -> str:
    """YAML that :func:`sim.scenario.loading.load_scenario` reads as the same scenario from a file in ``folder``.

    ``directory``: where the scenario's relative paths are looked for.
    """
    move = _Moved(directory, folder)
    return "\n".join(_lines(_data(scenario, move), 0)) + "\n"


def moved_paths(scenario: Scenario, directory: Path, folder: Path) -> dict[YamlPath, str]:
    """Where a scenario names files by relative paths -> how they read from ``folder`` instead of ``directory``."""
    return dict(_differences(_data(scenario, _Moved(directory, directory)), _data(scenario, _Moved(directory, folder)), ()))


def _differences(here: Any, there: Any, path: YamlPath) -> Iterator[tuple[YamlPath, str]]:
    if isinstance(here, dict):
        for key, value in here.items():
            yield from _differences(value, there[key], (*path, key))
    elif isinstance(here, list):
        for index, value in enumerate(here):
            yield from _differences(value, there[index], (*path, index))
    elif here != there:
        yield path, there


def _data(scenario: Scenario, move: _Moved) -> dict[str, Any]:
    data: dict[str, Any] = _plain(scenario, move)
    if isinstance(scenario.device, str) and is_device_file(scenario.device):
        data["device"] = move.path(scenario.device)
    elif isinstance(scenario.device, dict) and is_device_file(str(scenario.device.get("base", ""))):
        data["device"] = {**data["device"], "base": move.path(str(scenario.device["base"]))}
    return data


class _Moved:
    """Relative paths as they read from another folder."""

    def __init__(self, directory: Path, folder: Path) -> None:
        self._directory, self._folder = directory.resolve(), folder.resolve()

    def path(self, text: str) -> str:
        return text if os.path.isabs(text) else os.path.relpath(self._directory / text, self._folder)

    def source(self, text: str) -> str:
        return self.path(text) if is_model_file(text) else text


def _plain(part: Any, move: _Moved) -> Any:
    """A part of the scenario under its YAML keys; quantities with their SI unit."""
    if isinstance(part, BaseModel):
        return dict(_fields(part, move))
    if isinstance(part, dict):
        return {str(key): _plain(value, move) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(value, move) for value in part]
    return part


def _fields(part: BaseModel, move: _Moved) -> Iterator[tuple[str, Any]]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if name not in part.model_fields_set or value is None:
            continue
        if isinstance(value, Figure):
            dimension = DIMENSIONS[_dimension(field)]
            value = float(value) if dimension.bare_number else f"{float(value)!r} {dimension.si}"
        elif isinstance(part, ModelUse | DistillOptions) and name in ("source", "student"):
            value = move.source(value)
        elif (isinstance(part, _WITH_FILES) and name in ("file", "dataset", "calibration")) or (isinstance(part, RowUse | StageExit) and name == "trace"):
            value = move.path(value)
        yield field.alias or name, _plain(value, move)


def _dimension(field: FieldInfo) -> str:
    """Of a field that holds a quantity, perhaps an optional one."""
    parts = [*field.metadata, *(part for inner in get_args(field.annotation) for part in getattr(inner, "__metadata__", ()))]
    return next(part.dimension for part in parts if isinstance(part, Quantity))


def _lines(data: Any, depth: int) -> Iterator[str]:
    """Block mappings down to the innermost, which stand on a line as JSON (a subset of YAML)."""
    for key, value in data.items():
        indent, shown = "  " * depth, _key(key)
        if isinstance(value, dict) and any(isinstance(inner, dict | list) for inner in value.values()):
            yield f"{indent}{shown}:"
            yield from _lines(value, depth + 1)
        elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
            yield f"{indent}{shown}:"
            yield from (f"{indent}  - {_json(inner)}" for inner in value)
        else:
            yield f"{indent}{shown}: {_json(value)}"


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key[0].isalpha() and key not in ("true", "false", "null") else _json(key)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
