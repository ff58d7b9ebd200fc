"""The page of a search: no line too long, choices told apart, the picture where it belongs."""

import pytest

from sim.report.glyphs import ASCII, UNICODE
from sim.report.search_page import choice_labels, search_lines
from sim.report.search_rows import Importance, SearchObjective, SearchRow, SearchSummary
from sim.report.search_scatter import Mark, scatter


def row(number, values, choices, *, is_knee=False, violations=None):
    changes = tuple(choices.items())
    return SearchRow(number, "0" * 64, choices, changes, values, violations or {}, "done", (), None, is_knee)


def summary(decisions=3, objectives=2, front=20):
    goals = [SearchObjective("latency_p99_s", "latency_p99", False), SearchObjective("accuracy_ratio", "accuracy", True)][:objectives]
    rows = [
        row(n, [1e-3 * (n + 1), 0.7 + n / 100][:objectives], {f"models.net.choice_{d}": n % 3 for d in range(decisions)}, is_knee=n == 7) for n in range(front)
    ]
    importances = [Importance(f"models.net.choice_{d}", [0.1 * d % 1] * objectives) for d in range(decisions)]
    growth = [n / 10 for n in range(10)] if objectives > 1 else []
    base = row(-1, [5e-3, None][:objectives], {})
    return SearchSummary(
        "n", "d", "tpe", 0, 20, 10, goals, ["power <= 1 W"], True, rows, rows, base, importances, growth, [0.0], [1.0], 3, False, False, basis=["a" * 300]
    )


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("glyphs", [ASCII, UNICODE])
@pytest.mark.parametrize("decisions", [1, 45])
@pytest.mark.parametrize("objectives", [1, 2])
def test_no_line_is_longer_than_the_page(width, glyphs, decisions, objectives):
    lines = [line.plain for line in search_lines(summary(decisions, objectives), width, glyphs)]
    assert max(map(len, lines)) <= width
    assert any("7*" in line for line in lines)
    assert any("against" in line for line in lines) == (objectives > 1)
    if glyphs is ASCII:
        assert all(line.isascii() for line in lines)


def test_choices_that_differ_have_different_texts():
    arrays = [{"power": {"leakage": "1 mW"}, "lanes": 256}, {"power": {"leakage": "1 mW"}, "lanes": 512}]
    assert list(choice_labels(arrays).values()) == ["256", "512"]
    assert list(choice_labels(["fp16", [2, 2], True]).values()) == ["fp16", "2 2", "true"]


def test_a_scatter_has_its_extremes_in_its_corners():
    drawn = scatter([Mark(".", [(0.0, 0.0), (1.0, 1.0)]), Mark("#", [(1.0, 1.0)])], width=10, tall=4)
    assert [len(line) for line in drawn] == [10] * 4
    assert drawn[0][-1] == "#"
    assert drawn[-1][0] == "."
    assert sum(line.count(".") + line.count("#") for line in drawn) == 2
    assert scatter([], 10) == []
