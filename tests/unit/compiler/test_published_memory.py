"""Arenas of the MLPerf Tiny networks against the workspaces that an ahead-of-time compiler published for them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.frontends.load import load_model

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
