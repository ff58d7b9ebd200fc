"""Each mistake in what serves is reported at its place. In the broken fragments ``@`` marks the place; it is not part of the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.experiment.simulate import prepare
from sim.scenario.batching import Batching
from sim.scenario.loading import load_scenario

SCENARIO = """\
name: serving
device: edge_server
duration: 4 s
models:
  net: {source: mobilenet_v2, precision: float16, placement: {prefer: [gpu]}}
  other: {source: squeezenet1_1, precision: float16}
workloads:
  first:
    arrival: {kind: poisson, rate: 20 Hz}
    admission: {name: token_bucket, rate: 100 Hz}
    pipeline:
      - {name: pre, units: [cpu, gpu], work: {operations: 1 M}, spread: {kind: gamma, cv: 0.5}}
      - {model: net, batching: {max_size: 4, max_delay: 5 ms, buckets: [1, 2, 4], policy: greedy}, admission: deadline}
  second:
    arrival: {kind: poisson, rate: 20 Hz}
    pipeline:
      - {model: net, batching: {max_size: 4, max_delay: 5 ms, buckets: [1, 2, 4], policy: greedy}, admission: deadline}
      - {model: other}
"""
SECOND = "workloads.second.pipeline.0"
NET = "      - {model: net, batching: {max_size: 4, max_delay: 5 ms, buckets: [1, 2, 4], policy: greedy}, admission: deadline}\n"
LAST = NET + "      - {model: other}"
PRE = "units: [cpu, gpu], work: {operations: 1 M}, spread: {kind: gamma, cv: 0.5}"

MISTAKES = [
    ("max_size: 4", "max_size: @0", "workloads.first.pipeline.1.batching.max_size", "must be at least 1, got the number 0"),
    ("max_size: 4", "max_size: @-2", "workloads.first.pipeline.1.batching.max_size", "must be at least 1"),
    ("max_size: 4", "max_size: @true", "workloads.first.pipeline.1.batching.max_size", "expected a whole number, got true"),
    ("max_size: 4", "max_size: @5000", "workloads.first.pipeline.1.batching.max_size", "must be at most 1024"),
    ("buckets: [1, 2, 4]", "buckets: [@0, 4]", "workloads.first.pipeline.1.batching.buckets.0", "must be at least 1"),
    ("buckets: [1, 2, 4]", "buckets: [1, 8]", "workloads.first.pipeline.1.batching", "a bucket of 8 is never filled: max_size is 4"),
    ("buckets: [1, 2, 4]", "buckets: [1, 2]", "workloads.first.pipeline.1.batching", "a batch of max_size 4 fits no bucket: the largest is 2"),
    ("buckets: [1, 2, 4]", "buckets: [2, 1, 4]", "workloads.first.pipeline.1.batching", "ascending order"),
    ("buckets: [1, 2, 4]", "buckets: [2, 2, 4]", "workloads.first.pipeline.1.batching", "different sizes"),
    ("max_delay: 5 ms", "max_delay: @-5 ms", "workloads.first.pipeline.1.batching.max_delay", "must be at least 0 s"),
    ("max_delay: 5 ms", "max_delay: @5 MB", "workloads.first.pipeline.1.batching.max_delay", "not a unit of time"),
    ("policy: greedy", "policy: @gredy", "workloads.first.pipeline.1.batching.policy", "unknown batching policy 'gredy'; did you mean 'greedy'?"),
    ("admission: deadline", "admission: @dead_line", "workloads.first.pipeline.1.admission", "unknown admission policy"),
    ("rate: 100 Hz}", "rate: @-100 Hz}", "workloads.first.admission.rate", "out of range"),
    ("rate: 100 Hz}", "@brust: 3}", "workloads.first.admission.brust", "unknown tunable 'brust'; did you mean 'burst'?"),
    ("units: [cpu, gpu]", "units: [cpu, @npu]", "workloads.first.pipeline.0.units.1", "edge_server has no unit 'npu'; a pool names single units"),
    ("units: [cpu, gpu]", "units: [cpu, @cpu]", "workloads.first.pipeline.0.units.1", "'cpu' stands in this pool twice"),
    ("units: [cpu, gpu]", "unit: cpu, units: [cpu, gpu]", "workloads.first.pipeline.0", "give either unit or units, not both"),
    (PRE, "admission: deadline, work: {operations: 1 M}", "workloads.first.pipeline.0", "only a stage with units has a queue of its own"),
    ("cv: 0.5", "cv: @0", "workloads.first.pipeline.0.spread.cv", "must be more than 0"),
    ("{kind: gamma, cv: 0.5}", "{kind: @normal, cv: 0.5}", "workloads.first.pipeline.0.spread.kind", "exponential"),
    ("kind: gamma, cv: 0.5", "kind: gamma", "workloads.first.pipeline.0.spread", "gamma needs cv"),
    ("kind: gamma, cv: 0.5", "kind: exponential, cv: 0.5", "workloads.first.pipeline.0.spread", "the cv of an exponential is 1"),
    ("kind: gamma, cv: 0.5", "kind: uniform, cv: 0.6", "workloads.first.pipeline.0.spread", "at most 0.577"),
    ("{model: other}", "{model: other, admission: deadline}", "workloads.second.pipeline.1", "only a stage with batching or units has a queue of its own"),
    (
        LAST,
        LAST.replace("max_size: 4", "max_size: 8").replace("[1, 2, 4]", "[1, 8]").replace("batching: {", "batching: @{"),
        f"{SECOND}.batching",
        "both have one queue",
    ),
    (LAST, LAST.replace("admission: deadline", "admission: @token_bucket"), f"{SECOND}.admission", "both have one queue"),
    (NET, NET.replace("policy: greedy}", "policy: greedy}, units: [gpu]"), SECOND, "both have one queue; write the same, or name the model twice"),
]


def _load(folder: Path, text: str):
    file = folder / "serving.yaml"
    file.write_text(text, encoding="utf-8")
    return load_scenario(file, known=known_names())


def test_the_scenario_is_right(tmp_path: Path) -> None:
    experiment = prepare(_load(tmp_path, SCENARIO))
    assert list(experiment.programs) == ["first/pre", "first/pre@gpu", "net[4]", "net", "net[2]", "other"]
    assert experiment.run().trace.queues[1].name == "net"


@pytest.mark.parametrize(("right", "wrong", "path", "what"), MISTAKES)
def test_mistakes_are_reported_at_their_place(tmp_path: Path, right: str, wrong: str, path: str, what: str) -> None:
    assert right in SCENARIO
    text = SCENARIO.replace(right, wrong, 1)
    at = text.find("@")
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    with pytest.raises(EdgesimError) as caught:
        prepare(_load(tmp_path, text.replace("@", "")))
    found = [problem for problem in caught.value.problems if problem.path == path]
    assert found, caught.value
    assert what in found[0].what
    if at >= 0:
        assert (found[0].line, found[0].column) == (line, column)


@pytest.mark.parametrize(("size", "sizes"), [(1, (1,)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8)), (1000, (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000))])
def test_sizes_are_powers_of_two_if_none_are_given(size: int, sizes: tuple[int, ...]) -> None:
    assert Batching(max_size=size).sizes == sizes
