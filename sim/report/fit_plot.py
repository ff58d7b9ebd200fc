"""A measured curve and the fitted one in characters, with axes."""

from __future__ import annotations

import numpy as np

from sim.report.glyphs import Glyphs
from sim.report.time_axis import round_step, scaled_axis

MEASURED, FITTED, BOTH = "o", "-", "*"
_LABEL = 8  # columns left of the plot


def fit_plot(time_s: np.ndarray, measured: np.ndarray, fitted: np.ndarray, unit: str, width: int, rows: int, glyphs: Glyphs) -> list[str]:
    """Lines of a plot ``width`` wide, its area ``rows`` high: measured ``o``, fitted ``-``, both ``*``; ``unit`` heads the ordinate.

    ``time_s`` ascending from 0. Several samples of a column show as their mean; a column between two samples is interpolated.
    """
    columns = max(width - _LABEL, 10)
    edges = np.linspace(float(time_s[0]), float(time_s[-1]), columns + 1)
    curves = [_by_column(time_s, values, edges) for values in (measured, fitted)]
    low, high = _range(np.concatenate(curves), rows)
    area = [[" "] * columns for _ in range(rows)]
    for values, mark in zip(curves, (MEASURED, FITTED), strict=True):
        for column, value in enumerate(values):
            row = min(int((high - value) / (high - low) * rows), rows - 1)
            area[row][column] = mark if area[row][column] == " " else BOTH
    labels = _labels(low, high, rows)
    rule, ticks = scaled_axis(float(time_s[-1] - time_s[0]), columns, glyphs)
    edge = glyphs.ends[0]
    lines = [f"{labels.get(row, ''):>{_LABEL - 1}}{edge}{''.join(cells)}".rstrip() for row, cells in enumerate(area)]
    return [f"{unit:>{_LABEL - 1}}   {MEASURED} measured   {FITTED} fitted   {BOTH} both", *lines, " " * _LABEL + rule, " " * _LABEL + ticks.rstrip()]


def _by_column(time_s: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    result = np.interp((edges[1:] + edges[:-1]) / 2, time_s, values)
    column = np.clip(np.searchsorted(edges, time_s, side="right") - 1, 0, len(result) - 1)
    counts = np.bincount(column, minlength=len(result))
    sums = np.bincount(column, weights=values, minlength=len(result))
    return np.where(counts > 0, sums / np.maximum(counts, 1), result)


def _range(values: np.ndarray, rows: int) -> tuple[float, float]:
    """Round borders around the values, a little wider than they are."""
    low, high = float(values.min()), float(values.max())
    step = round_step(max((high - low) / rows, 1e-9))
    return float(np.floor(low / step) * step), float((np.floor(high / step) + 1) * step)


def _labels(low: float, high: float, rows: int) -> dict[int, str]:
    """Round values on the rows they lie in, four rows or more apart."""
    step = round_step((high - low) * 4 / rows)
    first = int(np.ceil(low / step - 1e-9))
    values = [step * index for index in range(first, int(np.floor(high / step + 1e-9)) + 1)]
    return {min(int((high - value) / (high - low) * rows), rows - 1): f"{value:g}" for value in values}
