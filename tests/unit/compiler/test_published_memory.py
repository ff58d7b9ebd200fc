"""Arenas of the MLPerf Tiny networks against the workspaces that an ahead-of-time compiler published for them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.frontends.load import load_model
from sim.frontends.zoo import build

FILES = {
    "ad": "mlcommons_tiny_ad01_int8.tflite",
    "ic": "mlcommons_tiny_pretrainedResnet_quant.tflite",
    "kws": "mlcommons_tiny_kws_ref_model.tflite",
    "vww": "mlcommons_tiny_vww_96_int8.tflite",
}


@pytest.mark.parametrize("benchmark", FILES)
def test_the_arena_lies_just_below_the_published_workspace(shared: Path, benchmark: str):
    """microTVM with CMSIS-NN kernels plans activations and scratch buffers of kernels; the arena holds activations alone."""
    with (shared / "measurements" / "mlperf_tiny_memory.csv").open(encoding="utf-8") as file:
        published = {row["benchmark"]: float(row["workspace_bytes"]) for row in csv.DictReader(file) if row["runtime"].startswith("microTVM + CMSIS-NN")}
    graph = load_model(FILES[benchmark], directory=shared / "models" / "tflite")
    arena = compile_model(graph, load_device("stm32l4r5"), runtime="x_cube_ai").plan.arena_bytes
    assert 0.65 * published[benchmark] <= arena <= published[benchmark]


@pytest.mark.parametrize("benchmark", FILES)
def test_no_published_workspace_is_smaller_by_more_than_a_twentieth(shared: Path, benchmark: str):
    with (shared / "measurements" / "mlperf_tiny_memory.csv").open(encoding="utf-8") as file:
        best = min(float(row["workspace_bytes"]) for row in csv.DictReader(file) if row["benchmark"] == benchmark and row["workspace_bytes"])
    graph = load_model(FILES[benchmark], directory=shared / "models" / "tflite")
    assert compile_model(graph, load_device("stm32l4r5"), runtime="x_cube_ai").plan.arena_bytes <= 1.05 * best


@pytest.mark.parametrize("benchmark", FILES)
def test_a_microcontroller_holds_no_weights_in_memory(shared: Path, benchmark: str):
    """TensorFlow Lite Micro: whoever submitted results sized an arena for tensors alone, the weights (up to 320 KiB) stay in flash."""
    with (shared / "measurements" / "mlperf_tiny_memory.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["runtime"].startswith("TFLM") and row["benchmark"] == benchmark]
    program = compile_model(load_model(FILES[benchmark], directory=shared / "models" / "tflite"), load_device("stm32h7a3"), runtime="tflite_micro")
    # the arenas are upper bounds, with the interpreter's own structures inside
    assert program.plan.arena_bytes <= program.resident_bytes <= min(float(row["workspace_bytes"]) for row in rows)
    assert program.storage_bytes > program.weights_bytes > 20_000


@pytest.mark.parametrize(
    ("device", "runtime", "in_place"), [("stm32u575", "x_cube_ai", True), ("gap9", "tflite_micro", False), ("max78000", "max78000", False)]
)
def test_weights_are_read_in_place_where_storage_is_in_the_address_space(device: str, runtime: str, in_place: bool):
    program = compile_model(build("ds_cnn"), load_device(device), runtime=runtime, precision="int8")
    assert program.resident_bytes == program.plan.arena_bytes + program.working_bytes + (0 if in_place else program.weights_bytes)
