"""Values of axes as numbers, so that 600 MHz comes before 1 GHz."""

from __future__ import annotations

import re
from functools import lru_cache

from device_models.units import DIMENSIONS

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.{0,15})?\s*")


def quantity(value: object) -> float | int | None:
    """The SI value of a number or of text such as ``"600 MHz"``; None for other text."""
    if isinstance(value, int | float):
        return value
    return _si(value) if isinstance(value, str) and len(value) <= 60 else None


@lru_cache(maxsize=4096)
def _si(text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    number, unit = float(match[1].replace("_", "")), (match[2] or "").strip()
    if not unit:
        return number
    return next((number * kind.units[unit] for kind in DIMENSIONS.values() if unit in kind.units), None)
