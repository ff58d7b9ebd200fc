"""Programs of stages that batch: one set of weights, the arena of the largest batch, every size compiled, on every unit of a pool."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.experiment.simulate import Experiment, prepare
from sim.scenario.loading import load_scenario

LAYERS = [{"op": "conv", "out": 8, "kernel": 3, "stride": 2}, {"op": "relu"}, {"op": "global_average_pool"}, {"op": "dense", "out": 10}]


def _experiment(model: dict[str, Any], device: str = "edge_server", units: tuple[str, ...] = (), **more: Any) -> Experiment:
    stage: dict[str, Any] = {"model": "net", "batching": {"max_size": 8, "buckets": [1, 3, 8]}}
    if units:
        stage["units"] = list(units)
    data = {
        "name": "batches",
        "device": device,
        "models": {"net": model},
        "workloads": {"w": {"arrival": {"kind": "poisson", "rate": "50 Hz"}, "pipeline": [stage]}},
        "duration": "1 s",
    }
    return prepare(load_scenario(copy.deepcopy(data | more)))


MODELS: list[dict[str, Any]] = [
    {"source": "mobilenet_v2", "precision": "float16", "placement": {"prefer": ["gpu"]}},
    {"layers": LAYERS, "input": {"shape": [1, 3, 32, 32]}},
    {"source": "resnet18", "precision": "int8"},
]


@pytest.mark.parametrize("model", MODELS)
def test_weights_once_and_the_largest_arena(model: dict[str, Any]) -> None:
    programs = _experiment(model).programs
    assert set(programs) == {"net", "net[3]", "net[8]"}
    alone = prepare(
        load_scenario(
            {
                "name": "alone",
                "device": "edge_server",
                "models": {"net": model},
                "workloads": {"w": {"arrival": {"kind": "poisson", "rate": "1 Hz"}, "pipeline": [{"model": "net"}]}},
                "duration": "1 s",
            }
        )
    ).programs["net"]
    carrier, largest = programs["net"], programs["net[8]"]
    assert carrier.weights_bytes == alone.weights_bytes
    assert carrier.plan.arena_bytes == largest.plan.arena_bytes > alone.plan.arena_bytes
    assert carrier.storage_bytes == alone.storage_bytes
    assert [programs[name].weights_bytes for name in ("net[3]", "net[8]")] == [0.0, 0.0]
    assert [programs[name].storage_bytes for name in ("net[3]", "net[8]")] == [0.0, 0.0]
    for size, program in ((3, programs["net[3]"]), (8, largest)):
        assert program.macs == pytest.approx(size * alone.macs, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_memory_of_a_run_is_that_of_one_model(model: dict[str, Any]) -> None:
    experiment = _experiment(model)
    trace = experiment.run().trace
    assert trace.totals["peak_memory_bytes"] == experiment.programs["net"].resident_bytes


def test_a_pool_has_a_copy_on_each_unit_and_one_file() -> None:
    experiment = _experiment({"source": "mobilenet_v2", "precision": "int8", "runtime": "tflite"}, "pixel_6", ("cpu_big", "gpu"))
    programs = experiment.programs
    assert set(programs) == {"net", "net[3]", "net[8]", "net@gpu", "net@gpu[3]", "net@gpu[8]"}
    assert {segment.unit for segment in programs["net[3]"].segments} == {"cpu_big"}
    assert "gpu" in {segment.unit for segment in programs["net@gpu[8]"].segments}
    assert programs["net"].weights_bytes > 0 and programs["net@gpu"].weights_bytes > 0
    assert programs["net@gpu"].storage_bytes == 0
    trace = experiment.run().trace
    assert trace.queues[0].replicas == 2
    assert {trace.units[unit] for unit in set(trace.spans["unit"].tolist())} >= {"cpu_big"}


def test_a_file_with_a_fixed_batch_of_one(shared: Path, tmp_path: Path) -> None:
    file = shared / "models" / "onnx" / "resnet8.onnx"
    if not file.is_file():
        pytest.skip("file is not there")
    experiment = _experiment({"source": str(file)})
    assert experiment.programs["net[8]"].macs == pytest.approx(8 * experiment.programs["net"].macs)
    assert sum(experiment.run().trace.queues[0].sizes.values()) > 20


@pytest.mark.parametrize(
    ("model", "more", "what"),
    [
        ({"source": "mobilenet_v2", "options": {"batch": 2}}, {}, "has a batch of 2 already"),
        ({"layers": LAYERS, "input": {"shape": [2, 3, 32, 32]}}, {}, "is not a batch of 1"),
        ({"layers": LAYERS, "input": {"shape": [1, 3, 32, 32]}, "training": {"optimizer": "sgd"}}, {}, "a model that trains has its own batch"),
        ({"source": "mobilenet_v2"}, {"memory": {"weights": "paged"}}, "weights that are paged"),
    ],
)
def test_what_cannot_be_batched_is_said_once_where_batching_stands(model: dict[str, Any], more: dict[str, Any], what: str) -> None:
    with pytest.raises(EdgesimError) as caught:
        _experiment(model, **more)
    (problem,) = caught.value.problems
    assert what in problem.what
    assert problem.path == "workloads.w.pipeline.0.batching"


def test_a_unit_that_runs_nothing_of_the_model() -> None:
    with pytest.raises(EdgesimError) as caught:
        _experiment({"source": "mobilenet_v2", "precision": "float16", "runtime": "tensorrt"}, units=("gpu", "cpu"))
    (problem,) = caught.value.problems
    assert problem.path == "workloads.w.pipeline.0.units.1"
    assert "tensorrt runs nothing of this model on cpu in float16, all of it falls to gpu; take cpu out of units" in problem.what


def test_stages_without_a_queue_run_the_same_weights() -> None:
    """One stage batches, another one runs the model alone: in whichever order they stand, the model is in memory once."""
    for first in (0, 1):
        stages = [{"model": "net", "batching": {"max_size": 4}}, {"model": "net", "name": "alone"}]
        workloads = {
            name: {"arrival": {"kind": "poisson", "rate": "20 Hz"}, "pipeline": [stages[position]]} for name, position in (("a", first), ("b", 1 - first))
        }
        data = {"name": "both", "device": "edge_server", "models": {"net": {"source": "resnet18"}}, "workloads": workloads, "duration": "1 s"}
        experiment = prepare(load_scenario(data))
        assert set(experiment.programs) == {"net", "net[2]", "net[4]"}
        assert experiment.programs["net"].plan.arena_bytes == experiment.programs["net[4]"].plan.arena_bytes
        experiment.run()
