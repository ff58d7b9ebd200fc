"""Checks of what may be tried: models that exist and are not trained, runtimes and units by name, files that are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import get_args

from device_models.spec import DeviceSpec, UnitSpec
from sim.scenario.files import missing_file
from sim.scenario.known import Finding, Known, near, unknown_name
from sim.scenario.raw import Raw

_UNIT_KINDS = frozenset(get_args(UnitSpec.model_fields["kind"].annotation))
_WITH_DATA = ("quantize", "mixed_precision", "to_spiking")  # techniques of compression that may name calibration data


def optimize_findings(root: Raw, device: DeviceSpec | None, known: Known, directory: FilePath) -> Iterator[Finding]:
    """Everything wrong with ``optimize``. A runtime or kind of unit that this device lacks is no mistake: such a step is skipped."""
    section = root.get("optimize")
    if section.value is None:
        return
    models = root.get("models")
    yield from _chosen(section.get("models"), models)
    for technique in section.get("techniques").entries():
        yield from _chosen(technique.get("models"), models)
        yield from _technique(technique, device, known, directory)


def _chosen(names: Raw, models: Raw) -> Iterator[Finding]:
    for name in names.entries():
        yield from unknown_name(name, "model", models.keys())
        if models.get(name.text() or "").get("training").value is not None:
            yield Finding(name.path, f"{name.text()!r} is trained on the device, and a step of training is as it is; optimize models that only answer")


def _technique(technique: Raw, device: DeviceSpec | None, known: Known, directory: FilePath) -> Iterator[Finding]:
    for runtime in _each(technique.get("runtime")):
        yield from unknown_name(runtime, "runtime", known.runtimes)
    for placement in _each(technique.get("placement")):
        for unit in (*placement.get("prefer").entries(), *(unit for _, unit in placement.get("fixed").items())):
            yield from _unit(unit, device)
    for step in _each(technique.get("compress")):
        for name in _WITH_DATA:
            data = step.get(name).get("calibration")
            if (text := data.text()) and (problem := missing_file(directory / text)):
                yield Finding(data.path, problem)
    for change in _each(technique.get("set")):
        if not change.keys() and isinstance(change.value, dict):
            yield Finding(change.path, "changes nothing; give PATH: VALUE, such as {governors.cpu: powersave}")
        for path, value in change.items():
            if path.split(".")[0] == "optimize":
                yield Finding(value.path, "what is tried cannot change what may be tried", at_key=True)


def _each(raw: Raw) -> list[Raw]:
    """The alternatives of a technique, or its one value."""
    return raw.entries() if isinstance(raw.value, list | tuple) else [] if raw.value is None else [raw]


def _unit(unit: Raw, device: DeviceSpec | None) -> Iterator[Finding]:
    name = unit.text()
    if device is not None and name is not None and name not in device.units and name not in _UNIT_KINDS:
        yield Finding(unit.path, f"{device.name} has no unit {name!r}; {near(name, {*_UNIT_KINDS, *device.units})}")
