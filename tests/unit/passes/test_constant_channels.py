"""Constant channels: which are found, which may go, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.fidelity.tiny_systems import LIVE_VWW
from sim.frontends.load import load_model
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.passes import make_pass

RNG = np.random.default_rng(3)


def stored(builder: GraphBuilder, name: str, values: np.ndarray) -> str:
    return builder.tensor(name, values.shape, role="weight", load=lambda: values)


def network(first: np.ndarray, first_bias: np.ndarray, *, second_kernel: int = 1, depthwise: bool = True, second_output: bool = False) -> Graph:
    """Image -> 3x3 convolution -> (depthwise 3x3 ->) 1x1 or 3x3 convolution, each clamped below."""
    builder = GraphBuilder("net")
    channels = len(first)
    x = builder.input("image", (1, 2, 6, 6))
    x = builder.add("Conv", [x, stored(builder, "w1", first), stored(builder, "b1", first_bias)], {"pads": (1, 1, 1, 1)}, name="first")
    x = tap = builder.add("Relu", [x], name="r1")
    if depthwise:
        taps, zero = np.ones((channels, 1, 3, 3)), np.zeros(channels)
        x = builder.add("Conv", [x, stored(builder, "w2", taps), stored(builder, "b2", zero)], {"pads": (1, 1, 1, 1), "group": channels}, name="dw")
        x = builder.add("Relu", [x], name="r2")
    last = RNG.normal(size=(8, channels, second_kernel, second_kernel))
    x = builder.add("Conv", [x, stored(builder, "w3", last)], {"pads": (second_kernel // 2,) * 4}, name="last")
    graph = builder.finish(x, tap) if second_output else builder.finish(x)
    return make_pass("fuse_epilogue", {"hosts": ["Conv"], "activations": ["Relu"]})(graph)


def narrowed(graph: Graph, multiple: int = 1) -> dict[str, tuple[int, ...]]:
    result = make_pass("remove_constant_channels", {"multiple": multiple})(graph)
    return {op.name: result.tensors[op.inputs[1]].shape for op in result.ops}


def weights(dead: int) -> tuple[np.ndarray, np.ndarray]:
    """Eight channels, the first ``dead`` of which a clamp cuts off whatever comes in: no weights, a negative bias."""
    values, bias = RNG.normal(size=(8, 2, 3, 3)), np.ones(8)
    values[:dead], bias[:dead] = 0.0, -1.0
    return values, bias


def test_channels_that_are_always_zero_go_with_what_reads_them() -> None:
    assert narrowed(network(*weights(3))) == {"first": (5, 2, 3, 3), "dw": (5, 1, 3, 3), "last": (8, 5, 1, 1)}


def test_whole_groups_stay() -> None:
    assert narrowed(network(*weights(3)), multiple=4)["first"] == (8, 2, 3, 3)
    assert narrowed(network(*weights(5)), multiple=4)["first"] == (4, 2, 3, 3)


def test_a_constant_that_is_not_zero_goes_into_a_bias_but_not_through_padding() -> None:
    values, bias = weights(3)
    bias[:3] = 2.0
    assert narrowed(network(values, bias, depthwise=False))["first"] == (5, 2, 3, 3)
    assert narrowed(network(values, bias, depthwise=False, second_kernel=3))["first"] == (8, 2, 3, 3)


def test_what_somebody_else_sees_stays() -> None:
    assert narrowed(network(*weights(3), second_output=True))["first"] == (8, 2, 3, 3)


def test_an_unbounded_input_leaves_every_used_channel_alive() -> None:
    assert narrowed(network(RNG.normal(size=(8, 2, 3, 3)), -100 * np.ones(8)))["first"] == (8, 2, 3, 3)


def test_networks_without_stored_values_are_left_alone() -> None:
    graph = network(*weights(3))
    for tensor in graph.tensors.values():
        tensor.load = None
    assert narrowed(graph)["first"] == (8, 2, 3, 3)


def test_the_published_network_loses_half_of_its_products(shared: Path) -> None:
    """Visual wake words: the carried network is what the pass leaves of the published file, kernel by kernel; others keep every channel."""
    name = "mlcommons_tiny_vww_96_int8.tflite"
    work = lower_model(load_model(name, directory=shared / "models" / "tflite"), resolve_runtime("x_cube_ai")).work
    carried = lower_model(load_model(str(LIVE_VWW), directory=Path()), resolve_runtime("x_cube_ai"), "int8").work
    assert work.macs == pytest.approx(carried.macs)
    assert work.out_elements == pytest.approx(carried.out_elements)
    whole = lower_model(load_model(name, directory=shared / "models" / "tflite"), resolve_runtime("x_cube_ai_7")).work
    assert 0.5 < work.macs.sum() / whole.macs.sum() < 0.6


def test_removed_channels_of_the_published_network_never_vary(shared: Path) -> None:
    """The first layer that loses channels, computed on random inputs over its whole range: those that go have one value."""
    graph = load_model("mlcommons_tiny_vww_96_int8.tflite", directory=shared / "models" / "tflite")
    whole = {op.name: op for op in graph.ops}
    result = make_pass("remove_constant_channels", {"multiple": 1})(make_pass("fuse_epilogue", {"hosts": ["Conv"], "activations": ["Relu"]})(graph))
    op = next(op for op in result.ops if op.type == "Conv" and result.tensors[op.inputs[1]].shape[0] < graph.tensors[whole[op.name].inputs[1]].shape[0])
    original = whole[op.name]
    weight, bias = graph.tensors[original.inputs[1]], graph.tensors[original.inputs[2]]
    image, out = graph.tensors[original.inputs[0]].quantization, graph.tensors[original.outputs[0]].quantization
    assert weight.load and bias.load and image and out and weight.quantization
    taps = np.asarray(weight.load(), dtype=float).reshape(weight.shape[0], -1)
    inputs = RNG.integers(-128, 128, (2000, taps.shape[1])) - image.zero_point[0]
    sums = inputs @ taps.T + np.asarray(bias.load(), dtype=float)
    stored_values = np.clip(np.round(sums * image.scale[0] * np.array(weight.quantization.scale) / out.scale[0]) + out.zero_point[0], -128, 127)
    varying = np.ptp(stored_values, axis=0) > 0
    assert varying.sum() <= result.tensors[op.inputs[1]].shape[0] < len(varying)
