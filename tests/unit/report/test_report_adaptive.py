"""What a report says of stages that adapt: shares, accuracies that are known, bounds where they are not, hits of caches."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim import load_scenario, simulate
from sim.experiment.simulate import prepare
from sim.report.adaptive_metrics import _accuracy, _Way
from sim.report.adaptive_section import adaptive_lines
from sim.report.budgets import judge
from sim.report.chrome_trace import chrome_trace_text
from sim.report.glyphs import ASCII, UNICODE, Glyphs
from sim.report.metrics import measure
from sim.report.page import Page
from sim.report.quantities import described
from sim.report.scenario_yaml import scenario_text
from sim.report.tables_csv import write_tables

MODELS = {"small": {"source": "ds_cnn"}, "big": {"source": "mobilenet_v1", "options": {"width": 0.25, "resolution": 128}}}


def scenario(pipeline: list[dict[str, Any]], models: dict[str, Any] = MODELS, **more: Any) -> dict[str, Any]:
    workloads = {"w": {"arrival": {"kind": "periodic", "rate": "10 Hz"}, "pipeline": pipeline}}
    return {"name": "adaptive", "device": "raspberry_pi_4", "models": models, "workloads": workloads, "duration": "10 s", **more}


def metrics(given: dict[str, Any], folder: Path | None = None) -> Any:
    if folder is None:
        return simulate(given).metrics
    (folder / "s.yaml").write_text(json.dumps(given))
    return simulate(folder / "s.yaml").metrics


def test_the_accuracy_of_a_cascade_is_counted_row_by_row(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    confidence, small, big = rng.random(100), rng.random(100) < 0.7, rng.random(100) < 0.9
    lines = [f"{score:.6f},{int(one)},{int(other)}" for score, one, other in zip(confidence, small, big, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["confidence,small_right,big_right", *lines]))
    rule = {"trace": "rows.csv", "threshold": 0.6, "correct": {"small": "small_right", "big": "big_right"}}
    found = metrics(scenario([{"model": "small", "exit": rule}, {"model": "big"}]), tmp_path).adaptive.cascades["w/small"]
    sure = np.round(confidence, 6) >= 0.6
    assert found.accuracy.kind == "exact" and found.accuracy.value_ratio == pytest.approx(np.where(sure, small, big).mean())
    assert found.ways["small"].requests_count == sure.sum() and found.ways["small"].share_ratio == pytest.approx(sure.mean())
    assert found.ways["big"].accuracy_ratio == pytest.approx(big[~sure].mean())


def test_given_accuracies_are_weighted_by_the_ways_taken() -> None:
    pipeline = [{"model": "small", "exit": {"rate": 0.6, "accuracy": 0.95, "accuracy_unsure": 0.8}}, {"model": "big"}]
    found = metrics(scenario(pipeline)).adaptive.cascades["w/small"]
    share = found.ways["small"].share_ratio
    assert found.accuracy.kind == "expected" and found.accuracy.value_ratio == pytest.approx(share * 0.95 + (1 - share) * 0.8)


def test_exits_of_a_network_by_probability() -> None:
    exits = [{"after": "stage1/block1/relu_1", "head": [{"op": "global_average_pool"}, {"op": "dense", "out": 10}], "probability": 0.5, "accuracy": 0.9}]
    models = {"net": {"source": "resnet18", "exits": exits, "last": {"accuracy": 0.8}}}
    found = metrics(scenario([{"model": "net"}], models, workloads={"w": {"arrival": {"kind": "periodic", "rate": "2 Hz"}, "pipeline": [{"model": "net"}]}}))
    mixture = found.adaptive.exits["w/net"]
    share = mixture.ways["exit_1"].share_ratio
    assert mixture.accuracy.value_ratio == pytest.approx(share * 0.9 + (1 - share) * 0.8)
    assert found.adaptive.models == ("net@exit_1", "net@end")


def test_a_mixture_that_nobody_knows_is_unknown_and_says_why() -> None:
    found = metrics(scenario([{"model": "small", "exit": {"rate": 0.6}}, {"model": "big"}])).adaptive.cascades["w/small"]
    assert found.accuracy.value_ratio is None and found.accuracy.kind == "unknown"
    assert "nobody knows how accurate small and big are on the requests that they answered" in found.accuracy.note


def test_bounds_hold_for_any_way_the_mistakes_may_fall() -> None:
    """All cascades of six inputs: with two models right on so many of them, the mixture lies within the bounds, and reaches both."""
    inputs = 6
    for right_small, right_big, sure in itertools.product(range(inputs + 1), range(inputs + 1), range(1, inputs)):
        ways = [
            _Way("small", sure, None, accuracy=right_small / inputs),
            _Way("big", inputs - sure, None, accuracy=right_big / inputs),
        ]
        found = _accuracy(ways, inputs, independent=False)
        low, high = (found.value_ratio, found.value_ratio) if found.value_ratio is not None else (found.low_ratio, found.high_ratio)
        least = max(0, right_small - (inputs - sure)) + max(0, right_big - sure)
        most = min(sure, right_small) + min(inputs - sure, right_big)
        assert (low, high) == (pytest.approx(least / inputs), pytest.approx(most / inputs))
        assert (found.value_ratio is not None) == (least == most)


def test_a_chosen_model_is_as_accurate_as_the_requests_it_gets_are_many() -> None:
    models = {"big": {"source": "mobilenet_v2"}, "small": {"source": "squeezenet1_1"}}
    pipeline = [{"name": "pick", "select": {"policy": "round_robin", "among": ["big", "small"], "weights": [1, 3]}}]
    found = metrics(scenario(pipeline, models, runtime="onnxruntime", budgets={"accuracy": "10 %"}))
    mixture = found.adaptive.selections["w/pick"]
    known = [found.models[name].accuracy.value_ratio for name in models]
    assert [way.share_ratio for way in mixture.ways.values()] == [pytest.approx(0.25), pytest.approx(0.75)]
    if None in known:
        assert mixture.accuracy.value_ratio is None
    else:
        assert mixture.accuracy.value_ratio == pytest.approx(0.25 * known[0] + 0.75 * known[1])


def test_the_budget_judges_the_mixture_not_its_models() -> None:
    pipeline = [{"model": "small", "exit": {"rate": 0.5, "accuracy": 0.9, "accuracy_unsure": 0.9}}, {"model": "big"}]
    given = scenario(pipeline, budgets={"accuracy": "89 %"})
    experiment = prepare(load_scenario(given))
    result = experiment.run()
    (verdict,) = judge(measure(result), result.scenario, result.device)
    assert verdict.ok and verdict.value == pytest.approx(0.9)
    plain = scenario([*pipeline, {"model": "small", "name": "again", "after": []}], budgets={"accuracy": "89 %"})
    result = prepare(load_scenario(plain)).run()
    (verdict,) = judge(measure(result), result.scenario, result.device)
    assert not verdict.ok and verdict.value is None  # small also answers by itself, and nobody knows how well


def test_hits_of_a_cache_and_numbers_with_units() -> None:
    use = {"name": "kept", "cache": {"size": 5, "entry": "1 kB", "key": {"zipf": 1, "items": 20}}, "lookup": "1 ms"}
    found = metrics(scenario([use, {"model": "small"}]))
    cache = found.adaptive.caches["w/kept"]
    assert cache.hits_count + cache.misses_count == 100 and cache.hit_ratio == pytest.approx(cache.hits_count / 100)
    assert (cache.entries_count, cache.used_bytes, cache.capacity_bytes) == (5, 5000.0, 5000.0)
    plain = described(found.adaptive)
    assert plain["caches"]["w/kept"]["hit"] == {"value": cache.hit_ratio, "unit": "1"}


def _page(width: int, glyphs: Glyphs) -> list[str]:
    exits = [{"after": "stage1/block1/relu_1", "probability": 0.5, "accuracy": 0.9}]
    models = {**MODELS, "net": {"source": "resnet18", "exits": exits, "last": {"accuracy": 0.8}}}
    use = {"name": "kept", "cache": {"size": 5, "entry": "1 kB", "key": {"zipf": 1, "items": 20}}, "lookup": "1 ms"}
    pipeline = [use, {"model": "small", "exit": {"rate": 0.6}}, {"model": "big"}]
    given = scenario(pipeline, models)
    given["workloads"]["a_workload_of_a_long_name"] = {
        "arrival": {"kind": "periodic", "rate": "2 Hz"},
        "pipeline": [{"name": "pick", "select": {"policy": "round_robin", "among": ["net", "big"]}}],
    }
    result = prepare(load_scenario(given)).run()
    return [line.plain for line in adaptive_lines(Page(result, measure(result), (), width, glyphs))]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_the_section_fits_the_page(width: int, glyphs: Glyphs) -> None:
    lines = _page(width, glyphs)
    assert max(map(len, lines)) <= width and len(lines) <= 16
    text = " ".join(" ".join(lines).split())
    assert "adaptive inference" in text and "lookups hit" in text and "accuracy unknown" in text
    assert "round_robin, 20 decided: net 50 %" in text.replace("  ", " ")


def test_choices_in_tables_have_names(tmp_path: Path) -> None:
    result = prepare(load_scenario(scenario([{"model": "small", "exit": {"rate": 0.5}}, {"model": "big"}]))).run()
    write_tables(result.trace, tmp_path)
    with (tmp_path / "choices.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["outcome"] for row in rows} == {"sure", "unsure"} and {row["stage"] for row in rows} == {"w/small"} and len(rows) == 100


def test_the_trace_for_perfetto_says_what_each_request_took() -> None:
    models = {**MODELS, "net": {"source": "resnet18", "exits": [{"after": "stage1/block1/relu_1", "probability": 1}]}}
    pipeline = [{"model": "small", "exit": {"rate": 0}}, {"name": "pick", "select": {"policy": "round_robin", "among": ["net", "big"]}}]
    result = prepare(load_scenario(scenario(pipeline, models, duration="0.5 s"))).run()
    events = json.loads("".join(chrome_trace_text(result)))["traceEvents"]
    begun = [event["args"] for event in events if event.get("cat") == "request" and event["ph"] == "b" and event["name"] == "w"]
    assert [args["pick"] for args in begun] == ["net, exit_1", "big", "net, exit_1", "big", "net, exit_1"][: len(begun)]
    assert all(args["small"] == "unsure" for args in begun) and len(begun) == 5


def test_the_scenario_of_a_run_finds_its_traces_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("confidence,key\n0.9,a\n0.1,b\n")
    row = {"trace": "rows.csv", "loop": True}
    exits = [{"after": "stage1/block1/relu_1", "confidence": {**row, "threshold": 0.5}}]
    pipeline = [
        {"name": "kept", "cache": {"size": 5, "entry": "1 kB", "key": row, "ttl": "3 s"}, "lookup": "1 ms"},
        {"model": "small", "exit": {**row, "threshold": 0.5}},
        {"name": "pick", "select": {"policy": "by_time", "among": ["net", "big"], "thresholds": ["2 s"]}},
    ]
    (tmp_path / "s.yaml").write_text(json.dumps(scenario(pipeline, {**MODELS, "net": {"source": "resnet18", "exits": exits}})))
    first = load_scenario(tmp_path / "s.yaml")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "again.yaml").write_text(scenario_text(first.scenario, first.directory, tmp_path / "other"))
    again = load_scenario(tmp_path / "other" / "again.yaml")
    assert list(again.canonical()["files"].values()) == list(first.canonical()["files"].values())
    ends = [prepare(loaded).run().trace.requests["end_s"] for loaded in (first, again)]
    assert np.array_equal(*ends)


def test_no_section_without_stages_that_adapt() -> None:
    assert metrics(scenario([{"model": "small"}])).adaptive is None
