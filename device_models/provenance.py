"""Every number of a device with its source, for people and for checks."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel

from device_models.figure import Figure, Quantity


class FigureRow(NamedTuple):
    """One number: where it is in the device, its SI value, dimension (a key of ``units.DIMENSIONS``) and provenance."""

    path: str
    value: float
    dimension: str
    kind: str
    source: str
    note: str


def figures(part: BaseModel) -> list[FigureRow]:
    """All figures of a device (or of a part of one, such as a battery) in the order of its fields; paths use the YAML keys (``units.cpu.power.leakage``)."""
    rows: list[FigureRow] = []
    _collect(part, "", rows)
    return rows


def _collect(part: BaseModel, prefix: str, rows: list[FigureRow]) -> None:
    for name, field in type(part).model_fields.items():
        dimension = next((item.dimension for item in field.metadata if isinstance(item, Quantity)), None) or _inner_dimension(field.annotation)
        _visit(getattr(part, name), f"{prefix}{field.alias or name}", dimension, rows)


def _visit(value: object, path: str, dimension: str, rows: list[FigureRow]) -> None:
    if isinstance(value, Figure):
        rows.append(FigureRow(path, float(value), dimension, value.kind, value.source, value.note))
    elif isinstance(value, BaseModel):
        _collect(value, f"{path}.", rows)
    elif isinstance(value, dict):
        for key, item in value.items():
            _visit(item, f"{path}.{key}", _parameter_dimension(key) if ".parameters." in path else dimension, rows)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            _visit(item, f"{path}[{index}]", dimension, rows)


def _parameter_dimension(name: str) -> str:
    """What a cost parameter measures, by the unit at the end of its name; factors are plain numbers."""
    endings = {"_bytes_per_s": "bandwidth", "_per_cycle": "count", "_s": "time"}
    return next((dimension for ending, dimension in endings.items() if name.endswith(ending)), "count")


def _inner_dimension(annotation: object) -> str:
    """The dimension of figures inside ``X | None`` or ``dict[..., X]``; a plain ratio if the field names none."""
    for item in getattr(annotation, "__metadata__", ()):
        if isinstance(item, Quantity):
            return item.dimension
    for inner in getattr(annotation, "__args__", ()):
        found = _inner_dimension(inner)
        if found:
            return found
    return ""
