"""One axis of a search's space: the values it may take, as a scenario writes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from device_models.units import DIMENSIONS

PARTS = 100  # equal steps of a range that names none
MOST_VALUES = 10_000
_RANGE = re.compile(r"\s*range\(\s*(-?\d{1,18})\s*(?:,\s*(-?\d{1,18})\s*)?(?:,\s*(-?\d{1,18})\s*)?\)\s*")
_QUANTITY = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s]\S*)?\s*")
_KEYS = ("from", "to", "step", "count", "scale", "choices", "when")


@dataclass(frozen=True)
class SearchAxis:
    """``values``: plain YAML values, in their order. ``is_ordered``: neighbours are alike. ``when``: another axis's path and those of its values
    with which there is anything to choose here; None: always."""

    path: str
    values: tuple[Any, ...]
    is_ordered: bool
    when: tuple[str, tuple[Any, ...]] | None = None


def is_architecture(raw: Any) -> bool:
    """Whether an entry of the space stands for the choices of a space of architectures."""
    return isinstance(raw, Mapping) and "architecture" in raw


def parsed_axis(path: str, raw: Any) -> SearchAxis:
    """An axis from plain data. Raises ValueError that says what is wrong with it."""
    if isinstance(raw, str) and (match := _RANGE.fullmatch(raw)):
        return SearchAxis(path, _checked(_python_range(match)), True)
    if isinstance(raw, list | tuple):
        return SearchAxis(path, _checked(list(raw)), _is_rising(raw))
    if isinstance(raw, str) and raw.startswith("range("):
        raise ValueError(f"{_shown(raw)} is no range of whole numbers; between braces a comma ends a value: write it in quotes, 'range(1, 5)'")
    if not isinstance(raw, Mapping):
        raise ValueError(f"expected a list of values, range(N), or {{from: ..., to: ...}}; got {_shown(raw)}")
    unknown = [key for key in raw if key not in _KEYS]
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; an axis has {', '.join(_KEYS)}; a subtree as a value is an entry of a list: [{{...}}, {{...}}]")
    when = _when(raw["when"]) if "when" in raw else None
    if "choices" in raw:
        if any(key in raw for key in ("from", "to", "step", "count", "scale")):
            raise ValueError("choices and a range exclude each other")
        inner = parsed_axis(path, raw["choices"])
        return SearchAxis(path, inner.values, inner.is_ordered, when)
    return SearchAxis(path, _checked(_range(raw)), True, when)


def same_value(left: Any, right: Any) -> bool:
    """Whether two plain values are written alike; 1 and true are not."""
    return value_key(left) == value_key(right)


def value_key(value: Any) -> str:
    """Text that is equal for equal plain values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _checked(values: list[Any]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("an axis without values: give at least one")
    if len(values) > MOST_VALUES:
        raise ValueError(f"{len(values):,} values; at most {MOST_VALUES:,}: take a larger step")
    seen: set[str] = set()
    for value in values:
        if value_key(value) in seen:
            raise ValueError(f"{_shown(value)} is given twice")
        seen.add(value_key(value))
    return tuple(values)


def _when(raw: Any) -> tuple[str, tuple[Any, ...]]:
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise ValueError("when: takes one axis and its value or values, such as {models.detector.precision: int8}")
    path, wanted = next(iter(raw.items()))
    values = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
    if not values:
        raise ValueError(f"when: no value of {path} is named, so that there is never anything to choose")
    return str(path), values


def _python_range(match: re.Match[str]) -> list[Any]:
    numbers = [int(text) for text in match.groups() if text is not None]
    if len(numbers) == 3 and numbers[2] == 0:
        raise ValueError("range with a step of 0")
    found = range(*numbers)
    return list(found[: MOST_VALUES + 1])


def quantity_range(raw: Mapping[str, Any]) -> tuple[float, float, str, bool, bool]:
    """``{from, to, scale}`` as low and high in the unit of the first, that unit, whether it is logarithmic, and whether of whole numbers.

    Raises ValueError that says what is wrong with it.
    """
    low, high, _, is_log, whole = _bounds(raw)
    return low.number, high.number, low.unit, is_log, whole


def _range(raw: Mapping[str, Any]) -> list[Any]:
    low, high, step, is_log, whole = _bounds(raw)
    if step is not None:
        numbers = _stepped(low.number, high.number, step.number)
    else:
        numbers = _parted(low.number, high.number, raw.get("count"), "log" if is_log else "linear")
    if whole:
        return list(dict.fromkeys(round(number) for number in numbers))
    return [low.written(number) for number in numbers]


def _bounds(raw: Mapping[str, Any]) -> tuple[_Number, _Number, _Number | None, bool, bool]:
    """Low, high, step if there is one, whether the scale is logarithmic, whether whole numbers are meant."""
    missing = [key for key in ("from", "to") if key not in raw]
    if missing:
        raise ValueError(f"{missing[0]!r} is missing: a range is {{from: ..., to: ..., step: ..., scale: linear or log}}, choices are a list")
    scale = raw.get("scale", "linear")
    if scale not in ("linear", "log"):
        raise ValueError(f"scale {_shown(scale)}; it is linear or log")
    if "step" in raw and ("count" in raw or scale == "log"):
        raise ValueError("a range with a step has no count, and its scale is linear")
    low, high, *steps = _same_unit([raw["from"], raw["to"], *([raw["step"]] if "step" in raw else [])])
    if high.number <= low.number:
        raise ValueError(f"from {_shown(raw['from'])} to {_shown(raw['to'])}: an empty range; from has to be less than to")
    if scale == "log" and low.number <= 0:
        raise ValueError(f"from {_shown(raw['from'])}: a logarithmic range begins above 0")
    whole = all(isinstance(raw[key], int) and not isinstance(raw[key], bool) for key in ("from", "to", *(["step"] if steps else [])))
    return low, high, steps[0] if steps else None, scale == "log", whole


@dataclass(frozen=True)
class _Number:
    number: float  # in ``unit``
    unit: str

    def written(self, number: float) -> Any:
        short = float(f"{number:.9g}")
        if not self.unit:
            return short
        return f"{int(short) if short.is_integer() and abs(short) < 1e15 else short!r} {self.unit}"


def _same_unit(raws: list[Any]) -> list[_Number]:
    """All in the unit of the first."""
    read = [_number(raw) for raw in raws]
    first = read[0]
    found = []
    for raw, number in zip(raws, read, strict=True):
        if number.unit == first.unit or (number.number == 0 and not number.unit):
            found.append(_Number(number.number, first.unit))
            continue
        kind = next((kind for kind in DIMENSIONS.values() if number.unit in kind.units and first.unit in kind.units), None)
        if kind is None:
            raise ValueError(f"{_shown(raw)} and {_shown(raws[0])} have no unit in common")
        found.append(_Number(number.number * kind.units[number.unit] / kind.units[first.unit], first.unit))
    return found


def _number(raw: Any) -> _Number:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return _Number(float(raw), "")
    match = _QUANTITY.fullmatch(raw) if isinstance(raw, str) and len(raw) < 60 else None
    unit = "" if match is None else match[2] or ""
    if match is None or (unit and not any(unit in kind.units for kind in DIMENSIONS.values())):
        raise ValueError(f"{_shown(raw)} is no number, with or without a unit")
    return _Number(float(match[1].replace("_", "")), unit)


def _stepped(low: float, high: float, step: float) -> list[float]:
    if step <= 0:
        raise ValueError("the step of a range has to be more than 0")
    count = math.floor((high - low) / step * (1 + 1e-12) + 1e-9) + 1
    if count > MOST_VALUES:
        raise ValueError(f"{count:,} values; at most {MOST_VALUES:,}: take a larger step")
    return [low + index * step for index in range(count)]


def _parted(low: float, high: float, count: Any, scale: str) -> list[float]:
    points = PARTS + 1 if count is None else count
    if not isinstance(points, int) or isinstance(points, bool) or not 2 <= points <= MOST_VALUES:
        raise ValueError(f"count {_shown(count)}: a whole number from 2 to {MOST_VALUES:,}")
    shares = [index / (points - 1) for index in range(points)]
    if scale == "log":
        return [low * (high / low) ** share for share in shares]
    return [low + share * (high - low) for share in shares]


def _is_rising(raw: Any) -> bool:
    """Whether values are numbers or quantities in rising or falling order."""
    try:
        numbers = [number.number for number in _same_unit(list(raw))]
    except ValueError:
        return False
    pairs = list(pairwise(numbers))
    return len(numbers) > 1 and (all(left < right for left, right in pairs) or all(left > right for left, right in pairs))


def _shown(value: Any) -> str:
    text = value_key(value)
    return text if len(text) <= 60 else text[:57] + "..."
