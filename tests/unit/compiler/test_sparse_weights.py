"""Zeros in weights gain time only where the unit and the engine make use of them, and files only in forms they have."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device as device
from sim.compiler import compile_model
from sim.compiler.warm_run import run_cost
from sim.frontends.zoo import build
from sim.passes.compression import compress

DENSE, FOURS, ALONE = ([{"quantize": {"to": "int8"}}], [{"prune": {"granularity": "2:4"}}, {"quantize": {"to": "int8"}}],
                       [{"prune": {"sparsity": 0.9}}, {"quantize": {"to": "int8"}}])  # fmt: skip


@pytest.fixture(scope="module")
def programs():
    jetson, graph = device("jetson_orin_nano"), build("resnet18")
    kinds = {"dense": DENSE, "fours": FOURS, "alone": ALONE}
    made = {name: compress(graph, steps).graph for name, steps in kinds.items()}
    return {(name, engine): compile_model(found, jetson, runtime=engine) for name, found in made.items() for engine in ("tensorrt", "onnxruntime", "tflite")}


def test_sparse_tensor_cores_are_faster_on_two_of_four_alone(programs):
    jetson = device("jetson_orin_nano")
    seconds = {key: run_cost(program, jetson)[0] for key, program in programs.items()}
    assert seconds["fours", "tensorrt"] < seconds["dense", "tensorrt"] == seconds["alone", "tensorrt"]
    assert seconds["fours", "tensorrt"] > seconds["dense", "tensorrt"] / 2
    assert seconds["fours", "onnxruntime"] == seconds["dense", "onnxruntime"] == seconds["alone", "onnxruntime"]


def test_work_is_counted_dense_and_what_gains_nothing_is_said(programs):
    assert len({program.macs for program in programs.values()}) == 1
    said = {key: any("make no kernel faster" in note for note in program.notes) for key, program in programs.items()}
    assert said["alone", "tensorrt"] and said["fours", "onnxruntime"] and not said["fours", "tensorrt"] and not said["dense", "tflite"]


def test_files_are_smaller_where_the_format_has_sparse_tensors(programs):
    size = {key: program.storage_bytes for key, program in programs.items()}
    assert size["alone", "tflite"] < size["dense", "tflite"] / 3
    assert size["alone", "onnxruntime"] == size["dense", "onnxruntime"]
