"""Formats of the key and value cache: bytes by the published formula, less traffic and time the fewer bits."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.compiler.warm_run import run_cost
from sim.frontends.load import load_model
from sim.frontends.zoo.llama import CONFIGS

BYTES = {"activations": 4.0, "float16": 2.0, "int8": 1.0, "int4": 0.5}


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_cache_bytes_are_those_of_the_formula(name: str) -> None:
    model = CONFIGS[name]
    for kv_cache, size in BYTES.items():
        graph = load_model(name, directory=Path(), options={"capacity": 512, "kv_cache": kv_cache})
        held = sum(tensor.bytes for tensor in graph.tensors.values() if tensor.role == "state")
        assert held == 2 * model.layers * model.kv_heads * model.head_width * 512 * size


def test_fewer_bits_take_less_time_and_energy_and_unpacking_has_a_price() -> None:
    device = load_device("raspberry_pi_5")
    runs, traffic = [], []
    for kv_cache in ("float16", "int8", "int4"):
        graph = load_model("llama3.2_1b", directory=Path(), options={"sequence": 8000, "capacity": 8192, "kv_cache": kv_cache})
        program = compile_model(graph, device, runtime="llama_cpp", precision="q4_0")
        runs.append(run_cost(program, device))
        traffic.append(sum(float(segment.costs.dram_bytes.sum()) for segment in program.segments))
        attention = [i for i, label in enumerate(program.kernels.labels) if label == "Attention"]
        assert (program.kernels.work.epilogue_elements[attention] > 0).all() == (kv_cache != "float16")
    assert runs == sorted(runs, reverse=True)
    assert traffic == sorted(traffic, reverse=True)
    assert len(set(traffic)) == 3
