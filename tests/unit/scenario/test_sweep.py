"""The section ``sweep``: axes, groups, conditions; every mistake at its place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import load_scenario
from sim.errors import EdgesimError
from sim.scenario.constraint import parsed_constraint, plain_number
from sim.scenario.sweep import read_sweep

BASE = """\
name: s
device: pixel_6
duration: 1 s
models: {net: {source: mobilenet_v2}}
workloads: {w: {arrival: {kind: periodic, rate: 10 Hz}, pipeline: [{model: net}]}}
"""


def test_a_sweep_has_no_part_in_a_run():
    with_sweep = load_scenario(BASE + "sweep: {seed: range(5)}\n")
    assert with_sweep.canonical_text() == load_scenario(BASE).canonical_text()


def test_values_lists_ranges_and_spans():
    sweep, wrong = read_sweep({"a.b": ["600 MHz", "1 GHz"], "seed": "range(2, 8, 3)", "c": {"from": "1 GHz", "to": "4 GHz", "count": 3, "scale": "log"}})
    assert not wrong
    assert sweep is not None
    assert [axis.values for axis in sweep.axes] == [("600 MHz", "1 GHz"), (2, 5), ("1 GHz", "2 GHz", "4 GHz")]
    assert sweep.groups == ((0,), (1,), (2,))


def test_axes_that_move_together_are_one_group():
    sweep, wrong = read_sweep({"a": [1, 2], "b": [3, 4, 5], "c": [6, 7], "zip": [["c", "a"]]})
    assert not wrong
    assert sweep is not None
    assert sweep.groups == ((0, 2), (1,))


MISTAKES = [
    ("{device.units.npu.frequency: []}", "sweep.device.units.npu.frequency", "without values"),
    ("{seed: range(0)}", "sweep.seed", "without values"),
    ("{seed: 'range(1, 5, 0)'}", "sweep.seed", "step of 0"),
    ("{seed: range(1, 5)}", "sweep.seed", "in quotes"),
    ("{seed: {from: 5, to: 1, count: 3}}", "sweep.seed", "empty range"),
    ("{seed: {from: 1, to: 5}}", "sweep.seed", "a step or a count"),
    ("{duration: {from: 1 s, to: 5 GHz, count: 3}}", "sweep.duration", "no unit in common"),
    ("{seed: [1, 1]}", "sweep.seed", "twice"),
    ("{seed: 5}", "sweep.seed", "expected a list"),
    ("{}", "sweep", "no axis"),
    ("[1]", "sweep", "expected a mapping"),
    ("{name: [a, b]}", "sweep.name", "cannot be varied"),
    ("{budgets.power: {from: 1 W, to: 2 W, when: {seed: 1}}}", "sweep.budgets.power", "independent"),
    ("{seed: [1, 2], replications: 3}", "sweep.replications", "an axis already"),
    ("{seed: [1, 2], replications: 0}", "sweep.replications", "greater than or equal to 1"),
    ("{seed: [1, 2], zip: [[seed, ambient]]}", "sweep.zip.0", "'ambient' is no axis"),
    ("{seed: [1, 2], zip: [[seed]]}", "sweep.zip.0", "two axes or more"),
    ("{seed: [1, 2], duration: [1 s], zip: [[seed, duration]]}", "sweep.zip.0", "equally many"),
    ("{seed: [1, 2], where: ['seeed > 1']}", "sweep.where.0", "did you mean 'seed'"),
    ("{seed: [1, 2], where: ['seed >']}", "sweep.where.0", "no condition"),
    ("{seed: [1, 2], where: ['__import__(\"os\")']}", "sweep.where.0", "only axes"),
    ("{seed: [1, 2], where: ['seed.real > 1']}", "sweep.where.0", "no axis"),
    ("{seed: [1, 2], sample: {kind: sobol}}", "sweep.sample.points", "missing"),
    ("{seed: [1, 2], sample: {kind: halton, points: 3}}", "sweep.sample.kind", "should be"),
    ("{seed: [1, 2], sample: {kind: random, points: 3, size: 2}}", "sweep.sample.size", "unknown key"),
]


@pytest.mark.parametrize(("section", "path", "what"), MISTAKES)
def test_a_mistake_is_told_at_its_place(section: str, path: str, what: str):
    with pytest.raises(EdgesimError) as caught:
        load_scenario(BASE + f"sweep: {section}\n")
    problem = next(problem for problem in caught.value.problems if problem.path == path)
    assert what in problem.what
    assert problem.line == 6


def test_all_mistakes_are_told_at_once():
    with pytest.raises(EdgesimError) as caught:
        load_scenario(BASE + "sweep: {seed: [], duration: [1 s], zip: [[a, b]], where: ['x > 1'], sample: {kind: none, points: 1}}\n")
    assert len(caught.value.problems) >= 4


AXES = ("device.units.npu.frequency", "models.net.precision", "workloads.w.pipeline.0.batch", "seed")
VALUES = {AXES[0]: "800 MHz", AXES[1]: "int8", AXES[2]: 4, AXES[3]: 3}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("frequency >= 800 MHz", True),
        ("device.units.npu.frequency > 0.9 GHz", False),
        ("frequency > 0.9 GHz or precision == 'int8'", True),
        ("not (precision == 'int8')", False),
        ("workloads.w.pipeline.0.batch * 2 == 8", True),
        ("batch > seed and seed != 2", True),
        ("1 < seed < 3", False),
        ("frequency / 2 == 400 MHz", True),
        ("precision != 'float16'", True),
        ("precision == '800 MHz'", False),
        ("-seed < 0", True),
    ],
)
def test_conditions(text: str, holds: bool):
    assert parsed_constraint(text, AXES).holds(VALUES) is holds


def test_a_name_that_may_be_two_axes_is_told():
    with pytest.raises(ValueError, match=r"may be any of a\.x, b\.x"):
        parsed_constraint("x > 1", ["a.x", "b.x"])


def test_what_cannot_be_compared_is_told():
    with pytest.raises(ValueError, match="cannot be worked out"):
        parsed_constraint("precision > 3", AXES).holds(VALUES)


@given(st.integers(-50, 50), st.integers(-50, 50), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.sampled_from(["and", "or"]))
def test_conditions_are_pythons(left: int, right: int, sign: str, word: str):
    text = f"a {sign} b {word} not a {sign} 7"
    assert parsed_constraint(text, ["a", "b"]).holds({"a": left, "b": right}) is bool(eval(text, {}, {"a": left, "b": right}))


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_a_mistake(text: str):
    with contextlib.suppress(ValueError):
        parsed_constraint(text, ["a"]).holds({"a": 1})


@pytest.mark.parametrize(("value", "number"), [("1.2 GHz", 1.2e9), ("20 GB/s", 20e9), ("50 %", 0.5), (3, 3), ("int8", "int8"), ("7", 7.0), ([1], [1])])
def test_values_in_si_units(value, number):
    assert plain_number(value) == number
