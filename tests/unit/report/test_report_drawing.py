"""Lanes, axes, sparklines, and text made harmless."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.glyphs import ASCII, UNICODE, fill, glyphs_for
from sim.report.lanes import lanes
from sim.report.numbers import count, percent, rate, seconds, three_digits
from sim.report.safe_text import printable, shortened
from sim.report.sparkline import histogram_bars, sparkline
from sim.report.time_axis import TimeAxis, round_step

intervals = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=40)


@given(intervals)
def test_lanes_keep_intervals_apart_with_as_few_as_possible(found: list[tuple[int, int]]) -> None:
    found.sort()
    starts = np.array([start for start, _ in found], dtype=float)
    ends = np.array([start + length for start, length in found], dtype=float)
    lane = lanes(starts, ends)
    for one in set(lane.tolist()):
        mine = lane == one
        assert all(starts[mine][1:] >= ends[mine][:-1])
    most = max((int(((starts <= time) & (ends > time)).sum()) for time in starts), default=0)
    if (ends > starts).all():
        assert len(set(lane.tolist())) == most


@given(st.floats(0, 1e5), st.floats(1e-6, 1e5), st.integers(20, 150))
def test_axis_lines_have_their_width_and_labels_do_not_collide(start: float, length: float, width: int) -> None:
    axis = TimeAxis(start, start + length, width)
    rule, labels = axis.lines(UNICODE)
    assert len(rule) == width and len(labels) == width
    assert all(start - 1e-6 * length <= tick <= start + length * (1 + 1e-6) for tick in axis.ticks_s())


def test_axis_labels() -> None:
    rule, labels = TimeAxis(180.4, 180.45, 50).lines(ASCII)
    assert rule == "+---------+---------+---------+---------+--------+"
    assert labels.split() == ["180.40", "180.41", "180.42", "180.43", "180.44"] or labels.rstrip().endswith("s")
    assert "us" in TimeAxis(1.0, 1.00005, 50).lines(ASCII)[1]


@pytest.mark.parametrize(("raw", "rounded"), [(0.9, 1), (1.0, 1), (1.1, 2), (3, 5), (6, 10), (0.012, 0.02)])
def test_round_step(raw: float, rounded: float) -> None:
    assert round_step(raw) == pytest.approx(rounded)


def test_sparkline() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], UNICODE) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0, float("nan"), 2.0], ASCII) == "_ #"
    assert sparkline([5.0, 5.0], UNICODE) == "▁▁"
    assert sparkline([], UNICODE) == ""


@given(st.lists(st.integers(0, 100), max_size=30), st.integers(1, 60))
def test_histogram_has_its_width_and_is_blank_only_without_samples(counts: list[int], width: int) -> None:
    bars = histogram_bars(counts, width, UNICODE)
    assert len(bars) == width and (bars.strip() != "") == (sum(counts) > 0)


@given(st.text(max_size=60))
def test_printable_text_is_one_visible_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() and len(shown.splitlines()) <= 1
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\r", "\u202ename", "\u200b", "\x9b2J", "\ud800", "\x00"])
def test_dangerous_characters_are_escaped(text: str) -> None:
    assert printable(text).isascii() and printable(text).isprintable()


@given(st.text(max_size=60), st.integers(1, 30))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert len(shortened(text, width)) <= width


def test_shortened_keeps_both_ends() -> None:
    assert shortened("backbone.block12.expand", 12) == "backb..xpand"


def test_numbers() -> None:
    assert [percent(value) for value in (0, 0.00012, 0.0412, 0.999, 1.0, 12.5)] == ["0 %", "0.012 %", "4.12 %", "99.9 %", "100 %", "1250 %"]
    assert [count(value) for value in (7, 999, 1000, 11.94e6, 2.5e12)] == ["7", "999", "1 k", "11.9 M", "2.5 T"]
    assert [seconds(value) for value in (0.033, 90, 600, 7200, 1e6)] == ["33 ms", "90 s", "10 min", "2 h", "11.6 d"]
    assert [rate(value) for value in (29.97, 0, 0.1, 0.001, 1234)] == ["30/s", "0/s", "6/min", "3.6/h", "1234/s"]
    assert three_digits(2184.3) == "2184" and three_digits(3.14159) == "3.14"


def test_glyphs_follow_the_encoding() -> None:
    assert glyphs_for("utf-8") is glyphs_for("UTF8") is UNICODE
    assert glyphs_for("ascii") is glyphs_for("cp1252") is glyphs_for(None) is ASCII
    assert all(text.isascii() for text in vars(ASCII).values() if isinstance(text, str))
    assert len({fill(UNICODE, index) for index in range(20)}) == 20
