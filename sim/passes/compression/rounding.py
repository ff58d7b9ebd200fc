"""Rounding numbers to integers: scales and zero points from real values, and the noise that rounding adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.work import DTYPE_BITS, DType
from sim.graph.ir import Quantization

_CLIPS = np.linspace(0.3, 1.0, 36)  # shares of the full range that the search for the least squared error tries


@dataclass(frozen=True)
class Rule:
    """How a range is chosen. ``scales``: min_max, percentile (of share ``percentile``) or mse (least squared error)."""

    scales: str = "min_max"
    percentile: float = 0.9999
    symmetric: bool = True


@dataclass(frozen=True)
class Grid:
    """Scales and zero points of rows of numbers, ``[rows]`` each; stored integers lie in ``low .. high``."""

    scale: np.ndarray
    zero_point: np.ndarray
    low: int
    high: int

    def stored(self, rows: np.ndarray) -> np.ndarray:
        """``[rows, n]`` real numbers as integers."""
        scaled = np.round(rows / self.scale[:, None]) + self.zero_point[:, None]
        return np.asarray(np.clip(scaled, self.low, self.high))

    def restored(self, stored: np.ndarray) -> np.ndarray:
        """Integers as real numbers again."""
        return np.asarray((stored - self.zero_point[:, None]) * self.scale[:, None])

    def quantization(self, axis: int | None) -> Quantization:
        """As the graph holds it."""
        return Quantization(tuple(float(scale) for scale in self.scale), tuple(int(point) for point in self.zero_point), axis)


def container(bits: int) -> DType:
    """The integers that weights of 2 to 8 bits are held in: of 2, 4 or 8 bits. What runs networks has no 3, 5, 6 or 7."""
    return DType.I2 if bits <= 2 else DType.I4 if bits <= 4 else DType.I8


def width(dtype: DType) -> int:
    """Bits of a whole-number format."""
    return int(DTYPE_BITS[dtype])


def limits(bits: int, symmetric: bool) -> tuple[int, int]:
    """Least and largest stored integer; symmetric formats leave out the least one (where there are more than two bits)."""
    half = 1 << (bits - 1)
    return (1 - half if symmetric and half > 2 else -half), half - 1


def grid_of(rows: np.ndarray, bits: int, rule: Rule) -> Grid:
    """The grid of ``[rows, n]`` real numbers: one scale a row, integers of so many bits."""
    rows = np.asarray(rows, dtype=np.float64)
    low, high = _range(rows, rule)
    if rule.scales != "mse":
        return _grid(low, high, bits, rule.symmetric)
    best, error = _grid(low, high, bits, rule.symmetric), np.full(len(rows), np.inf)
    scale, point = best.scale.copy(), best.zero_point.copy()
    for clip in _CLIPS:
        tried = _grid(low * clip, high * clip, bits, rule.symmetric)
        found = np.square(tried.restored(tried.stored(rows)) - rows).sum(axis=1)
        better = found < error
        scale[better], point[better], error[better] = tried.scale[better], tried.zero_point[better], found[better]
    return Grid(scale, point, best.low, best.high)


def range_grid(low: float, high: float, bits: int, symmetric: bool) -> Grid:
    """The grid of one tensor whose values lie between two numbers."""
    return _grid(np.array([min(low, 0.0)]), np.array([max(high, 0.0)]), bits, symmetric)


def _range(rows: np.ndarray, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest number of each row; 0 is always inside."""
    if rows.shape[1] == 0:
        return np.zeros(len(rows)), np.zeros(len(rows))
    if rule.scales == "percentile" and rule.symmetric:
        reach = np.quantile(np.abs(rows), rule.percentile, axis=1)
        return -reach, reach
    if rule.scales == "percentile":
        tail = (1 - rule.percentile) / 2
        low, high = np.quantile(rows, [tail, 1 - tail], axis=1)
    else:
        low, high = rows.min(axis=1), rows.max(axis=1)
    return np.minimum(low, 0.0), np.maximum(high, 0.0)


def _grid(low: np.ndarray, high: np.ndarray, bits: int, symmetric: bool) -> Grid:
    least, most = limits(bits, symmetric)
    if symmetric:
        scale = np.maximum(-low, high) / most
        scale[scale == 0] = 1.0
        return Grid(scale, np.zeros(len(scale), dtype=np.int64), least, most)
    scale = (high - low) / (most - least)
    scale[scale == 0] = 1.0
    return Grid(scale, np.clip(np.round(least - low / scale), least, most).astype(np.int64), least, most)


def signal_to_noise_db(values: np.ndarray, restored: np.ndarray) -> float:
    """Signal-to-quantization-noise ratio, 10 log10(sum x^2 / sum (x - q)^2); infinite where nothing is lost."""
    signal, noise = float(np.square(values, dtype=np.float64).sum()), float(np.square(np.asarray(values, np.float64) - restored).sum())
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")
