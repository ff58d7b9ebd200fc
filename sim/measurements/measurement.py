"""A measured latency, the operators it was made of, and what a file gave."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sim.errors import Problem

SHORTEST_S, LONGEST_S = 1e-9, 1e8


@dataclass(frozen=True)
class OperatorTiming:
    """One operator of a profile; ``seconds`` of one inference, ``unit`` where the profile says it (``cpu``, ``gpu``, ``npu``)."""

    name: str
    type: str
    seconds: float
    unit: str = ""


@dataclass(frozen=True)
class Measurement:
    """A latency as its file states it. Empty text and None: the file does not say.

    ``precision``: one of the names :func:`canonical_precision` gives, else as written. ``unit``: a unit's name or a word for it
    (``cpu``, ``big``, ``npu``). ``line`` and ``column`` (of the time) count from 1; 0 is unknown. ``stated``: the unit of time that a
    table's column names (``ms``); ``columns``: where the cells of the other fields begin. ``naming``: the published
    table whose names of networks the tool uses (``ncnn``, ``aihub``).
    """

    model: str
    seconds: float
    precision: str = ""
    threads: int | None = None
    unit: str = ""
    runtime: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    stated: str = ""
    columns: tuple[tuple[str, int], ...] = ()
    operators: tuple[OperatorTiming, ...] = ()
    naming: str = ""

    def problem(self, what: str, field: str = "") -> Problem:
        """Something about this measurement, or about one field of it (``model``, ``unit``, ...), at its place."""
        return Problem(self.file, self.line, dict(self.columns).get(field, self.column), what=what)


@dataclass
class Readings:
    """What a reader found: measurements, mistakes (nothing may be computed with them) and warnings (worth saying)."""

    measurements: list[Measurement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, other: Readings) -> None:
        """Append what another file gave."""
        self.measurements += other.measurements
        self.problems += other.problems
        self.warnings += other.warnings


def seconds_of(value: Any, scale_s: float) -> float | str:
    """``value`` (a number or its text) times ``scale_s`` as seconds, or what is wrong with it as a time."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return f"expected a time, got {str(value)[:40]!r}"
    text = str(value)[:40] if not isinstance(value, int) or abs(value) < 10**30 else "a number of many digits"
    try:
        number = float(value) * scale_s
    except (ValueError, OverflowError):
        return f"{text!r} is not a number" if text.strip() else "is empty"
    if not math.isfinite(number):
        return f"{text!r} is not a finite time"
    if number <= 0:
        return f"{text!r} is not a positive time"
    if not SHORTEST_S <= number <= LONGEST_S:
        return f"{text!r} is {number:.3g} s: out of any range for an inference"
    return number


_PRECISIONS = {
    "float32": ("float32", "fp32", "f32", "float", "fp", "single", "float_32"),
    "float16": ("float16", "fp16", "f16", "half", "float_16"),
    "int8": ("int8", "i8", "uint8", "u8", "w8a8", "quant", "quantized", "qint8", "a8w8", "s8", "int_8"),
    "w8a16": ("w8a16", "a16w8", "int16x8"),
    "w4a16": ("w4a16", "a16w4"),
    "int4": ("int4", "i4", "w4", "w4a32"),
    "as_stored": ("as_stored", "stored", "native", "default"),
}
_PRECISION_OF = {alias: name for name, aliases in _PRECISIONS.items() for alias in aliases}


def canonical_precision(text: str) -> str:
    """edgesim's name of a number format, the text itself if it is none it knows, empty for empty."""
    plain = text.strip().lower().replace("-", "_").replace(" ", "")
    return _PRECISION_OF.get(plain, text.strip())
