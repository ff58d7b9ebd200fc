"""Radios of the catalogue, one YAML file each."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from device_models.radio import RadioSpec

_FOLDER = Path(__file__).resolve().parent


@cache
def radio_names() -> tuple[str, ...]:
    """Names of the shipped radios, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def radio(name: str) -> RadioSpec:
    """A radio by name. Raises FileNotFoundError for an unknown one."""
    import yaml

    return RadioSpec.model_validate(yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
