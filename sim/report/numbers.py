"""Numbers as a report writes them, beside :func:`device_models.units.format_quantity`."""

from __future__ import annotations

from collections.abc import Callable

from device_models.units import format_quantity


def percent(ratio: float, digits: int = 3) -> str:
    """A share of one: ``4.12 %``, ``100 %``."""
    value = 100 * ratio
    return f"{value:.0f} %" if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g} %"


def signed(ratio: float) -> str:
    """A change as a share of one: ``+12 %``, ``-3.1 %``."""
    return f"{100 * ratio:+.0f} %" if abs(ratio) >= 0.0995 else f"{100 * ratio:+.1f} %"


def count(value: float) -> str:
    """With a decimal prefix before the thing counted: ``11.9 M``, ``505``."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * (1 - 5e-4):
            return f"{value / size:.3g} {prefix}"
    return f"{value:.0f}"


def traffic(value: float) -> str:
    """Bytes that go over links, with the decimal prefixes that networks are measured in: ``4.69 MB``."""
    return count(value) + "B" if value >= 999.5 else f"{value:.0f} B"


def bit_rate(value: float) -> str:
    """Bytes per second as networks are rated: ``1.83 Gbit/s``."""
    return count(8 * value) + "bit/s" if 8 * value >= 999.5 else f"{8 * value:.3g} bit/s"


def seconds(value: float) -> str:
    """A time; more than two minutes in the units people use for them: ``33 ms``, ``10 min``, ``7.5 h``."""
    for size_s, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if value >= 2 * size_s or (value == size_s and size_s > 60):
            return f"{value / size_s:.3g} {unit}"
    return format_quantity(value, "time")


def celsius(value: float) -> str:
    """``41.6 degC``."""
    return f"{value:.1f} degC"


def rate(value: float) -> str:
    """``29.4/s``; rates of less than one in two seconds per minute or hour."""
    if value == 0 or value >= 0.5:
        return f"{value:.0f}/s" if value >= 999.5 else f"{value:.3g}/s"
    return f"{value * 60:.3g}/min" if value * 60 >= 0.5 else f"{value * 3600:.3g}/h"


def three_digits(value: float) -> str:
    """Three significant digits, never an exponent: ``2180``, ``36.4``."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:.3g}"


def band(value_text: str, low: float, high: float, write: Callable[[float], str]) -> str:
    """``(26-38)`` beside ``31 ms``: two values in two digits, with their unit where it is another; nothing where they do not differ."""
    (first, unit), (second, other) = (_parted(write(value)) for value in (low, high))
    if (first, unit) == (second, other):
        return ""
    if unit != other:
        return f"({first}{unit}-{second}{other})"
    return f"({first}-{second})" if unit == _parted(value_text)[1] else f"({first}-{second}{unit})"


def _parted(text: str) -> tuple[str, str]:
    """Number in two digits, and unit: ``33.1 ms`` -> ``33``, `` ms``; ``29.4/s`` -> ``29``, ``/s``."""
    digits = len(text) - len(text.lstrip("0123456789.-+e"))
    try:
        return f"{float(f'{float(text[:digits]):.2g}'):g}", text[digits:]
    except ValueError:  # "unknown", or a number with several units
        return text, ""
