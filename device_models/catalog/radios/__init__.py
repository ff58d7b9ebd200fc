"""Radios of the catalogue, one YAML file each: what ``radios: {wifi: NAME}`` stands for."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

from device_models.radio import RadioSpec

_FOLDER = Path(__file__).resolve().parent


@cache
def radio_names() -> tuple[str, ...]:
    """Names of the shipped radios, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def radio(name: str) -> RadioSpec:
    """A radio by name. Raises FileNotFoundError for an unknown one."""
    return RadioSpec.model_validate(_read(name))


def radio_data(name: str) -> dict[str, Any]:
    """A radio as it stands in its file, to change freely. Raises FileNotFoundError for an unknown name."""
    return copy.deepcopy(_read(name))


@cache
def _read(name: str) -> dict[str, Any]:
    import yaml

    raw: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return raw
