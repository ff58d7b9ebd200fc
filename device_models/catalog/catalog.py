"""Where the shipped catalogue is, and its files as typed objects. User files are read by the scenario loader instead."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from device_models.cost_classes import CostClass, read_cost_classes
from device_models.residuals import ANY, Residuals, ResidualTable, read_residuals, regime_of
from device_models.spec import DeviceSpec, UnitSpec

CATALOG = Path(__file__).resolve().parent


def device_names() -> tuple[str, ...]:
    """Names of the shipped devices, sorted."""
    return tuple(sorted(path.stem for path in (CATALOG / "devices").glob("*.yaml")))


def device_path(name: str) -> Path:
    """The file of a shipped device. Raises KeyError for a name that is not shipped."""
    if name not in device_names():
        raise KeyError(name)
    return CATALOG / "devices" / f"{name}.yaml"


@cache
def load_device(name: str) -> DeviceSpec:
    """A shipped device. Raises KeyError for an unknown name."""
    return read_device(_read(device_path(name)))


def read_device(raw: dict[str, Any]) -> DeviceSpec:
    """A device from parsed YAML. Raises pydantic's ValidationError (a ValueError) with every mistake."""
    return DeviceSpec.model_validate(raw)


@cache
def cost_classes() -> dict[str, CostClass]:
    """Structural parameters of the cost laws by unit class."""
    return read_cost_classes(_read(CATALOG / "cost_classes.yaml"))


@cache
def residuals() -> ResidualTable:
    """How far off predictions were, by law, number format and regime."""
    return read_residuals(_read(CATALOG / "residuals.yaml"))


@cache
def calibration_priors() -> dict[str, Any]:
    """What measurements may change about a unit, by cost law: parsed ``calibration.yaml``."""
    return _read(CATALOG / "calibration.yaml")


def unit_residuals(unit: UnitSpec, quantity: str = "latency", numbers: str = ANY) -> Residuals:
    """What predictions of a unit are off by: ``latency``, ``tokens`` or ``energy``, of ``float`` or ``int8`` networks or of any."""
    known = cost_classes().get(unit.cost_class)
    return residuals().find(quantity, unit.cost_class, ANY if known is None else known.form, numbers, regime_of(unit))


@cache
def sources() -> dict[str, str]:
    """Source key -> full citation."""
    return dict(_read(CATALOG / "sources.yaml"))


@cache
def cooling_variants(file: str) -> dict[str, dict[str, Any]]:
    """Cooling variants of ``catalog/cooling/FILE.yaml``: name -> raw description. Raises ValueError for an unknown file."""
    known = sorted(path.stem for path in (CATALOG / "cooling").glob("*.yaml"))
    if file not in known:
        raise ValueError(f"no cooling variants {file!r}; known: {', '.join(known)}")
    rows: Any = _read(CATALOG / "cooling" / f"{file}.yaml")
    return {row["name"]: {"description": row["title"], **row["thermal"]} for row in rows}


def _read(path: Path) -> dict[str, Any]:
    """Shipped files are trusted, so the fast C loader serves; PyYAML is imported late to keep ``--help`` quick."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with path.open(encoding="utf-8") as file:
        raw: dict[str, Any] = yaml.load(file, Loader=loader)  # a safe loader either way
    return raw
