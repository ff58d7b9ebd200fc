"""Filled curves of several rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.area_chart import AreaChart, Level, beside
from sim.report.glyphs import ASCII, UNICODE, Glyphs
from sim.report.time_axis import scaled_axis


def test_heights_follow_the_values() -> None:
    chart = AreaChart(np.array([0.0, 0.25, 0.5, 1.0]), 0.0, 1.0, 2)
    assert chart.lines(UNICODE) == ["   █", "▁▄██"]


def test_what_is_not_known_is_blank() -> None:
    assert AreaChart(np.array([1.0, np.nan]), 0.0, 1.0, 2).lines(ASCII) == ["# ", "# "]


def test_a_level_is_a_line_behind_the_curve_and_a_seam_in_it() -> None:
    chart = AreaChart(np.array([0.0, 1.0]), 0.0, 1.0, 4, (Level(0.6, "trip"),))
    assert chart.row_of(0.6) == 1
    assert chart.lines(UNICODE)[1] == "┄▓"
    assert chart.lines(ASCII)[1] == "~%"


def test_levels_outside_lie_at_the_edge() -> None:
    chart = AreaChart(np.array([0.0]), 0.0, 1.0, 4)
    assert (chart.row_of(2.0), chart.row_of(-1.0)) == (0, 3)


@given(st.lists(st.floats(-50, 150), min_size=1, max_size=40), st.integers(1, 8), st.sampled_from([UNICODE, ASCII]))
def test_columns_are_filled_from_below_and_higher_values_reach_higher(values: list[float], rows: int, glyphs: Glyphs) -> None:
    lines = AreaChart(np.array(values), min(values), max(values) + 1.0, rows).lines(glyphs)
    assert {len(line) for line in lines} == {len(values)}

    def height(column: int) -> int:
        cells = [line[column] for line in lines]
        filled = [cell != " " for cell in cells]
        assert filled == sorted(filled)
        return sum((glyphs.levels.index(cell) + 1) for cell in cells if cell != " ")

    order = np.argsort(values, kind="stable")
    heights = [height(int(column)) for column in order]
    assert heights == sorted(heights)


def test_notes_take_the_nearest_free_row() -> None:
    assert beside(3, [(1, "trip"), (1, "max"), (2, "end"), (0, "none left")]) == ["max", "trip", "end"]


@pytest.mark.parametrize(("end_s", "unit"), [(90.0, "s"), (1800.0, "min"), (7200.0, "h"), (30 * 86400.0, "d"), (1e-3, "s")])
def test_the_axis_speaks_in_the_unit_of_its_length(end_s: float, unit: str) -> None:
    rule, labels = scaled_axis(end_s, 60, ASCII)
    assert len(rule) == 60
    assert len(labels) == 60
    assert labels.startswith(f"0 {unit} ")
    assert float(labels.split()[-1]) > 0
