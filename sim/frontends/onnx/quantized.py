"""Quantized operators: Q/DQ nodes, QLinear and integer operators, and those of ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from device_models.work import DType
from sim.frontends.onnx.contraction import conv_attributes, dense, window
from sim.frontends.onnx.elements import UINT8, dtype_of
from sim.frontends.onnx.elementwise import parameters
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.quantization import attach, quantization_of
from sim.frontends.onnx.stored import Stored
from sim.frontends.onnx.table import CONTRIB, handles
from sim.graph.ir import Quantization


@handles("QuantizeLinear")
@handles("QuantizeLinear", domain=CONTRIB)
def _quantize(node: Node) -> None:
    axis, points = _axis(node), node.value(2)
    stated = int(node.attribute("output_dtype", 0))
    to = node.dtype(2) if points is not None else dtype_of(stated or UINT8, f"the result of {node.name}")
    quantization = None if node.attribute("block_size", 0) else quantization_of(node, 1, 2, axis)
    x = node.needed(0)
    if quantization is None:
        node.emit("Quantize", node.operands("operand", "constant", "constant"), {"to": to})
    elif isinstance(x, Stored):
        element = points.element if isinstance(points, Stored) else stated or UINT8
        node.bind(0, _quantized_values(x, quantization, element))
    else:
        name = node.emit("Quantize", [x], {"to": to})[0]
        node.quantize_output(name, quantization, to)


def _quantized_values(x: Stored, quantization: Quantization, element: int) -> Stored:
    """Trained weights that the file quantizes itself; computed when read."""
    shape = [1] * len(x.shape)
    if quantization.axis is not None:
        shape[quantization.axis] = len(quantization.scale)
    scale, point = (np.array(part, np.float64) for part in (quantization.scale, quantization.zero_point))

    def stored(values: np.ndarray) -> np.ndarray:
        width = 8 if element in (2, 3) else 16 if element in (4, 5) else 4
        low = 0 if element in (2, 4, 21) else -(2 ** (width - 1))
        rounded = np.round(values / scale.reshape(shape)) + point.reshape(shape if point.size > 1 else [1] * len(shape))
        return np.asarray(np.clip(rounded, low, low + 2**width - 1))

    return replace(x.mapped(stored, element, "quantized"), quantization=quantization, real_dtype=x.dtype)


@handles("DequantizeLinear")
@handles("DequantizeLinear", domain=CONTRIB)
def _dequantize(node: Node) -> None:
    """Of a constant: the constant itself, with its scales. Of an activation: an operator."""
    real = node.dtype(1)
    x, scales = node.needed(0), node.stored(1)
    if isinstance(x, Stored) and node.attribute("block_size", 0) and scales is not None:
        points = node.stored(2)
        node.bind(0, replace(x, blocked=(scales,) if points is None else (scales, points), real_dtype=real))
        return
    quantization = quantization_of(node, 1, 2, _axis(node))
    if quantization is None:
        node.emit("Dequantize", node.operands("operand", "constant", "constant"), {"to": real})
    elif isinstance(x, Stored):
        node.bind(0, replace(x, quantization=quantization, real_dtype=real))
    else:
        tensor = node.tensor(x)
        tensor.quantization = tensor.quantization or quantization
        node.emit("Dequantize", [x], {"to": real})


def _axis(node: Node) -> int | None:
    """The axis of a scale per slice, None for one scale."""
    scales, rank = node.shape(1), len(node.shape(0))
    if not scales or scales == (1,):
        return None
    if not node.attribute("block_size", 0):
        scales = scales[:1] if all(extent == 1 for extent in scales[1:]) else scales  # some tools keep the extents of 1 that broadcasting needs
    axis = int(node.attribute("axis", 1))
    blocked = bool(node.attribute("block_size", 0))
    if not -rank <= axis < rank or (not blocked and (len(scales) != 1 or scales[0] != node.shape(0)[axis])):
        raise node.refuse(f"has scales of shape {list(scales)} along axis {axis} of {list(node.shape(0))}")
    return axis % rank


@handles("DynamicQuantizeLinear")
def _dynamic_quantize(node: Node) -> None:
    made = node.step("DynamicQuantize", [node.operand(0)], {"to": DType.I8}, outputs=3, name=node.name)
    for index, name in enumerate(made):
        node.bind_step(index, name)
    if len(node.outputs) > 1:
        node.state.dynamic_scales.add(str(node.values.get(node.outputs[1])))


def _finish(node: Node, made: str, scale: int, zero_point: int) -> None:
    """The result is held in integers of the output's scale and zero point."""
    dtype = node.dtype(zero_point) if node.has(zero_point) else DType.I8
    node.quantize_output(made, quantization_of(node, scale, zero_point), dtype)
    node.bind_step(0, made)


@handles("QLinearConv")
@handles("QLinearConv", domain=CONTRIB)
def _qlinear_conv(node: Node) -> None:
    x, w = attach(node, 0, quantization_of(node, 1, 2)), attach(node, 3, quantization_of(node, 4, 5, axis=0))
    attributes = conv_attributes(node, weight=3)
    if node.attribute("channels_last", 0):
        attributes["layout"] = "NHWC"
    _finish(node, node.step("Conv", [x, w, node.operand(8, "weight")], attributes, name=node.name)[0], 6, 7)


@handles("ConvInteger")
def _conv_integer(node: Node) -> None:
    attributes = conv_attributes(node) | {"out_dtype": DType.I32}
    node.emit("Conv", [node.operand(0), node.operand(1, "weight")], attributes)


def _integer_product(
    node: Node,
    a: int,
    b: int,
    quantization: Quantization | None,
    attributes: dict[str, Any] | None = None,
    bias: str = "",
    x: str = "",
    transposed: bool = False,
) -> str:
    """The product of operands ``a`` and ``b``, ``Dense`` where b is a stored matrix (``[out, in]`` if ``transposed``)."""
    weight, x = node.stored(b), x or node.operand(a, "weight")
    if weight is None or len(weight.shape) != 2:
        y = node.step("MatMul", [x, node.operand(b, "weight")], (attributes or {}) | ({"transpose_b": True} if transposed else {}), name=node.name)[0]
        return node.step("Add", [y, bias])[0] if bias else y
    weight = replace(weight, quantization=quantization, real_dtype=DType.F32) if quantization else weight
    return dense(node, x, weight if transposed else weight.transposed((1, 0)), bias, attributes)


@handles("MatMulInteger")
def _matmul_integer(node: Node) -> None:
    node.bind_step(0, _integer_product(node, 0, 1, None, {"out_dtype": DType.I32}))


@handles("QLinearMatMul")
@handles("QLinearMatMul", domain=CONTRIB)
def _qlinear_matmul(node: Node) -> None:
    attach(node, 0, quantization_of(node, 1, 2))
    if node.stored(3) is None:
        attach(node, 3, quantization_of(node, 4, 5))
    last = len(node.shape(3)) - 1
    _finish(node, _integer_product(node, 0, 3, quantization_of(node, 4, 5, axis=last)), 6, 7)


@handles("DynamicQuantizeMatMul", domain=CONTRIB)
def _dynamic_matmul(node: Node) -> None:
    """A is quantized while it runs; inputs A, B, scale and zero point of B, bias."""
    stored = node.step("DynamicQuantize", [node.operand(0)], {"to": DType.I8}, outputs=3)[0]
    bias = node.operand(4, "weight")
    node.bind_step(0, _integer_product(node, 0, 1, quantization_of(node, 2, 3, axis=1), {"out_dtype": node.dtype(0)}, bias, stored))


@handles("MatMulIntegerToFloat", domain=CONTRIB)
def _matmul_integer_to_float(node: Node) -> None:
    """Inputs A, B, their scales (2, 3) and zero points (4, 5), bias."""
    node.bind_step(0, _integer_product(node, 0, 1, quantization_of(node, 3, 5, axis=1), {"out_dtype": node.dtype(2)}, node.operand(6, "weight")))


@handles("QGemm", domain=CONTRIB)
def _qgemm(node: Node) -> None:
    """Inputs A, B, C with scales and zero points of A (1, 2) and B (4, 5); output scale 7 and zero point 8, absent for a real result."""
    x, transposed = attach(node, 0, quantization_of(node, 1, 2)), bool(node.attribute("transB", 0))
    if node.attribute("transA", 0):
        x = node.step("Transpose", [x], {"perm": (1, 0)})[0]
    attributes = {} if node.has(7) else {"out_dtype": node.dtype(1)}
    y = _integer_product(node, 0, 3, quantization_of(node, 4, 5, axis=0 if transposed else 1), attributes, node.operand(6, "weight"), x, transposed)
    if node.has(7):
        _finish(node, y, 7, 8)
    else:
        node.bind_step(0, y)


@handles("QLinearAdd", "QLinearMul", domain=CONTRIB)
def _qlinear_binary(node: Node) -> None:
    a, b = attach(node, 0, quantization_of(node, 1, 2)), attach(node, 3, quantization_of(node, 4, 5))
    _finish(node, node.step(node.type.removeprefix("QLinear"), [a, b], name=node.name)[0], 6, 7)


@handles("QLinearConcat", domain=CONTRIB)
def _qlinear_concat(node: Node) -> None:
    """Inputs: output scale, output zero point, then each part with its own."""
    parts = [attach(node, i, quantization_of(node, i + 1, i + 2)) for i in range(2, len(node.proto.input) - 2, 3)]
    _finish(node, node.step("Concat", parts, {"axis": int(node.attribute("axis", 1))}, name=node.name)[0], 0, 1)


@handles("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", domain=CONTRIB)
def _qlinear_unary(node: Node) -> None:
    x = attach(node, 0, quantization_of(node, 1, 2))
    _finish(node, node.step(node.type.removeprefix("QLinear"), [x], parameters(node, "alpha", "axis"), name=node.name)[0], 3, 4)


@handles("QLinearAveragePool", "QLinearGlobalAveragePool", domain=CONTRIB)
def _qlinear_pool(node: Node) -> None:
    x, attributes = attach(node, 0, quantization_of(node, 1, 2)), {}
    if node.type == "QLinearAveragePool":
        kernel = tuple(int(part) for part in node.attribute("kernel_shape", ()))
        attributes = window(node, len(kernel)) | {"kernel": kernel, "ceil_mode": bool(node.attribute("ceil_mode", 0))}
    if node.attribute("channels_last", 0):
        attributes["layout"] = "NHWC"
    _finish(node, node.step(node.type.removeprefix("QLinear"), [x], attributes, name=node.name)[0], 3, 4)


@handles("NhwcMaxPool", domain=CONTRIB)
def _nhwc_max_pool(node: Node) -> None:
    kernel = tuple(int(part) for part in node.attribute("kernel_shape", ()))
    attributes = window(node, len(kernel)) | {"kernel": kernel, "ceil_mode": bool(node.attribute("ceil_mode", 0)), "layout": "NHWC"}
    node.emit("MaxPool", [node.operand(0)], attributes)


@handles("QLinearReduceMean", domain=CONTRIB)
def _qlinear_mean(node: Node) -> None:
    x = attach(node, 0, quantization_of(node, 1, 2))
    attributes = {"mode": "mean", "axes": [int(axis) for axis in node.attribute("axes", ())], "keepdims": bool(node.attribute("keepdims", 1))}
    _finish(node, node.step("Reduce", [x], attributes, name=node.name)[0], 3, 4)


@handles("QLinearWhere", domain=CONTRIB)
def _qlinear_where(node: Node) -> None:
    a, b = attach(node, 1, quantization_of(node, 2, 3)), attach(node, 4, quantization_of(node, 5, 6))
    _finish(node, node.step("Where", [node.operand(0, "constant"), a, b], name=node.name)[0], 7, 8)
