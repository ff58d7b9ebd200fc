"""Metrics as self-describing data: every number as ``{"value": ..., "unit": ...}``, the unit taken from the field's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

# longest first, because "_per_j" ends like "_j" and "_per_w" might come
UNITS = {
    "_currency_per_h": "currency/h",
    "_bytes_per_s": "B/s",
    "_currency": "currency",
    "_per_j": "1/J",
    "_bytes": "B",
    "_count": "1",
    "_ratio": "1",
    "_index": "1",
    "_hz": "Hz",
    "_s": "s",
    "_j": "J",
    "_w": "W",
    "_v": "V",
    "_ah": "Ah",
    "_c": "degC",
}


def unit_of(name: str) -> str | None:
    """The unit a field's name states, or None: the value is no quantity."""
    return next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), None)


def described(thing: Any, name: str = "") -> Any:
    """Plain data of a dataclass, mapping or value; keys lose the unit's suffix, numbers gain the unit. Unknown is null.

    Raises ValueError for a number whose name states no unit: it would be a number nobody can read.
    """
    if is_dataclass(thing) and not isinstance(thing, type):
        data = {_key(field.name): described(getattr(thing, field.name), field.name) for field in fields(thing)}
        if len(data) < len(fields(thing)):
            raise ValueError(f"{type(thing).__name__} has two fields that differ only in their unit")
        return data
    if isinstance(thing, Mapping):
        return {str(key): described(value, name) for key, value in thing.items()}
    if isinstance(thing, (bool, str)):
        return thing
    unit = unit_of(name)
    if thing is None:
        return {"value": None, "unit": unit} if unit else None
    if isinstance(thing, int | float):
        if unit is None:
            raise ValueError(f"the number {name!r} has no unit in its name")
        return {"value": _plain(thing), "unit": unit}
    if isinstance(thing, tuple | list):
        if unit is not None:
            return {"value": [_plain(value) for value in thing], "unit": unit}
        return [described(value, name) for value in thing]
    raise TypeError(f"{name}: {type(thing).__name__} cannot be written as a quantity")


def flattened(data: Any, path: str = "") -> Iterator[tuple[str, float | None, str]]:
    """``(path, value, unit)`` of every single quantity in described data."""
    if isinstance(data, Mapping):
        if {"value", "unit"} <= set(data):
            if not isinstance(data["value"], list):
                yield path, data["value"], str(data["unit"])
            return
        for key, value in data.items():
            yield from flattened(value, f"{path}.{key}" if path else str(key))


def bounds(data: Any, path: str = "") -> Iterator[tuple[str, float, float]]:
    """``(path, low, high)`` of every quantity in described data that states what it may be."""
    if isinstance(data, Mapping):
        if {"low", "high", "value"} <= set(data):
            yield path, data["low"], data["high"]
            return
        for key, value in data.items():
            yield from bounds(value, f"{path}.{key}" if path else str(key))


def _key(name: str) -> str:
    suffix = next((suffix for suffix in UNITS if name.endswith(suffix)), "")
    return name if suffix.startswith("_per_") else name.removesuffix(suffix)  # "inferences" alone would be another thing


def _plain(value: Any) -> int | float | None:
    """A JSON number; what is not finite is unknown, because JSON has no word for it."""
    number = value if isinstance(value, int) else float(value)
    return number if number == number and abs(number) != float("inf") else None
