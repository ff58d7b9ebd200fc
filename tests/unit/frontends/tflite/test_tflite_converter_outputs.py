"""What the TensorFlow Lite converter and the optimization toolkit write beyond int8: int16x8, float16 and clustered files, read and compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tflite_models import Net

from device_models.catalog.catalog import load_device
from device_models.work import DType
from sim.compiler import compile_model
from sim.compiler.pipeline import lower
from sim.frontends.load import load_model
from sim.graph.ir import Graph
from sim.graph.work import graph_work, total_macs
from sim.report.stored_weights import in_words, stored_weights

RNG = np.random.default_rng(4)
CONV = ("Conv2DOptions", {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, "Padding": 0, "FusedActivationFunction": 1})
DEPTHWISE = ("DepthwiseConv2DOptions", {**CONV[1], "DepthMultiplier": 1})
MACS = 64 * (16 * 27 + 16 * 9 + 16 * 10)


def _network(style: str, clusters: int = 0) -> Net:
    """A convolution, a depthwise one, a fully connected layer on all pixels' channels. ``style``: float32, float16, int8 or int16x8."""
    net = Net()
    x = _activation(net, style, 1, 8, 8, 3)
    for code, shape, options in (("CONV_2D", (16, 3, 3, 3), CONV), ("DEPTHWISE_CONV_2D", (1, 3, 3, 16), DEPTHWISE)):
        weight, bias = _weight(net, style, shape, clusters, axis=0 if code == "CONV_2D" else 3), _bias(net, style, 16)
        made = _activation(net, style, 1, 8, 8, 16)
        net.op(code, (x, weight, bias), made, options=options)
        x = made
    weight, bias = _weight(net, style, (10, 16), clusters, axis=0), _bias(net, style, 10)
    net.op("FULLY_CONNECTED", (x, weight, bias), _activation(net, style, 64, 10))
    return net


def _activation(net: Net, style: str, *shape: int) -> int:
    return net.add(*shape, **{"int16x8": {"kind": 7, "scale": (1 / 4096,)}, "int8": {"kind": 9, "scale": (0.05,), "zero": (3,)}}.get(style, {}))


def _values(shape: tuple[int, ...], clusters: int) -> np.ndarray:
    values = RNG.normal(size=shape)
    if clusters:
        book = np.linspace(-2, 2, clusters)
        values = book[np.abs(values[..., None] - book).argmin(-1)]
        values.flat[:clusters] = book
    return values


def _weight(net: Net, style: str, shape: tuple[int, ...], clusters: int, axis: int) -> int:
    values = _values(shape, clusters)
    if style.startswith("int"):
        scale = tuple(float(part) for part in RNG.uniform(0.01, 0.02, shape[axis]))
        return net.stored(np.clip(np.round(values * 50), -127, 127), "i1", scale=scale, zero=(0,) * len(scale), axis=axis)
    return _dequantized(net, values) if style == "float16" else net.stored(values)


def _dequantized(net: Net, values: np.ndarray) -> int:
    """Half-precision values behind the DEQUANTIZE the converter puts there."""
    half, whole = net.stored(values, "f2"), net.add(*values.shape)
    net.op("DEQUANTIZE", (half,), whole)
    return whole


def _bias(net: Net, style: str, count: int) -> int:
    values = RNG.normal(size=count)
    if style.startswith("int"):
        return net.stored(np.round(values * 100), "i8" if style == "int16x8" else "i4", scale=(0.001,) * count, zero=(0,) * count)
    return _dequantized(net, values) if style == "float16" else net.stored(values)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def load(net: Net) -> Graph:
        (tmp_path / "model.tflite").write_bytes(net.bytes())
        return load_model("model.tflite", directory=tmp_path)

    return load


def _kinds(graph: Graph) -> list[str]:
    return [op.type for op in graph.ops if op.type in ("Conv", "Dense", "Quantize", "Dequantize", "Cast")]


@pytest.mark.parametrize("style", ["float32", "float16", "int8", "int16x8"])
def test_every_style_has_the_same_layers_and_work(read: Any, style: str) -> None:
    graph = read(_network(style))
    assert _kinds(graph) == ["Conv", "Conv", "Dense"] and total_macs(graph) == MACS
    assert graph.parameters() == 16 * 27 + 16 + 16 * 9 + 16 + 160 + 10


def test_int16_activations_with_int8_weights(read: Any) -> None:
    """Weights and their scales per channel as in int8; activations and sums wider, and computed so."""
    graph, narrow = read(_network("int16x8")), read(_network("int8"))
    for op in graph.ops:
        if op.type in ("Conv", "Dense"):
            x, weight, bias = (graph.tensors[name] for name in op.inputs)
            assert (x.dtype, weight.dtype, bias.dtype) == (DType.I16, DType.I8, DType.I64)
            assert weight.quantization is not None and len(weight.quantization.scale) == len(bias.quantization.scale) == bias.elements
    assert graph.tensors[graph.inputs[0]].bytes == 2 * narrow.tensors[narrow.inputs[0]].bytes
    assert {DType(kind) for kind in graph_work(lower(graph, "tflite", "as_stored"))[1].dtype[:2]} == {DType.I16}
    device = load_device("raspberry_pi_4")
    wide, plain = (compile_model(each, device, runtime="tflite") for each in (graph, narrow))
    assert wide.plan.arena_bytes == 2 * plain.plan.arena_bytes
    assert plain.weights_bytes < wide.weights_bytes < plain.weights_bytes + 42 * 4 + 64 * 8  # biases of eight bytes instead of four


def test_half_precision_files_are_half_as_large_and_compute_in_float(read: Any) -> None:
    graph, whole = read(_network("float16")), read(_network("float32"))
    assert 2 * graph.stored_bytes() == whole.stored_bytes()
    for op in graph.ops:
        if op.type in ("Conv", "Dense"):
            assert [graph.tensors[name].dtype for name in op.inputs] == [DType.F32, DType.F16, DType.F16]
    _, work = graph_work(lower(graph, "tflite", "as_stored"))
    assert {DType(kind) for kind in work.dtype} == {DType.F32}


@pytest.mark.parametrize("count", [4, 16])
def test_clusters_are_seen_in_what_is_stored(read: Any, count: int) -> None:
    graph, plain = read(_network("float32", clusters=count)), read(_network("float32"))
    conv = graph.tensors[graph.ops[0].inputs[1]]
    assert conv.clusters == count and plain.tensors[plain.ops[0].inputs[1]].clusters == 0
    assert "cluster" in in_words(stored_weights(graph)) and "cluster" not in in_words(stored_weights(plain))
    assert conv.bytes == plain.tensors[plain.ops[0].inputs[1]].bytes  # the runtime stores and multiplies them as any others


def test_clusters_survive_the_conversion_to_half_precision(read: Any) -> None:
    graph = read(_network("float16", clusters=8))
    assert graph.tensors[graph.ops[0].inputs[1]].clusters == 8
