"""Cells of the catalogue, one YAML file each: what ``battery: {cell: NAME}`` stands for."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent


@cache
def cell_names() -> tuple[str, ...]:
    """Names of the shipped cells, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def cell_data(name: str) -> dict[str, Any]:
    """A cell as it stands in its file, to change freely. Raises FileNotFoundError for an unknown name."""
    return copy.deepcopy(_read(name))


@cache
def _read(name: str) -> dict[str, Any]:
    import yaml

    raw: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return raw
