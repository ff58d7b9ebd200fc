"""Mistakes in ``loadgen`` are reported at their line. ``@`` marks the place; it is not part of the text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.scenario.loading import LoadedScenario

GOOD = "arrival: {kind: periodic, rate: 30 Hz}"
SERVER = "loadgen: {scenario: Server, target_qps: 50, target_latency: 15 ms, min_duration: 5 s}"
MISTAKES = [
    ("loadgen: {scenario: Server, target_qps: 50, min_duration: 5 s}", "loadgen", "missing key 'target_latency' (the bound of the latency"),
    ("loadgen: {scenario: Server, target_latency: 15 ms, min_duration: 5 s}", "loadgen", "missing key 'target_qps'"),
    ("loadgen: {target_qps: 50}", "loadgen", "missing key 'scenario': one of MultiStream, Offline, Server, SingleStream"),
    ("loadgen: {scenario: @server, min_duration: 5 s}", "loadgen.scenario", "'server' is not one of SingleStream, MultiStream, Server, Offline; did you mean"),
    ("loadgen: {scenario: SingleStream, min_duration: 5 s, min_query_count: @0}", "loadgen.min_query_count", "must be at least 1, got the number 0"),
    ("loadgen: {scenario: MultiStream, min_duration: 5 s, samples_per_query: @0}", "loadgen.samples_per_query", "must be at least 1"),
    ("loadgen: {scenario: SingleStream, min_duration: 5 s, percentile: @100}", "loadgen.percentile", "must be less than 100"),
    ("loadgen: {scenario: SingleStream, min_duration: 5 s, percentile: @99 %}", "loadgen.percentile", "a number between 0 and 100, such as 99"),
    ("loadgen: {scenario: SingleStream, min_duration: 5 s, @samples_per_query: 8}", "loadgen.samples_per_query", "unknown key 'samples_per_query'"),
    (SERVER.replace("50,", "@0,"), "loadgen.target_qps", "must be more than 0"),
    (SERVER.replace("50,", "@1e8,"), "loadgen.target_qps", "5e+08 queries in 5 s; a run can have at most 1e+08"),
    (SERVER.replace("15 ms", "@15"), "loadgen.target_latency", "15 has no unit"),
    (SERVER.replace("5 s", "@10 s"), "loadgen.min_duration", "leaves no time for answers before the end of the run, 9 s after the start; raise duration"),
    ("@loadgen: {scenario: SingleStream}", "loadgen", "min_duration (600 s, LoadGen's default) leaves no time for answers"),
    (
        SERVER.replace("5 s", "5 s, min_query_count: @1000"),
        "loadgen.min_query_count",
        "1000 queries take 20 s at a target_qps of 50, and the run ends after 9 s",
    ),
    (SERVER.replace("50,", "5,").replace("loadgen", "@loadgen"), "loadgen", "100 queries take 20 s at a target_qps of 5"),
    (SERVER + "\n    @count: 5", "count", "count goes with arrival"),
    (GOOD + "\n    @" + SERVER, "loadgen", "a workload has either arrival or loadgen, not both"),
    ("loadgen: {scenario: Offline, min_duration: 5 s, target_qps: @2000000}", "loadgen.target_qps", "1e+07 samples in 5 s; at most 5e+06 can wait at once"),
    ("loadgen: {scenario: Offline, min_duration: 5 s, min_query_count: @6000000}", "loadgen.min_query_count", "at most 5e+06 can wait at once"),
    ("loadgen: {scenario: MultiStream, min_duration: 5 s, min_query_count: 1000, samples_per_query: @1000000}", "loadgen.samples_per_query", "1e+09 samples"),
]


@pytest.mark.parametrize(("wrong", "path", "said"), MISTAKES, ids=[f"{position}-{path}" for position, (_, path, _) in enumerate(MISTAKES)])
def test_a_mistake_is_reported_at_its_place(scenario_text: str, mistakes: Callable[[str], list[str]], wrong: str, path: str, said: str) -> None:
    if "@" not in wrong:
        wrong = "@" + wrong
    text = scenario_text.replace(GOOD, wrong + "\n    start: 1 s")
    before = text[: text.index("@")]
    place = f"doorbell.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: workloads.camera.{path}: "
    found = mistakes(text.replace("@", ""))
    assert len(found) == 1, found
    assert found[0].startswith(place) and said in found[0]


def test_a_workload_without_either(scenario_text: str, mistakes: Callable[[str], list[str]]) -> None:
    (found,) = mistakes(scenario_text.replace(f"    {GOOD}\n", ""))
    assert "workloads.camera: missing key 'arrival' (when requests arrive" in found and "or loadgen in its place" in found


def test_queries_before_the_end_of_the_warm_up(scenario_text: str, mistakes: Callable[[str], list[str]]) -> None:
    (found,) = mistakes(scenario_text.replace(GOOD, SERVER))
    assert "workloads.camera.loadgen: queries before the end of the warm-up (1 s)" in found and "start: 1 s" in found


GOOD_ONES = [
    SERVER,
    SERVER.replace("5 s", "5 s, percentile: 99.9"),
    "loadgen: {scenario: Offline, min_duration: 5 s, target_qps: 10}",
    "loadgen: {scenario: MultiStream, min_duration: 5 s, samples_per_query: 4}",
]


@pytest.mark.parametrize("good", GOOD_ONES)
def test_a_good_one(scenario_text: str, load: Callable[..., LoadedScenario], good: str) -> None:
    loaded = load(scenario_text.replace(GOOD, good + "\n    start: 1 s"))
    assert loaded.scenario.workloads["camera"].loadgen is not None


def test_the_defaults_are_those_of_mlperf(scenario_text: str, load: Callable[..., LoadedScenario]) -> None:
    """mlperf.conf: ``*.*.min_duration``, ``target_latency_percentile``, ``samples_per_query``, ``min_query_count``; else test_settings.h."""
    kinds = ["{scenario: SingleStream}", "{scenario: MultiStream}", "{scenario: Server, target_qps: 50, target_latency: 15 ms}", "{scenario: Offline}"]
    found = []
    for kind in kinds:
        text = scenario_text.replace(GOOD, f"loadgen: {kind}\n    start: 1 s").replace("duration: 10 s", "duration: 700 s")
        found.append(load(text).scenario.workloads["camera"].loadgen)
    assert [float(one.min_duration_s) for one in found] == [600.0] * 4
    assert [getattr(one, "percentile", None) for one in found] == [90.0, 99.0, 99.0, None]
    assert [one.min_query_count for one in found] == [100, 662, 100, 24_576]
    assert found[1].samples_per_query == 8 and float(found[3].target_qps) == 1.0
