"""A made-up phone with round numbers, and small networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from device_models.spec import DeviceSpec
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph

CLOCKS = {"big": "2 GHz", "little": "1 GHz", "gpu": "0.5 GHz", "npu": "1 GHz"}
POWER = {"dynamic_capacitance": "1 nF"}


def _unit(kind: str, cost_class: str, cores: int, formats: dict[str, float], domain: str) -> dict[str, Any]:
    return {"kind": kind, "cost_class": cost_class, "cores": cores, "macs_per_cycle": formats, "domain": domain, "on_chip": "2 MiB", "power": POWER}


@pytest.fixture(scope="session")
def phone() -> DeviceSpec:
    cpu = {"float32": 8, "float16": 16, "int8": 32}
    return DeviceSpec.model_validate(
        {
            "name": "test_phone",
            "title": "a phone",
            "category": "phone",
            "domains": {name: {"operating_points": [{"frequency": hz}]} for name, hz in CLOCKS.items()},
            "units": {
                "cpu_little": _unit("cpu", "cpu_armv82_inorder", 4, {name: rate / 2 for name, rate in cpu.items()}, "little"),
                "cpu_big": _unit("cpu", "cpu_armv82_outoforder", 4, cpu, "big"),
                "gpu": _unit("gpu", "gpu_adreno", 8, {"float32": 256, "float16": 512}, "gpu"),
                "npu": _unit("npu", "npu_hexagon", 1, {"float16": 2048, "int8": 8192}, "npu"),
            },
            "memory": {"type": "LPDDR5", "bandwidth": "20 GB/s", "capacity": "8 GiB", "energy": "30 pJ/B"},
            "storage": {"type": "UFS", "read_bandwidth": "1 GB/s", "capacity": "128 GB"},
            "base_power": "0.3 W",
            "thermal": {"nodes": {"die": {"heat_capacity": "5 J/K"}}, "links": [{"between": ["die", "ambient"], "resistance": "5 K/W"}]},
            "runtimes": ["tflite", "onnxruntime", "qnn", "tensorrt", "ncnn", "edgetpu", "tvm"],
        }
    )


@pytest.fixture
def chain() -> Callable[..., Graph]:
    """A network of 3x3 convolutions with the given operators after some of them."""

    def build(*after: str, blocks: int = 6, channels: int = 16, extent: int = 32) -> Graph:
        b = GraphBuilder("chain")
        x = b.input("image", (1, 3, extent, extent))
        for block in range(blocks):
            x = b.add("Conv", [x, b.weight("w", (channels, b.shape(x)[1], 3, 3)), b.weight("b", (channels,))], {"pads": 1})
            x = b.add("Relu", [x])
            if block < len(after) and after[block]:
                x = b.add(after[block], [x])
        return b.finish(x)

    return build
