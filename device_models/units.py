"""The one place with unit prefixes: text such as ``"1.2 GHz"`` in, SI floats out, and back for people to read.

Everything inside edgesim is SI: seconds, hertz, bytes, bytes per second, watts, joules, volts, coulombs, kelvin per watt.
Temperatures are degrees Celsius (``_c``): thermal laws that need kelvin convert themselves.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_ENGINEERING = {**_SMALL, **_DECIMAL}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


class UnitError(ValueError):
    """A quantity that cannot be read: says what is wrong and what would be right."""


@dataclass(frozen=True)
class Dimension:
    """A physical dimension: its SI name, accepted unit spellings (text -> factor), and an example for messages."""

    name: str
    si: str
    units: dict[str, float]
    example: str
    bare_number: bool = False  # a number without a unit is unambiguous (counts, ratios)


def _prefixed(symbols: dict[str, float], prefixes: dict[str, float]) -> dict[str, float]:
    return {prefix + symbol: scale * factor for symbol, factor in symbols.items() for prefix, scale in prefixes.items()}


_BYTES = {**_prefixed({"B": 1.0}, {**_DECIMAL, **_BINARY}), "byte": 1.0, "bytes": 1.0}
_BITS = _prefixed({"bit": 0.125, "b": 0.125}, {**_DECIMAL, **_BINARY})

DIMENSIONS: dict[str, Dimension] = {
    d.name: d
    for d in (
        Dimension(
            "time",
            "s",
            {
                **_prefixed({"s": 1.0}, _SMALL),
                "sec": 1.0,
                "min": 60.0,
                "h": 3600.0,
                "hour": 3600.0,
                "hours": 3600.0,
                "d": 86400.0,
                "day": 86400.0,
                "days": 86400.0,
                "year": 31557600.0,
                "years": 31557600.0,
            },
            "33 ms",
        ),
        Dimension(
            "frequency",
            "Hz",
            {**_prefixed({"Hz": 1.0, "/s": 1.0}, _ENGINEERING), "fps": 1.0, "rps": 1.0, "qps": 1.0, "/min": 1 / 60, "/h": 1 / 3600},
            "1.2 GHz",
        ),
        Dimension("bytes", "B", {**_BYTES, **{k: v for k, v in _BITS.items() if k.endswith("bit")}}, "64 MiB"),
        Dimension(
            "bandwidth",
            "B/s",
            {**{k + "/s": v for k, v in {**_BYTES, **_BITS}.items()}, **{k[:-1] + "bps": v for k, v in _BITS.items() if k.endswith("b")}},
            "25.6 GB/s",
        ),
        Dimension("compute_rate", "op/s", {**_prefixed({"OPS": 1.0, "FLOPS": 1.0, "FLOP/s": 1.0, "OP/s": 1.0, "MAC/s": 2.0}, _DECIMAL)}, "26 TOPS"),
        Dimension("power", "W", _prefixed({"W": 1.0}, _ENGINEERING), "3 W"),
        Dimension("energy", "J", {**_prefixed({"J": 1.0, "Wh": 3600.0}, _ENGINEERING)}, "3.2 pJ"),
        Dimension("energy_per_byte", "J/B", {**_prefixed({"J/B": 1.0, "J/byte": 1.0, "J/bit": 8.0, "J/b": 8.0}, _ENGINEERING)}, "32 pJ/B"),
        Dimension("voltage", "V", _prefixed({"V": 1.0}, _ENGINEERING), "0.85 V"),
        Dimension("current", "A", _prefixed({"A": 1.0}, _ENGINEERING), "120 mA"),
        Dimension("charge", "C", _prefixed({"Ah": 3600.0, "C": 1.0}, _ENGINEERING), "5000 mAh"),
        Dimension("resistance", "ohm", _prefixed({"ohm": 1.0, "Ohm": 1.0, "Ω": 1.0}, _ENGINEERING), "80 mohm"),
        Dimension("capacitance", "F", _prefixed({"F": 1.0}, _ENGINEERING), "1.2 nF"),
        Dimension("temperature", "degC", {"degC": 1.0, "°C": 1.0, "C": 1.0, "celsius": 1.0}, "25 degC"),
        Dimension("temperature_difference", "K", {"K": 1.0, "degC": 1.0, "°C": 1.0}, "2 K", bare_number=True),
        Dimension("thermal_resistance", "K/W", _prefixed({"K/W": 1.0, "degC/W": 1.0}, _ENGINEERING), "8 K/W"),
        Dimension("heat_capacity", "J/K", _prefixed({"J/K": 1.0, "J/degC": 1.0}, _ENGINEERING), "19 J/K"),
        Dimension("power_per_kelvin", "W/K", _prefixed({"W/K": 1.0, "W/degC": 1.0}, _ENGINEERING), "1.5 W/K"),
        Dimension("ratio", "1", {"%": 0.01, "": 1.0}, "80 %", bare_number=True),
        Dimension("count", "1", {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}, "4", bare_number=True),
    )
}
_QUANTITY = re.compile(r"^\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s].*?)?\s*$")


def parse_quantity(text: str | float, dimension: str) -> float:
    """Read a quantity as its SI value.

    ``text``: a number with a unit (``"1.2 GHz"``); a bare number only where the dimension has no unit or the value is 0.
    Raises :class:`UnitError` naming the unit that is wrong and one that would be right.
    """
    kind = DIMENSIONS[dimension]
    if isinstance(text, bool):
        raise UnitError(f"{str(text).lower()} is not a {_words(kind)}; write for example {kind.example!r}")
    if isinstance(text, int | float):
        return _bare(float(text), kind) if abs(text) < 1e300 else _bare(math.inf, kind)
    if len(text) > 100:  # also keeps hostile text from the regular expression
        raise UnitError(f"a text of {len(text):,} characters is not a {_words(kind)}; write for example {kind.example!r}")
    match = _QUANTITY.match(text)
    if match is None:
        raise UnitError(f"{text!r} is not a {_words(kind)}; write for example {kind.example!r}")
    number, unit = float(match[1].replace("_", "")), (match[2] or "")
    if not math.isfinite(number * kind.units.get(unit, 1.0)):
        raise UnitError(f"{text!r} is too large to be a {_words(kind)}")
    if not unit:
        return _bare(number, kind)
    if unit not in kind.units:
        raise UnitError(f"unit {unit!r} is not a unit of {_words(kind)}; write for example {kind.example!r}{_other_dimension(unit, dimension)}")
    return number * kind.units[unit]


def _bare(number: float, kind: Dimension) -> float:
    if not math.isfinite(number):
        raise UnitError(f"{number} is not a finite {_words(kind)}")
    if kind.bare_number or number == 0:
        return number
    raise UnitError(f"{number:g} has no unit; a {_words(kind)} needs one, for example {kind.example!r}")


def _words(kind: Dimension) -> str:
    return kind.name.replace("_", " ")


def _other_dimension(unit: str, wanted: str) -> str:
    others = [name.replace("_", " ") for name, kind in DIMENSIONS.items() if name != wanted and unit in kind.units and unit]
    return f" ({unit!r} is a unit of {others[0]})" if others else ""


_SHOWN = {
    "time": "s",
    "frequency": "Hz",
    "bytes": "B",
    "bandwidth": "B/s",
    "compute_rate": "OPS",
    "power": "W",
    "energy": "J",
    "energy_per_byte": "J/B",
    "voltage": "V",
    "current": "A",
    "charge": "C",
    "resistance": "ohm",
    "capacitance": "F",
}
_STEPS = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f")]


def format_quantity(value: float, dimension: str, digits: int = 3) -> str:
    """Write an SI value for people, with the prefix that leaves 1 to 999 before the point (bytes: binary prefixes)."""
    if value is None or math.isnan(value):
        return "unknown"
    if dimension == "ratio":
        return f"{100 * value:.{digits}g} %"
    if dimension == "count":
        return f"{value:g}"
    if dimension not in _SHOWN:
        return f"{value:.{digits}g} {DIMENSIONS[dimension].si}"
    symbol = _SHOWN[dimension]
    if value == 0:
        return f"0 {symbol}"
    if dimension == "bytes":
        return _format_bytes(value, digits)
    if dimension == "time" and abs(value) >= 1:
        return f"{_significant(value, digits)} s"
    for step, prefix in _STEPS:
        # a prefix that could not be read back is not written (half a byte a second is no millibyte)
        if abs(value) >= step * (1 - 0.5 * 10.0**-digits) and prefix + symbol in DIMENSIONS[dimension].units:
            return f"{_significant(value / step, digits)} {prefix}{symbol}"
    return f"{value:.{digits}g} {symbol}"


def _format_bytes(value: float, digits: int) -> str:
    for step, prefix in ((2.0**40, "Ti"), (2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki")):
        if abs(value) >= step:
            return f"{_significant(value / step, digits)} {prefix}B"
    return f"{value:.0f} B"


def _significant(value: float, digits: int) -> str:
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    return f"{value:.{digits}g}"
