"""What a page of sensitivity shows: for every metric a bar for every parameter that moves it, the widest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_models.units import DIMENSIONS
from sim.report.budgets import format_value
from sim.report.numbers import celsius

NEEDS_ATTENTION = 0.01  # a share of the metric: what moves it by less is not worth better numbers


@dataclass(frozen=True)
class Measure:
    """A metric: its flat name, title and value as things are, in the SI unit of ``dimension``. ``by_difference``: changes are told in its own unit."""

    name: str
    title: str
    dimension: str
    base: float
    by_difference: bool

    @property
    def base_text(self) -> str:
        return self.text(self.base)

    def text(self, value: float) -> str:
        """A value of it for people."""
        if self.dimension == "temperature":
            return celsius(value)
        known = self.dimension in DIMENSIONS or self.dimension in ("rate", "ratio", "time", "price", "accuracy")
        return format_value(value, self.dimension) if known else f"{value:.4g}"

    def change_text(self, change: float | None) -> str:
        """Of a change: ``+12%``, ``-1.8 K``, ``+0.4 pt``; a dash where it is not known."""
        if change is None:
            return "-"
        if self.dimension == "temperature":
            return _kelvin(change)
        if self.dimension == "ratio":
            return "0 pt" if abs(change) < 5e-6 else f"{100 * change:+.2g} pt"
        if self.base == 0:
            return ("+" if change > 0 else "") + self.text(change)
        return _percent(change / abs(self.base))

    def matters(self, change: float) -> bool:
        """Whether a change is worth speaking of."""
        if self.dimension == "temperature":
            return abs(change) >= 0.5
        return abs(change) >= (NEEDS_ATTENTION if self.by_difference or self.base == 0 else NEEDS_ATTENTION * abs(self.base))


def _kelvin(change: float) -> str:
    if abs(change) < 0.0995:
        return "0 K" if abs(change) < 0.005 else f"{change:+.2f} K"
    return f"{change:+.2g} K" if abs(change) < 9.95 else f"{change:+.0f} K" if abs(change) < 9999.5 else f"{change:+.0e} K"


def _percent(share: float) -> str:
    """``+12%``, ``-1.2%``, ``+0.01%``; what grows more than tenfold by its factor."""
    if share >= 9.995:
        return f"x{1 + share:.3g}" if share < 999 else f"x{1 + share:.0e}"
    value = 100 * share
    return "0%" if abs(value) < 0.005 else f"{value:+.0f}%" if abs(value) >= 9.95 else f"{value:+.1f}%" if abs(value) >= 0.095 else f"{value:+.2f}%"


@dataclass(frozen=True)
class Bar:
    """A parameter's answer. ``low``, ``high``: what the metric changes by when the parameter goes down or up, None where that has no run.

    ``moved``: what it was moved to, such as ``3/5`` or ``x0.7-1.25``, empty for the common share. ``shape``: of the answer: plain, one side (nothing in
    the other direction), step, not monotonic. Factors: of what the parameter is.
    """

    name: str
    label: str
    kind: str
    source: str
    note: str
    moved: str
    low_factor: float | None
    high_factor: float | None
    low: float | None
    high: float | None
    elasticity: float | None
    slope: float | None
    shape: str

    @property
    def swing(self) -> float:
        return max(abs(self.low or 0.0), abs(self.high or 0.0))


@dataclass(frozen=True)
class MorrisBar:
    """A parameter's effect over its whole range, in the metric's unit: ``mu``, ``mu_star`` with half of its 95 % interval, ``sigma`` of ``count`` steps."""

    name: str
    label: str
    kind: str
    source: str
    note: str
    moved: str
    mu: float
    mu_star: float
    sigma: float | None
    confidence: float | None
    count: int

    @property
    def swing(self) -> float:
        return self.mu_star


@dataclass(frozen=True)
class Tornado:
    """A metric and its bars, the widest first. ``measure`` and ``bars`` in SI."""

    measure: Measure
    bars: Sequence[Bar | MorrisBar]

    def important(self) -> list[Bar | MorrisBar]:
        """Bars that matter though their numbers are estimates."""
        return [bar for bar in self.bars if bar.kind == "estimated" and self.measure.matters(bar.swing)]


@dataclass(frozen=True)
class Sensitivity:
    """A whole page. ``by``: how far parameters were moved, for people. ``still``: labels of those that move nothing; ``problems``: by label."""

    scenario: str
    device: str
    seed: int
    method: str
    by: str
    parameters_count: int
    runs_count: int
    tornados: Sequence[Tornado]
    still: Sequence[str]
    problems: Sequence[tuple[str, str]]
    left_out: Sequence[str] = ()
    trajectories_count: int | None = None
    levels_count: int | None = None
