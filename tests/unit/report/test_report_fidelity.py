"""Scores, tables, plots and pages of predictions beside measurements."""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_models.residuals import Residuals, quantiles_of
from sim.report.fidelity_html import page_text, scatter
from sim.report.fidelity_json import fidelity_data, write_points
from sim.report.fidelity_plot import draw, limits
from sim.report.fidelity_scores import Point, by_group, by_kind, nested_coverage, rank_correlation, score_rows, scores_of, worst
from sim.report.fidelity_tables import kind_table, score_table, worst_table

POINT = Point("set", "boards", "zero-shot", "board", "cpu", "net", "family", "", "latency_s", 0.010, 0.012, "a table", 2, "cpu_x86", "cpu", "float")


def points_of(measured: list[float], predicted: list[float]) -> list[Point]:
    return [replace(POINT, measured=a, predicted=b, line=row, family=f"f{row % 4}") for row, (a, b) in enumerate(zip(measured, predicted, strict=True))]


def test_scores_by_hand() -> None:
    scores = scores_of(points_of([1.0, 1.0, 1.0, 2.0], [1.05, 0.85, 2.0, 2.0]))
    assert scores.count == 4
    assert scores.mean == pytest.approx((0.05 + 0.15 + 1.0 + 0.0) / 4)
    assert scores.median == pytest.approx(0.1)
    assert scores.bias == pytest.approx((1.05 * 0.85 * 2.0) ** 0.25 - 1)
    assert (scores.within_10, scores.within_20) == (0.5, 0.75)


def test_an_error_of_the_limit_is_within_it() -> None:
    assert scores_of([replace(POINT, measured=1.0, predicted=0.8)]).within_20 == 1.0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
def test_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    found = rank_correlation(a, b)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_two_points_have_no_rank_correlation() -> None:
    assert rank_correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None


def test_coverage_leaves_out_the_fold_it_judges() -> None:
    rng = np.random.default_rng(3)
    points = points_of([1.0] * 60, list(np.exp(rng.normal(0.1, 0.2, 60))))
    inside = 0
    for point in points:
        others = [other.log_ratio for other in points if other.family != point.family]
        low, high = Residuals(quantiles_of(np.array(others))).interval()
        inside += low <= point.log_ratio <= high
    assert nested_coverage(points) == pytest.approx(inside / 60)


def test_coverage_of_unseen_devices_leaves_out_devices() -> None:
    """Each device is off by a factor of its own: within it errors are alike, and only other devices tell how far that goes."""
    factors = [0.5, 0.9, 1.1, 2.0]
    points = [replace(POINT, device=f"d{row % 4}", family=f"f{row}", measured=1.0, predicted=factors[row % 4]) for row in range(80)]
    assert nested_coverage(points) == pytest.approx(0.5)  # the two outer devices are beyond what the others do
    assert nested_coverage([replace(point, regime="leave-family-out") for point in points]) == 1.0


def test_few_points_have_no_coverage() -> None:
    assert nested_coverage(points_of([1.0] * 8, [1.1] * 8)) is None


def test_rows_are_by_dataset_group_and_regime_in_their_order() -> None:
    points = [replace(POINT, group=group, regime=regime) for regime in ("zero-shot", "k-shot") for group in ("b", "a", "b")]
    assert [(row.title, row.regime, row.scores.count) for row in score_rows(points, by_group)] == [
        ("b", "zero-shot", 2),
        ("a", "zero-shot", 1),
        ("b", "k-shot", 2),
        ("a", "k-shot", 1),
    ]
    assert [row.title for row in score_rows(points, by_kind)] == ["family", "family"]  # no kind is stated


def test_the_worst_are_so_by_the_ratio_and_each_once() -> None:
    points = [replace(POINT, line=1, predicted=0.05), replace(POINT, line=2, predicted=0.0015), replace(POINT, line=1, regime="k-shot", predicted=0.06)]
    assert [(point.line, point.regime) for point in worst(points, 5)] == [(2, "zero-shot"), (1, "k-shot")]


def test_tables_have_as_many_cells_as_heads() -> None:
    rows = score_rows(points_of([1.0] * 3, [1.1, 1.2, 1.3]), by_group)
    for wide in (False, True):
        for table in (score_table(rows, wide), kind_table(rows), worst_table([POINT, replace(POINT, metric="decode_tokens_per_s")], wide)):
            assert {len(row) for row in table.rows} == {len(table.head)}
            assert max(table.right) < len(table.head)
    assert worst_table([POINT], False).rows[0][-3:] == ("10 ms", "12 ms", "+20 %")


def test_kinds_stand_once_with_a_column_for_each_regime() -> None:
    points = [replace(POINT, kind=kind, regime=regime) for kind, regime in (("b", "zero-shot"), ("A", "k-shot"), ("b", "k-shot"), ("b", "k-shot"))]
    table = kind_table(score_rows(points, by_kind))
    assert table.head[1:] == ("points", "zero-shot", "k-shot")
    assert table.rows == (("A", "1", "-", "20 / 20 %"), ("b", "2", "20 / 20 %", "20 / 20 %"))


def test_limits_are_powers_of_ten_around_all_values() -> None:
    assert limits([POINT]) == pytest.approx((0.01, 0.1))
    assert limits([replace(POINT, measured=1.0, predicted=1.0)]) == pytest.approx((1.0, 10.0))


def test_points_lie_in_the_picture_where_their_values_say() -> None:
    svg = ET.fromstring(scatter([replace(POINT, measured=0.1, predicted=10**-1.5)], "latency_s"))
    circle = next(item for item in svg.iter("circle") if item.find("title") is not None)
    box = next(svg.iter("rect"))
    x, y, side = float(circle.get("cx", 0)), float(circle.get("cy", 0)), float(box.get("width", 0))
    left, top = float(box.get("x", 0)), float(box.get("y", 0))
    assert x - left == pytest.approx(side, abs=0.2)  # the highest decade's end
    assert (top + side - y) / side == pytest.approx(0.5, abs=0.01)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_a_page_stands_alone_and_escapes_what_others_wrote() -> None:
    evil = '<script>alert(1)</script>"\x1b[31m'
    points = [replace(POINT, dataset=evil, group=evil, model=evil, device=evil, family=evil, kind=evil, source=evil)]
    text = page_text(points, {evil: evil}, [evil], 3)
    parser = _Text()
    parser.feed(text)
    assert "script" not in parser.tags and not parser.links
    assert "\x1b" not in text and not re.search(r"https?://", text)
    assert text == page_text(points, {evil: evil}, [evil], 3)


def test_files_hold_every_point(tmp_path: Path) -> None:
    points = [POINT, replace(POINT, model="=cmd()", measured=1 / 3)]
    write_points(points, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["measured"]) for row in rows] == [0.010, 1 / 3]
    assert rows[1]["model"] == "'=cmd()" and float(rows[0]["error"]) == pytest.approx(0.2)
    data = fidelity_data(points, score_rows(points, by_group), score_rows(points, by_kind), {"set": "Set"}, ["x"])
    assert data["points"][0]["error"] == pytest.approx(0.2) and data["groups"][0]["count"] == 2


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture_is_drawn_the_same_twice(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("matplotlib")
    points = [*points_of([1.0, 2.0], [1.1, 1.9]), replace(POINT, metric="energy_j")]
    for name in ("a", "b"):
        draw(points, {"set": "Costs $5 of $10"}, tmp_path / f"{name}.{ending}")
    first, second = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("a", "b"))
    assert first == second and len(first) > 1000
    assert len(list(tmp_path.iterdir())) == 2  # nothing half-written stays
