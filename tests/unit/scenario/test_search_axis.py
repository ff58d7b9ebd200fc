"""Axes as a scenario writes them: the values they come to, and what is wrong with those that cannot be followed."""

import pytest

from sim.scenario.search_axis import parsed_axis


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ([1, 2, 4], (1, 2, 4)),
        ("range(3)", (0, 1, 2)),
        ("range(4, 10, 3)", (4, 7)),
        ({"from": "600 MHz", "to": "1.2 GHz", "step": "300 MHz"}, ("600 MHz", "900 MHz", "1200 MHz")),
        ({"from": 1, "to": 3, "step": 1}, (1, 2, 3)),
        ({"from": "1 MiB", "to": "8 MiB", "scale": "log", "count": 4}, ("1 MiB", "2 MiB", "4 MiB", "8 MiB")),
        ({"from": "10 %", "to": "30 %", "count": 3}, ("10 %", "20 %", "30 %")),
        ({"from": 0.1, "to": 0.4, "step": 0.1}, (0.1, 0.2, 0.3, 0.4)),
    ],
)
def test_values(raw, values):
    assert parsed_axis("p", raw).values == values


def test_numbers_that_rise_are_ordered_and_names_are_not():
    assert parsed_axis("p", ["600 MHz", "1 GHz", "1.2 GHz"]).is_ordered
    assert not parsed_axis("p", ["fp16", "int8"]).is_ordered
    assert not parsed_axis("p", [1, 3, 2]).is_ordered
    assert not parsed_axis("p", [True, False]).is_ordered


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ([], "without values"),
        ([1, 1], "given twice"),
        ("range(0)", "without values"),
        ("range(1, 5, 0)", "step of 0"),
        ("600 MHz", "expected a list"),
        ({"from": 2, "to": 1}, "empty range"),
        ({"from": 1}, "'to' is missing"),
        ({"from": "1 GHz", "to": "3 W"}, "no unit in common"),
        ({"from": 0, "to": 1, "scale": "log"}, "begins above 0"),
        ({"from": 0, "to": 1, "step": 0}, "more than 0"),
        ({"from": 0, "to": 1, "step": 1e-9}, "larger step"),
        ({"from": 0, "to": 1, "scale": "cubic"}, "linear or log"),
        ({"prefer": ["npu"]}, "unknown key 'prefer'"),
        ({"choices": [1], "when": {}}, "one axis and its value"),
        ({"choices": [1], "when": {"a": []}}, "never anything"),
    ],
)
def test_mistakes(raw, what):
    with pytest.raises(ValueError, match=what):
        parsed_axis("p", raw)
