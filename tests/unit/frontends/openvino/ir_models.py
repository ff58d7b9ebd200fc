"""Writes small OpenVINO networks (.xml and .bin) for the tests, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

ELEMENTS = {"float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32", "int8": "i8", "uint8": "u8", "bool": "boolean"}


@dataclass
class Net:
    """Layers in the order they are added; a value is (layer, output)."""

    version: int = 11
    layers: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    weights: bytearray = field(default_factory=bytearray)

    def layer(
        self, type: str, inputs: tuple[tuple[int, int], ...] = (), shapes: tuple[Any, ...] = ((),), *, opset: int = 1, precision: str = "FP32", name: str = "",
        inside: str = "", **data: Any,
    ) -> tuple[int, int]:  # fmt: skip
        """Add a layer; returns its first output. ``shapes``: of its outputs as the file states them."""
        index = len(self.layers)
        attributes = " ".join(f"{key}={quoteattr(str(value))}" for key, value in data.items())
        ports = "".join(f'<port id="{i}" precision="{precision}"/>' for i in range(len(inputs)))
        outs = "".join(
            f'<port id="{len(inputs) + i}" precision="{precision}" names="{name}">' + "".join(f"<dim>{extent}</dim>" for extent in shape) + "</port>"
            for i, shape in enumerate(shapes)
        )
        self.layers.append(
            f'<layer id="{index}" name="{name or f"{type}_{index}"}" type="{type}" version="opset{opset}"><data {attributes}/>'
            + (f"<input>{ports}</input>" if inputs else "")
            + (f"<output>{outs}</output>" if shapes else "")
            + f"{inside}</layer>"
        )
        for port, (source, output) in enumerate(inputs):
            self.edges.append(f'<edge from-layer="{source}" from-port="{output}" to-layer="{index}" to-port="{port}"/>')
        return index, len(inputs)

    def parameter(self, shape: str, name: str = "x", element: str = "f32") -> tuple[int, int]:
        return self.layer("Parameter", (), (shape.replace("?", "-1").split(","),), name=name, shape=shape, element_type=element)

    def constant(self, values: Any, dtype: str = "float32", element: str = "", shape: tuple[int, ...] | None = None) -> tuple[int, int]:
        """``element`` and ``shape``: of packed formats, whose bytes the values are."""
        array = np.asarray(values, dtype)
        shape = array.shape if shape is None else shape
        offset = len(self.weights)
        self.weights += array.tobytes()
        data = {"element_type": element or ELEMENTS[str(array.dtype)], "shape": ", ".join(map(str, shape)), "offset": offset, "size": array.nbytes}
        return self.layer("Const", (), (shape,), **data)

    def result(self, value: tuple[int, int]) -> None:
        self.layer("Result", (value,), ())

    def text(self) -> str:
        return (
            f'<?xml version="1.0"?>\n<net name="net" version="{self.version}"><layers>{"".join(self.layers)}</layers><edges>{"".join(self.edges)}</edges></net>'
        )

    def save(self, folder: Path, name: str = "net") -> Path:
        (folder / f"{name}.bin").write_bytes(bytes(self.weights))
        path = folder / f"{name}.xml"
        path.write_text(self.text())
        return path


def convolutional() -> Net:
    """Convolution with bias and clamp, grouped convolution, pool, shape arithmetic, matrix product, softmax."""
    net, rng = Net(), np.random.default_rng(1)
    x = net.parameter("?,3,8,8")
    conv = net.layer(
        "Convolution",
        (x, net.constant(rng.normal(size=(8, 3, 3, 3)))),
        ((-1, 8, 8, 8),),
        strides="1,1",
        dilations="1,1",
        pads_begin="1,1",
        pads_end="1,1",
        auto_pad="explicit",
    )
    biased = net.layer("Add", (conv, net.constant(rng.normal(size=(1, 8, 1, 1)))), ((-1, 8, 8, 8),), auto_broadcast="numpy")
    clamped = net.layer("Clamp", (biased,), ((-1, 8, 8, 8),), min="0", max="6")
    depthwise = net.layer(
        "GroupConvolution",
        (clamped, net.constant(rng.normal(size=(8, 1, 1, 3, 3)))),
        ((-1, 8, 4, 4),),
        strides="2,2",
        dilations="1,1",
        pads_begin="1,1",
        pads_end="1,1",
        auto_pad="explicit",
    )
    pooled = net.layer(
        "MaxPool",
        (depthwise,),
        ((-1, 8, 2, 2), (-1, 8, 2, 2)),
        opset=8,
        strides="2,2",
        dilations="1,1",
        pads_begin="0,0",
        pads_end="0,0",
        kernel="2,2",
        rounding_type="floor",
        auto_pad="explicit",
        index_element_type="i64",
        axis="0",
    )
    shape = net.layer("ShapeOf", (pooled,), ((4,),), opset=3, output_type="i64")
    batch = net.layer("Gather", (shape, net.constant([0], "int64"), net.constant(0, "int64")), ((1,),), opset=8, precision="I64", batch_dims="0")
    flat = net.layer("Concat", (batch, net.constant([32], "int64")), ((2,),), precision="I64", axis="0")
    rows = net.layer("Reshape", (pooled, flat), ((-1, 32),), special_zero="false")
    product = net.layer("MatMul", (rows, net.constant(rng.normal(size=(10, 32)))), ((-1, 10),), transpose_a="false", transpose_b="true")
    net.result(net.layer("SoftMax", (product,), ((-1, 10),), opset=8, axis="-1"))
    return net


def quantized() -> Net:
    """FakeQuantize on activations and weights, weights in integers with zero point and scale, 4-bit weights in groups."""
    net, rng = Net(), np.random.default_rng(2)
    x = net.parameter("1,4,8,8")

    def rounded(value: tuple[int, int], shape: tuple[int, ...], low: Any, high: Any, levels: int = 256) -> tuple[int, int]:
        ranges = tuple(net.constant(part) for part in (low, high, low, high))
        return net.layer("FakeQuantize", (value, *ranges), (shape,), levels=levels, auto_broadcast="numpy")

    weights = rounded(net.constant(rng.normal(size=(8, 4, 3, 3))), (8, 4, 3, 3), -np.ones((8, 1, 1, 1)), np.ones((8, 1, 1, 1)), 255)
    window = {"strides": "1,1", "dilations": "1,1", "pads_begin": "1,1", "pads_end": "1,1", "auto_pad": "explicit"}
    conv = net.layer("Convolution", (rounded(x, (1, 4, 8, 8), -1.0, 0.9921875), weights), ((1, 8, 8, 8),), **window)
    relu = net.layer("ReLU", (conv,), ((1, 8, 8, 8),))
    again = rounded(relu, (1, 8, 8, 8), 0.0, 2.55)
    stored = net.layer("Convert", (net.constant(rng.integers(0, 255, (8, 8, 1, 1)), "uint8"),), ((8, 8, 1, 1),), destination_type="f32")
    shifted = net.layer("Subtract", (stored, net.constant(np.full((8, 1, 1, 1), 128))), ((8, 8, 1, 1),))
    scaled = net.layer("Multiply", (shifted, net.constant(np.full((8, 1, 1, 1), 0.02))), ((8, 8, 1, 1),))
    second = net.layer("Convolution", (again, scaled), ((1, 8, 8, 8),), **(window | {"pads_begin": "0,0", "pads_end": "0,0"}))
    rows = net.layer("Reshape", (second, net.constant([8, 64], "int64")), ((8, 64),), special_zero="false")
    packed = net.constant(rng.integers(0, 255, 16 * 64 // 2), "uint8", element="u4", shape=(16, 4, 16))
    floats = net.layer("Convert", (packed,), ((16, 4, 16),), precision="FP16", destination_type="f16")
    points = net.layer(
        "Convert", (net.constant(np.full(32, 0x88), "uint8", element="u4", shape=(16, 4, 1)),), ((16, 4, 1),), precision="FP16", destination_type="f16"
    )
    centred = net.layer("Subtract", (floats, points), ((16, 4, 16),), precision="FP16")
    groups = net.layer("Multiply", (centred, net.constant(np.full((16, 4, 1), 0.01), "float16")), ((16, 4, 16),), precision="FP16")
    matrix = net.layer("Reshape", (groups, net.constant([16, 64], "int64")), ((16, 64),), precision="FP16", special_zero="false")
    wide = net.layer("Convert", (matrix,), ((16, 64),), destination_type="f32")
    net.result(net.layer("MatMul", (rows, wide), ((8, 16),), transpose_a="false", transpose_b="true"))
    return net


def various() -> Net:
    """Splits, strided slices, gathers, interpolation, recurrent layer, norms, attention, top-k."""
    net, rng = Net(), np.random.default_rng(3)
    x = net.parameter("1,6,16")
    parts = net.layer("VariadicSplit", (x, net.constant(2, "int64"), net.constant([8, -1], "int64")), ((1, 6, 8), (1, 6, 8)))
    mean = net.layer("MVN", (parts, net.constant([2], "int64")), ((1, 6, 8),), opset=6, eps="1e-6", normalize_variance="true", eps_mode="INSIDE_SQRT")
    scaled = net.layer("Multiply", (mean, net.constant(rng.normal(size=(1, 1, 8)))), ((1, 6, 8),))
    norm = net.layer("Add", (scaled, net.constant(rng.normal(size=(1, 1, 8)))), ((1, 6, 8),))
    state = net.constant(np.zeros((1, 1, 4)))
    lengths = net.constant([6], "int32")
    recurrent = (net.constant(rng.normal(size=(1, 16, 8))), net.constant(rng.normal(size=(1, 16, 4))), net.constant(rng.normal(size=(1, 16))))
    lstm = net.layer(
        "LSTMSequence", (norm, state, state, lengths, *recurrent), ((1, 1, 6, 4), (1, 1, 4), (1, 1, 4)), opset=5, direction="forward", hidden_size="4"
    )
    cut = net.layer(
        "StridedSlice", (lstm, net.constant([0, 0, 1], "int64"), net.constant([0, 0, 5], "int64"), net.constant([1, 1, 2], "int64")), ((1, 2, 4),),
        begin_mask="1,0,0", end_mask="1,0,0", new_axis_mask="0,0,0", shrink_axis_mask="0,1,0", ellipsis_mask="0,0,0",
    )  # fmt: skip
    heads = net.layer("Unsqueeze", (cut, net.constant([0], "int64")), ((1, 1, 2, 4),))
    attention = net.layer("ScaledDotProductAttention", (heads, heads, heads), ((1, 1, 2, 4),), opset=13, causal="false")
    larger = net.layer(
        "Interpolate", (attention, net.constant([4, 8], "int64"), net.constant([2, 3], "int64")), ((1, 1, 4, 8),), opset=11, mode="nearest",
        shape_calculation_mode="sizes",
    )  # fmt: skip
    top = net.layer("TopK", (larger, net.constant(3, "int64")), ((1, 1, 4, 3), (1, 1, 4, 3)), opset=3, axis="-1", mode="max", sort="value")
    net.result(net.layer("HSwish", (top,), ((1, 1, 4, 3),), opset=4))
    return net
