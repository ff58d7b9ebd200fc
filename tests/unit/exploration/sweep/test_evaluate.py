"""A point evaluated is a run with these changes, whatever was evaluated before it in the same process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from sim import load_scenario, simulate
from sim.exploration.evaluate import Evaluator, digest
from sim.exploration.evaluate_study import StudyEvaluator
from sim.exploration.point import Point
from sim.report.budgets import judge
from sim.report.flat_metrics import QUANTITIES, flat_metrics
from sim.scenario.loading import read_source
from sim.scenario.overrides import apply_overrides
from sim.scenario.positions import Places

SCENARIO = Path(__file__).resolve().parents[4] / "scenarios" / "phone_camera.yaml"
AT_FIRST = ("duration=2 s",)
# axes that touch the device's speed, its heat, the model, the load, the governor: in an order in which caches would show
POINTS = [
    (),
    (("ambient", "35 degC"),),
    (("device.memory.bandwidth", "20 GB/s"),),
    (("models.detector.precision", "float16"), ("device.units.npu.frequency", "800 MHz")),
    (("device.units.npu.frequency", "800 MHz"),),
    (("seed", 7), ("workloads.camera.arrival", {"kind": "poisson", "rate": "40 Hz"})),
    (("governors", {"npu": "powersave"}),),
    (("models.detector.placement.prefer", ["gpu", "cpu"]),),
    (("models.detector.threads", 1), ("models.detector.runtime", "tflite")),
    (("device", "pixel_6"), ("models.detector.placement.prefer", ["cpu"]), ("models.detector.runtime", "tflite")),
    (("budgets.latency_p99", "1 ms"),),
    (),
]


@pytest.fixture(scope="module")
def evaluate() -> Evaluator:
    return Evaluator(read_source(SCENARIO, AT_FIRST).data, SCENARIO.parent)


@pytest.fixture(scope="module")
def in_turn(evaluate: Evaluator) -> list:
    return [evaluate(Point(position, changes)) for position, changes in enumerate(POINTS)]


@pytest.mark.parametrize("position", range(len(POINTS)))
def test_it_is_a_run_by_hand(in_turn: list, position: int) -> None:
    data = read_source(SCENARIO, AT_FIRST).data
    import json

    assert not apply_overrides(data, Places(), [f"{path}={json.dumps(value)}" for path, value in POINTS[position]])
    result = simulate(load_scenario(data))
    row = flat_metrics(result.metrics, judge(result.metrics, result.scenario, result.device))
    outcome = in_turn[position]
    assert outcome.status == "done"
    assert dict(outcome.metrics) == row
    assert outcome.canonical == result.loaded.canonical_text()
    assert outcome.key == digest(outcome.canonical)


def test_what_it_keeps_is_not_part_of_the_recipe(evaluate: Evaluator, in_turn: list) -> None:
    text = pickle.dumps(evaluate)
    assert len(text) < 20_000
    assert pickle.loads(text)(Point(0, POINTS[3])).metrics == in_turn[3].metrics


def test_a_graph_is_lowered_once_for_all_devices(evaluate: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.experiment import programs

    fresh = Evaluator(evaluate.data, evaluate.directory)
    calls = []
    monkeypatch.setattr(programs, "lower_model", lambda *args, real=programs.lower_model: calls.append(args) or real(*args))
    for mhz in (600, 700, 800):
        assert fresh(Point(0, (("device.units.npu.frequency", f"{mhz} MHz"),))).status == "done"
    assert fresh(Point(0, (("seed", 3),))).status == "done"
    assert len(calls) == 1
    assert fresh(Point(0, (("models.detector.precision", "float16"),))).status == "done"
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("models.detector.precision", "int3"), "models.detector.precision"),
        (("device.memory.capacity", "5.001 GiB"), "memory"),
        (("nothing.there", 1), "no key"),
        (("models.detector.source", "nowhere.onnx"), "nowhere.onnx"),
    ],
)
def test_a_mistake_is_an_outcome(evaluate: Evaluator, change: tuple, what: str) -> None:
    outcome = evaluate(Point(0, (change,)))
    assert outcome.status == "mistake"
    assert not outcome.metrics
    assert any(what in problem for problem in outcome.problems)


def test_sections_that_say_what_to_explore_are_left_out(evaluate: Evaluator) -> None:
    explored = Evaluator({**evaluate.data, "sweep": {"seed": [1, 2]}}, evaluate.directory)
    assert explored.base_digest == evaluate.base_digest


def test_every_quantity_is_a_field_of_some_row(in_turn: list) -> None:
    of_generation = {"first_token_p99_s", "between_tokens_p99_s", "token_rate_hz"}
    of_learning = {"learning.final_ratio"}
    of_studies = set().union(*(study(name)(Point(0, ())).metrics for name in STUDIES))
    assert {one.field for one in QUANTITIES.values()} - of_generation - of_learning <= set(in_turn[0].metrics) | of_studies


STUDIES = ("cameras_sharing_an_uplink", "federated_stragglers", "model_rollout")


def study(name: str) -> StudyEvaluator:
    file = SCENARIO.parent / f"{name}.yaml"
    return StudyEvaluator(read_source(file).data, file.parent)


@pytest.mark.parametrize("name", STUDIES)
def test_a_point_of_a_study_is_a_run_by_hand(name: str) -> None:
    from sim.exploration.studies import study_result
    from sim.report.quantities import flattened
    from sim.scenario.study import load_study

    outcome = pickle.loads(pickle.dumps(study(name)))(Point(0, (("seed", 3),)))
    assert outcome.status == "done"
    loaded = load_study(SCENARIO.parent / f"{name}.yaml", seed=3)
    assert loaded is not None
    result = study_result(loaded)
    assert outcome.metrics["valid"] == result["valid"]
    numbers = {path: value for path, value, _ in flattened(result["metrics"]) if value is not None}
    found = [value for value in outcome.metrics.values() if value is not None]
    assert all(value in found for value in numbers.values())


def test_mistakes_in_a_study_are_outcomes() -> None:
    outcome = study("cameras_sharing_an_uplink")(Point(0, (("fleet.tasks.detect.policy", "remoote"),)))
    assert outcome.status == "mistake"
    assert "remoote" in outcome.problems[0]


def test_a_part_is_changed_after_the_whole_whatever_their_order(evaluate: Evaluator) -> None:
    device, part = ("device", "snapdragon_8_gen_3_phone"), ("device.memory.bandwidth", "9 GB/s")
    assert evaluate.loaded((part, device)).canonical_text() == evaluate.loaded((device, part)).canonical_text() != evaluate.loaded((device,)).canonical_text()
