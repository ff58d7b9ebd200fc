"""Each mistake in what adapts is reported at its place. In the broken fragments ``@`` marks the place; it is not part of the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.scenario.loading import load_scenario

SCENARIO = """\
name: adaptive
device: pixel_6
duration: 4 s
models:
  small: {source: mobilenet_v2}
  big: {source: resnet50}
  net:
    source: resnet18
    exits:
      - {after: stage1/block2/relu_1, head: [{op: global_average_pool}, {op: dense, out: 10}], probability: 0.4, accuracy: 90 %}
      - {after: stage2/block2/relu_1, head: [{op: global_average_pool}, {op: dense, out: 10}], name: second, probability: 0.3}
    last: {accuracy: 80 %}
  sure:
    source: resnet18
    exits: [{after: stage1/block2/relu_1, confidence: {trace: rows.csv, threshold: 0.8}, correct: right}]
workloads:
  cascade:
    arrival: {kind: periodic, rate: 2 Hz}
    deadline: 100 ms
    pipeline:
      - {model: small, exit: {trace: rows.csv, threshold: 0.8, loop: true, correct: {small: right}}}
      - {model: net}
      - {name: pick, select: {policy: by_queue, among: [big, small], thresholds: [2], hysteresis: 1}}
      - {name: kept, cache: {size: 100, entry: 2 kB, key: {trace: rows.csv, column: key, loop: true}}, lookup: 1 ms}
      - {model: big, unless: [kept]}
"""
ROWS = "confidence,right,key\n" + "0.9,1,a\n" * 10

MISTAKES = [
    # exits
    ("probability: 0.3}", "probability: @0.7}", "models.net.exits.1.probability", "the probabilities sum to 1.1, not to 1"),
    ("last: {accuracy: 80 %}", "last: {probability: @0.4}", "models.net.exits.1.probability", "sum to 1.1, not to 1"),
    ("last: {accuracy: 80 %}", "last: {@probability: 0.2}", "models.net.exits.1.probability", "sum to 0.9, not to 1"),
    ("probability: 0.4", "probability: @-0.4", "models.net.exits.0.probability", "must be at least 0"),
    ("probability: 0.4", "probability: @1.4", "models.net.exits.0.probability", "must be at most 1"),
    ("probability: 0.4", "probability: @.nan", "models.net.exits.0.probability", "not a finite number"),
    ("probability: 0.4, ", "", "models.net.exits.0", "either probability or confidence"),
    ("name: second", "name: exit_1", "models.net.exits.0", "two exits have the same name"),
    ("correct: right}]", "correct: @wrong}]", "", "no column 'wrong' in the header"),
    ("accuracy: 90 %", "accuracy: @190 %", "models.net.exits.0.accuracy", "must be at most 1"),
    ("small: {source: mobilenet_v2}", "small: {source: mobilenet_v2, part: @{}}", "models.small.part", "a part needs from, until or both"),
    ("small: {source: mobilenet_v2}", "small: {source: mobilenet_v2, last: {accuracy: 1}}", "models.small", "last is for a model with exits"),
    ("small: {source: mobilenet_v2}", "small: {source: mobilenet_v2, part: {until: relu}, training: {}}", "models.small", "training goes with a whole model"),
    ("small: {source: mobilenet_v2}", "small: {source: mobilenet_v2, part: {until: relu}, accuracy: {dataset: a.npz}}", "models.small", "accuracy goes with"),
    ("{model: net}", "{generate: @net, prompt: 5, output: 5}", "workloads.cascade.pipeline.1.generate", "only a whole one generates"),
    ("{model: net}", "{model: net, repeat: @2}", "workloads.cascade.pipeline.1.repeat", "a request goes through it once"),
    ("{model: net}", "{model: net, @batching: {max_size: 4}}", "workloads.cascade.pipeline.1.batching", "batching goes with whole models"),
    ("among: [big, small], thresholds: [2]", "among: @[big], thresholds: []", "workloads.cascade.pipeline.2.select.among", "needs at least 2 entries, got 1"),
    ("among: [big, small], thresholds: [2]", "among: [big, @3], thresholds: [2]", "workloads.cascade.pipeline.2.select.among.1", "expected text"),
    # cascades
    ("threshold: 0.8, loop", "threshold: @high, loop", "workloads.cascade.pipeline.0.exit.threshold", "expected a number"),
    ("threshold: 0.8, loop", "threshold: @.nan, loop", "workloads.cascade.pipeline.0.exit.threshold", "finite number"),
    ("threshold: 0.8, loop: true", "rate: 0.7, loop: true", "workloads.cascade.pipeline.0.exit", "either rate (such as 0.7) or trace"),
    ("loop: true, correct: {small", "column: @konfidence, correct: {small", "", "no column 'konfidence' in the header; did you mean 'confidence'?"),
    ("correct: {small: right}", "correct: {@smal: right}", "workloads.cascade.pipeline.0.exit.correct.smal", "unknown stage 'smal'; did you mean 'small'?"),
    ("correct: {small: right}", "correct: @{net: right, big: right}", "workloads.cascade.pipeline.0.exit.correct", "name the column of that one alone"),
    ("unless: [kept]", "unless: [@kep]", "workloads.cascade.pipeline.4.unless.0", "unknown stage 'kep'; did you mean 'kept'?"),
    ("unless: [kept]", "unless: [@pick]", "workloads.cascade.pipeline.4.unless.0", "'pick' has neither exit nor cache: it is never sure"),
    ("unless: [kept]", "after: [small], unless: [@kept]", "workloads.cascade.pipeline.4.unless.0", "does not come after 'kept'"),
    ("unless: [kept]", "@exit: {rate: 1}", "workloads.cascade.pipeline.4.exit", "nothing follows 'big'"),
    ("rate: 2 Hz", "rate: 20 Hz", "models.sure.exits.0.confidence.trace", None),
    # selection
    ("policy: by_queue", "policy: @by_que", "workloads.cascade.pipeline.2.select.policy", "unknown selection policy 'by_que'; did you mean 'by_queue'"),
    ("among: [big, small]", "among: [big, @smal]", "workloads.cascade.pipeline.2.select.among.1", "unknown model 'smal'"),
    ("among: [big, small]", "among: [big]", "workloads.cascade.pipeline.2.select.thresholds", "1 models need 0 threshold"),
    ("among: [big, small]", "among: [big, big]", "workloads.cascade.pipeline.2.select", "a model stands in among once"),
    ("thresholds: [2]", "thresholds: @[2, 3]", "workloads.cascade.pipeline.2.select.thresholds", "2 models need 1 threshold, one between each"),
    ("thresholds: [2], ", "", "workloads.cascade.pipeline.2.select", "2 models need 1 threshold"),
    ("[big, small], thresholds: [2]", "[big, small, net], thresholds: [4, @2]", "workloads.cascade.pipeline.2.select.thresholds.1", "2 comes after 4"),
    ("thresholds: [2]", "thresholds: [@2 s]", "workloads.cascade.pipeline.2.select.thresholds.0", "'s' is not a unit of count"),
    ("thresholds: [2]", "thresholds: [@0]", "workloads.cascade.pipeline.2.select.thresholds.0", "it is at least 1"),
    ("hysteresis: 1", "@margin: 1 s", "workloads.cascade.pipeline.2.select.margin", "the policy does not look at margin; it has hysteresis, thresholds"),
    ("policy: by_queue", "policy: by_battery", "workloads.cascade.pipeline.2.select.thresholds.0", None),
    ("by_queue, among: [big, small], thresholds: [2], hysteresis: 1", "by_temperature, among: [big, small], thresholds: [40 degC], node: @skin2",
     "workloads.cascade.pipeline.2.select.node", "pixel_6 has no thermal node 'skin2'"),
    ("by_queue, among: [big, small], thresholds: [2], hysteresis: 1", "random, among: [big, small], weights: @[1, 2, 3]",
     "workloads.cascade.pipeline.2.select.weights", "2 models need 2 weights, not 3"),
    ("    deadline: 100 ms\n", "", "", None),
    # caches
    ("size: 100", "size: @0", "workloads.cascade.pipeline.3.cache.size", "must be at least 1"),
    ("size: 100, ", "", "workloads.cascade.pipeline.3.cache", "either size (entries) or bytes"),
    ("size: 100", "bytes: 1 kB", "workloads.cascade.pipeline.3.cache", "does not hold a single entry"),
    ("size: 100", "size: 100, policy: @lruu", "workloads.cascade.pipeline.3.cache.policy", "unknown cache policy 'lruu'; did you mean 'lru'"),
    ("column: key", "column: @kex", "", "no column 'kex' in the header; did you mean 'key'?"),
    ("trace: rows.csv, column: key", "trace: @row.csv, column: key", "workloads.cascade.pipeline.3.cache.key.trace", "did you mean 'rows.csv'?"),
    (", lookup: 1 ms", "", "workloads.cascade.pipeline.3", "either lookup (a time) or work"),
    ("entry: 2 kB, ", "", "workloads.cascade.pipeline.3.cache", "give entry"),
    ("key: {trace: rows.csv, column: key, loop: true}", "key: {zipf: @-1, items: 10}", "workloads.cascade.pipeline.3.cache.key.zipf", "at least 0"),
    ("key: {trace: rows.csv, column: key, loop: true}", "key: {zipf: 1, items: @0}", "workloads.cascade.pipeline.3.cache.key.items", "at least 1"),
    ("lookup: 1 ms}", "lookup: 1 ms, repeat: 2}", "workloads.cascade.pipeline.3", "a request looks for its result once"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS)
    return tmp_path


def problems(text: str, folder: Path) -> list:
    with pytest.raises(EdgesimError) as error:
        load_scenario(text, known=known_names(), directory=folder)
    return list(error.value.problems)


def test_the_scenario_itself_is_right(folder: Path) -> None:
    loaded = load_scenario(SCENARIO, known=known_names(), directory=folder)
    assert list(loaded.canonical()["files"]) == ["rows.csv"]


@pytest.mark.parametrize(("right", "wrong", "path", "what"), [row for row in MISTAKES if row[3]], ids=lambda value: str(value)[:40])
def test_mistake(right: str, wrong: str, path: str, what: str, folder: Path) -> None:
    assert SCENARIO.count(right) >= 1
    text = SCENARIO.replace(right, wrong, 1)
    at = text.find("@")
    found = problems(text.replace("@", ""), folder)
    matching = [problem for problem in found if what in problem.what]
    assert matching, [str(problem) for problem in found]
    problem = matching[0]
    if path:
        assert problem.path == path
    assert problem.line
    if at >= 0 and path and problem.path == path and "exits.1.probability" not in path:
        assert (problem.line, problem.column) == (text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def test_a_trace_that_is_too_short_for_the_rate(folder: Path) -> None:
    text = SCENARIO.replace("rate: 2 Hz", "rate: 20 Hz").replace("- {model: net}", "- {model: sure}")
    (problem,) = problems(text, folder)
    assert problem.path == "models.sure.exits.0.confidence.trace"
    assert "'rows.csv' has 10 rows for some 80 requests; give it more rows, or loop: true, or order: random" in problem.what


def test_what_the_device_or_workload_lacks(folder: Path) -> None:
    text = SCENARIO.replace("by_queue, among: [big, small], thresholds: [2], hysteresis: 1", "by_battery, among: [big, small], thresholds: [30 %]")
    (problem,) = problems(text.replace("pixel_6", "raspberry_pi_5"), folder)
    assert "by_battery looks at the state of charge, but raspberry_pi_5 has no battery" in problem.what
    text = SCENARIO.replace("by_queue, among: [big, small], thresholds: [2], hysteresis: 1", "by_deadline, among: [big, small]")
    load_scenario(text, known=known_names(), directory=folder)
    (problem,) = problems(text.replace("    deadline: 100 ms\n", ""), folder)
    assert problem.path == "workloads.cascade.pipeline.2.select.policy" and "the workload has none" in problem.what


@pytest.mark.parametrize(
    ("rows", "line", "what"),
    [
        ("confidence,right,key\n0.9,1,a\nnan,1,a\n", 3, "'nan' is not a finite number"),
        ("confidence,right,key\n0.9,1,a\nhigh,1,a\n", 3, "'high' is not a number"),
        ("confidence,right,key\n0.9,1,a\n0.9\n", 3, "the row ends before this column"),
        ("confidence,right,key\n0.9,2,a\n", 2, "says neither right (1) nor wrong (0)"),
        ("confidence,right,key\n", 1, "no rows below the header"),
        ("", 1, "the file is empty"),
    ],
)
def test_mistakes_in_the_trace(rows: str, line: int, what: str, folder: Path) -> None:
    (folder / "rows.csv").write_text(rows)
    found = problems(SCENARIO, folder)
    assert any(problem.file.endswith("rows.csv") and problem.line == line and what in problem.what for problem in found), found
