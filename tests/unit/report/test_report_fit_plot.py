"""The plot of fit against measurement: where its marks stand, its axes, its width."""

from __future__ import annotations

import numpy as np
import pytest

from sim.report.fit_plot import fit_plot
from sim.report.glyphs import ASCII

TIMES = np.linspace(0.0, 100.0, 201)


def area(lines: list[str]) -> list[str]:
    return [line[8:] for line in lines[1:-2]]


def test_equal_curves_show_as_both_and_nothing_else() -> None:
    rising = 20 + 0.5 * TIMES
    lines = area(fit_plot(TIMES, rising, rising, "degC", 80, 16, ASCII))
    assert set("".join(lines)) == {"*", " "}
    assert lines[0].index("*") > lines[-1].index("*")


def test_a_fit_above_the_measurement_stands_above_it() -> None:
    lines = area(fit_plot(TIMES, np.full(201, 30.0), np.full(201, 50.0), "degC", 60, 10, ASCII))
    rows = {mark: next(row for row, line in enumerate(lines) if mark in line) for mark in "o-"}
    assert rows["-"] < rows["o"] and "*" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_line_fits(width: int) -> None:
    lines = fit_plot(TIMES, 30 + np.sin(TIMES / 9), 30 + np.cos(TIMES / 9), "degC", width, 12, ASCII)
    assert len(lines) == 15 and max(map(len, lines)) == width


def test_labels_are_on_the_row_of_their_value() -> None:
    lines = fit_plot(TIMES, 20 + 0.6 * TIMES, 20 + 0.6 * TIMES, "degC", 80, 16, ASCII)
    labelled = {int(line[:7]): line.index("*") for line in lines[1:-2] if line[:7].strip()}
    assert len(labelled) >= 3
    for value, column in labelled.items():
        assert (column - 8) / 72 * 100 == pytest.approx((value - 20) / 0.6, abs=8)


def test_few_samples_on_many_columns_are_joined() -> None:
    lines = area(fit_plot(np.array([0.0, 50.0, 100.0]), np.array([20.0, 40.0, 30.0]), np.array([20.0, 40.0, 30.0]), "degC", 80, 12, ASCII))
    assert sum(line.count("*") for line in lines) == 72
