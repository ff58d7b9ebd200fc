"""A scenario file, text or mapping as a validated :class:`LoadedScenario`; every mistake found is reported at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from device_models.spec import DeviceSpec
from sim.errors import EdgesimError, Problem
from sim.scenario.adaptive import exits_files, stage_files
from sim.scenario.battery_choice import with_battery
from sim.scenario.charging import ChargingProfile
from sim.scenario.checks import Known, check_scenario
from sim.scenario.compression import MixedPrecisionOptions, QuantizeOptions
from sim.scenario.device_file import resolve_device
from sim.scenario.files import digest, is_model_file
from sim.scenario.model import Scenario, TraceArrivals
from sim.scenario.overrides import apply_overrides
from sim.scenario.positions import Place, Places
from sim.scenario.radio_choice import with_radios
from sim.scenario.schema_problems import schema_problems
from sim.scenario.yaml_source import YamlDocument, parse_yaml, read_yaml


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario, the device it resolves to, and where it came from.

    ``directory``: relative files are looked for there. ``places``: where each value was written, for what is found wrong later.
    """

    scenario: Scenario
    device: DeviceSpec
    directory: FilePath
    file: str
    places: Places = field(default_factory=Places, repr=False, compare=False)

    def canonical(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON-able data: two scenarios with equal data give equal results.

        The device is resolved, quantities are SI numbers, files stand as SHA-256 of their content; description, optimize, sweep and search are left out.
        """
        scenario = self.scenario.model_dump(mode="json", by_alias=True, exclude={"description", "device", "optimize", "sweep", "search"})
        device = self.device.model_dump(mode="json", by_alias=True)
        return {"scenario": scenario, "device": device, "files": {name: digest(self.directory / name) for name in self._files()}}

    def canonical_text(self) -> str:
        """:meth:`canonical` as one line of JSON; names keep their order, because ties are broken by it."""
        return json.dumps(self.canonical(), separators=(",", ":"), allow_nan=False)

    def _files(self) -> list[str]:
        sources = [model.source for model in self.scenario.models.values() if model.source]
        models = [source for source in sources if is_model_file(source) or (self.directory / source).is_file()]
        traces = [workload.arrival.file for workload in self.scenario.workloads.values() if isinstance(workload.arrival, TraceArrivals)]
        profiles = [self.scenario.charging.file] if isinstance(self.scenario.charging, ChargingProfile) else []
        datasets = [model.accuracy.dataset for model in self.scenario.models.values() if model.accuracy]
        steps = [step.options for model in self.scenario.models.values() for step in model.compress]
        samples = [step.calibration for step in steps if isinstance(step, QuantizeOptions | MixedPrecisionOptions) and step.calibration]
        recorded = [name for model in self.scenario.models.values() for name in exits_files(model.exits)]
        recorded += [name for workload in self.scenario.workloads.values() for stage in workload.pipeline for name in stage_files(stage)]
        return sorted({*models, *recorded, *traces, *profiles, *datasets, *(name for name in samples if (self.directory / name).is_file())})


def load_scenario(
    source: str | FilePath | Mapping[str, Any],
    *,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    known: Known | None = None,
    directory: str | FilePath | None = None,
) -> LoadedScenario:
    """Load and check a scenario.

    ``source``: a path, YAML text (anything with a line break), or a mapping. ``overrides``: ``PATH=VALUE`` texts, applied in
    order. ``seed``: replaces the scenario's. ``known``: names of zoo models, runtimes and policies, checked where given.
    ``directory``: where relative files are; the scenario's folder, or the current one, if absent.
    Raises EdgesimError with all problems found.
    """
    return loaded_scenario(read_source(source, overrides, seed), known, directory)


def loaded_scenario(read: Read, known: Known | None = None, directory: str | FilePath | None = None) -> LoadedScenario:
    """What was read, checked; see :func:`load_scenario`. Raises EdgesimError with all problems found."""
    folder = read.directory if directory is None else FilePath(directory)
    scenario, device, found = _validated(read.data, read.places, known or Known(), folder)
    if read.problems or found or scenario is None or device is None:
        raise EdgesimError(in_order(read.problems, found))
    return LoadedScenario(scenario, device, folder, read.file, read.places)


@dataclass(frozen=True)
class Read:
    """The plain data of a file, text or mapping, with changes asked for on the command line, and what was wrong in reading them."""

    data: Any
    places: Places
    problems: list[Problem]
    file: str
    directory: FilePath


def read_source(
    source: str | FilePath | Mapping[str, Any],
    overrides: Iterable[str] = (),
    seed: int | None = None,
    model: Callable[[Any], type[BaseModel]] = lambda data: Scenario,
) -> Read:
    """Read without judging what it means; see :func:`load_scenario`. ``model``: what the plain data are to become."""
    document, file, folder = _read(source)
    data, places, problems = document.data, document.places, list(document.problems)
    problems += apply_overrides(data, places, overrides, model(data))
    if seed is not None and isinstance(data, dict):
        data["seed"] = seed
        places.replace(("seed",), Places.everywhere(seed, Place("--seed", below=("seed",)), ("seed",)))
    return Read(data, places, problems, file, folder)


def _read(source: str | FilePath | Mapping[str, Any]) -> tuple[YamlDocument, str, FilePath]:
    if isinstance(source, Mapping):
        data = _checked_mapping(source)
        return YamlDocument(data, Places.everywhere(data, Place())), "", FilePath()
    if isinstance(source, str) and "\n" in source:
        return parse_yaml(source, "<text>"), "<text>", FilePath()
    path = FilePath(source)
    return read_yaml(path, str(source)), str(source), path.parent


def _checked_mapping(source: Mapping[str, Any]) -> Any:
    try:
        data = _plain(source)
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise EdgesimError(f"the scenario is not plain data: {error}") from None
    return data


def _plain(value: Any) -> Any:
    """A copy as YAML would give it: keys are text, sequences are lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _validated(data: Any, places: Places, known: Known, folder: FilePath) -> tuple[Scenario | None, DeviceSpec | None, list[Problem]]:
    scenario, device, problems = None, None, list[Problem]()
    try:
        scenario = Scenario.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += schema_problems(error, Scenario, places)
    if isinstance(data, dict):
        wrong = {(problem.file, problem.line, problem.column, problem.path) for problem in problems}
        device, of_device = resolve_device(data.get("device"), places, folder, known)
        checked = [*of_device, *check_scenario(data, places, device, known, folder)]
        problems += [problem for problem in checked if (problem.file, problem.line, problem.column, problem.path) not in wrong]
    if scenario is not None and device is not None:
        device, of_battery = with_battery(device, scenario, places, folder)
        problems += of_battery
    if isinstance(data, dict) and device is not None:
        device, of_radios = with_radios(device, data.get("radios"), places)
        problems += of_radios
    return scenario, device, problems


def in_order(of_text: list[Problem], of_meaning: list[Problem]) -> list[Problem]:
    """By file and place, each once; what could not be read as YAML is not also reported as a wrong value."""
    unreadable = {(problem.file, problem.line, problem.column) for problem in of_text if problem.line}
    kept = [problem for problem in of_meaning if (problem.file, problem.line, problem.column) not in unreadable]
    return sorted(dict.fromkeys([*of_text, *kept]), key=lambda problem: (problem.file, problem.line, problem.column))
