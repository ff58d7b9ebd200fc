"""Elementwise arithmetic, activations, normalisation and reduction."""

from __future__ import annotations

from math import inf, prod
from typing import Any

import numpy as np

from device_models.work import DType
from sim.frontends.openvino.dequantization import scaled_weights, shifted_weights
from sim.frontends.openvino.elements import ELEMENTS, FLOATING, element_named
from sim.frontends.openvino.node import Node, handles
from sim.frontends.openvino.stored import Stored
from sim.graph.ir import Op

_UNARY = {
    "Relu": "Relu", "ReLU": "Relu", "Abs": "Abs", "Negative": "Neg", "Floor": "Floor", "Ceiling": "Ceil", "Round": "Round", "Sign": "Sign", "LogicalNot": "Not",
    "BitwiseNot": "BitwiseNot", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Gelu": "Gelu", "Mish": "Mish", "HSwish": "HardSwish", "HSigmoid": "HardSigmoid",
    "SoftPlus": "Softplus", "SoftSign": "Softsign", "Exp": "Exp", "Log": "Log", "Erf": "Erf", "Sqrt": "Sqrt", "Sin": "Sin", "Cos": "Cos", "Tan": "Tan",
    "Asin": "Asin", "Acos": "Acos", "Atan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh", "Asinh": "Asinh", "Acosh": "Acosh", "Atanh": "Atanh", "IsNaN": "IsNaN",
    "IsInf": "IsInf", "IsFinite": "IsInf", "Elu": "Elu",
}  # fmt: skip
_BINARY = {
    "Divide": "Div", "Maximum": "Max", "Minimum": "Min", "Mod": "Mod", "FloorMod": "Mod", "SquaredDifference": "SquaredDifference", "LogicalAnd": "And",
    "LogicalOr": "Or", "LogicalXor": "Xor", "BitwiseAnd": "BitwiseAnd", "BitwiseOr": "BitwiseOr", "BitwiseXor": "BitwiseXor", "BitwiseLeftShift": "BitShift",
    "BitwiseRightShift": "BitShift", "Equal": "Equal", "NotEqual": "NotEqual", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "Less": "Less",
    "LessEqual": "LessOrEqual", "Xor": "Xor",
}  # fmt: skip
_REDUCTIONS = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "prod", "ReduceL1": "l1", "ReduceL2": "l2",
    "ReduceLogicalAnd": "min", "ReduceLogicalOr": "max",
}  # fmt: skip


@handles(*_UNARY)
def _unary(node: Node) -> None:
    attributes: dict[str, Any] = {"alpha": node.number("alpha", 1.0)} if node.type == "Elu" else {}
    if node.type == "Gelu" and node.text("approximation_mode").lower() == "tanh":
        attributes["approximate"] = "tanh"
    node.emit(_UNARY[node.type], [node.operand(0)], attributes)


@handles("Swish")
def _swish(node: Node) -> None:
    node.emit("Swish", [node.operand(0)])


@handles("HardSigmoid", "Selu")
def _with_stored_parameters(node: Node) -> None:
    node.emit(node.type, [node.operand(0)])


@handles("PReLU", "PRelu")
def _prelu(node: Node) -> None:
    slope = node.stored(1)
    array = slope.value() if slope is not None and slope.elements == 1 else None
    if array is not None:
        node.emit("LeakyRelu", [node.operand(0)], {"alpha": float(array.reshape(()))})
        return
    channels = node.shape(0)[1] if len(node.shape(0)) > 1 else 1
    if slope is not None and slope.elements == channels and len(slope.shape) == 1:
        slope = slope.reshaped((channels, *(1,) * (len(node.shape(0)) - 2)))
    node.emit("PRelu", [node.operand(0), node.state.enter(slope, "weight") if slope is not None else node.operand(1)])


@handles("Clamp")
def _clamp(node: Node) -> None:
    low, high = node.number("min", -inf), node.number("max", inf)
    named = {(0.0, inf): "Relu", (0.0, 6.0): "Relu6", (-1.0, 1.0): "ReluN1To1"}
    high = inf if high >= 3e38 else high
    if (low, high) in named:
        node.emit(named[low, high], [node.operand(0)])
        return
    node.emit("Clip", [node.operand(0)], {name: limit for name, limit in (("min", low), ("max", high)) if abs(limit) != inf})


@handles(*_BINARY)
def _binary(node: Node) -> None:
    node.emit(_BINARY[node.type], node.operands())


@handles("Power")
def _power(node: Node) -> None:
    exponent = node.stored(1)
    array = exponent.value() if exponent is not None and exponent.elements == 1 else None
    known = {2.0: "Square", 0.5: "Sqrt", -1.0: "Reciprocal", -0.5: "Rsqrt"}
    if array is not None and float(array.reshape(())) in known:
        node.emit(known[float(array.reshape(()))], [node.operand(0)])
        return
    node.emit("Pow", node.operands())


@handles("Subtract")
def _subtract(node: Node) -> None:
    if not shifted_weights(node):
        node.emit("Sub", node.operands())


@handles("Multiply")
def _multiply(node: Node) -> None:
    """Scales of stored weights; scales of a norm; else a product."""
    if scaled_weights(node):
        return
    norm, scale = _norm_and_vector(node, "MVN")
    if norm is not None and scale is not None:
        norm.type, norm.inputs = "LayerNorm", (norm.inputs[0], node.state.enter(scale, "weight"))
        node.bind(0, norm.outputs[0])
        return
    node.emit("Mul", node.operands())


@handles("Add")
def _add(node: Node) -> None:
    """The bias of a convolution or product, the shift of a norm, else a sum."""
    norm, shift = _norm_and_vector(node, "LayerNorm")
    if norm is not None and shift is not None and len(norm.inputs) == 2:
        norm.inputs = (*norm.inputs, node.state.enter(shift, "weight"))
        node.bind(0, norm.outputs[0])
        return
    host, bias = _host_and_bias(node)
    if host is not None and bias is not None:
        host.inputs = (*host.inputs, node.state.enter(bias, "weight"))
        node.bind(0, host.outputs[0])
        return
    node.emit("Add", node.operands())


def _operand_and_stored(node: Node, *types: str) -> tuple[Op | None, Stored | None]:
    """The operator behind one operand, if only this layer reads it, and the other operand, which is stored."""
    for index in (0, 1):
        name, stored = node.value(index), node.stored(1 - index)
        if isinstance(name, str) and stored is not None and not stored.is_quantized:
            return node.maker(name, *types), stored
    return None, None


def _norm_and_vector(node: Node, type: str) -> tuple[Op | None, Stored | None]:
    """A norm over the last axis, and a vector along it."""
    norm, stored = _operand_and_stored(node, type)
    if norm is None or stored is None:
        return None, None
    shape = node.tensor(norm.outputs[0]).shape
    rank = len(shape)
    if not shape or norm.attributes.get("axes", [rank - 1]) != [rank - 1] or stored.elements != shape[-1] or not stored.shape or stored.shape[-1] != shape[-1]:
        return None, None
    return norm, stored.reshaped((shape[-1],))


def _host_and_bias(node: Node) -> tuple[Op | None, Stored | None]:
    """A convolution or product without bias, and one number for each of its channels."""
    host, stored = _operand_and_stored(node, "Conv", "ConvTranspose", "Dense")
    if host is None or stored is None or len(host.inputs) != 2 or stored.seen not in FLOATING:
        return None, None
    shape = node.tensor(host.outputs[0]).shape
    axis = len(shape) - 1 if host.type == "Dense" else 1
    expected = (shape[axis], *(1,) * (len(shape) - 1 - axis))
    if prod(stored.shape) != shape[axis] or stored.shape[max(len(stored.shape) - len(expected), 0) :] != expected:
        return None, None
    return host, stored.reshaped((shape[axis],))


@handles("Select")
def _select(node: Node) -> None:
    node.emit("Where", node.operands("constant"))


@handles("ConvertLike")
def _convert_like(node: Node) -> None:
    _cast(node, node.dtype(1))


@handles("Convert")
def _convert(node: Node) -> None:
    element = element_named(node.text("destination_type"), node.layer.label)
    _cast(node, ELEMENTS[element][0])


def _cast(node: Node, to: DType) -> None:
    """Of a constant: the format operators see. Of a value that has it: nothing."""
    value = node.value(0)
    if isinstance(value, Stored):
        node.bind(0, value.converted(to))
    elif node.dtype(0) == to:
        node.bind(0, value)
    else:
        node.emit("Cast", [value], {"to": to})


@handles("BatchNormInference")
def _batch_norm(node: Node) -> None:
    """Operator set 5: x, scale, bias, mean, variance; set 1 has x in the third place."""
    order = (2, 0, 1, 3, 4) if node.version() < 5 else (0, 1, 2, 3, 4)
    channels = node.shape(order[0])[1] if len(node.shape(order[0])) > 1 else 1
    for index in order[1:]:
        if prod(node.shape(index)) != channels:
            raise node.refuse(f"input {index} has shape {list(node.shape(index))}, the input has {channels} channels")
    uses = ("operand", "weight", "weight", "constant", "constant")
    names = [node.operand(index, use) for index, use in zip(order, uses, strict=True)]  # type: ignore[arg-type]  # a literal each
    node.emit("BatchNorm", names, {"epsilon": node.number("epsilon", 1e-5)})


@handles("MVN")
def _mvn(node: Node) -> None:
    rank = len(node.shape(0))
    axes = sorted(node.axes(1, rank)) if node.has(1) else list(range(1 if node.flag("across_channels") else 2, rank))
    node.emit("MVN", [node.operand(0)], {"axes": axes, "epsilon": node.number("eps", 1e-5)})


@handles("NormalizeL2", "LRN", "GRN")
def _plain_norm(node: Node) -> None:
    node.emit("LRN" if node.type == "LRN" else "L2Norm", [node.operand(0)])


@handles("GroupNormalization")
def _group_norm(node: Node) -> None:
    node.emit("GroupNorm", node.operands("operand", "weight", "weight"), {"num_groups": node.whole("num_groups"), "epsilon": node.number("epsilon", 1e-5)})


@handles("RMS", "RMSNorm")
def _rms_norm(node: Node) -> None:
    node.emit("RMSNorm", [node.operand(0), node.operand(1, "weight")], {"epsilon": node.number("epsilon", 1e-6)})


@handles("SoftMax", "Softmax", "LogSoftmax")
def _softmax(node: Node) -> None:
    axis = node.axis(node.whole("axis", 1), max(len(node.shape(0)), 1))
    node.emit("LogSoftmax" if node.type == "LogSoftmax" else "Softmax", [node.operand(0)], {"axis": axis})


@handles(*_REDUCTIONS)
def _reduce(node: Node) -> None:
    rank, keeps = len(node.shape(0)), node.flag("keep_dims")
    axes = sorted(set(node.axes(1, rank)))
    if not axes:
        node.bind(0, node.value(0))
        return
    if keeps and rank == 4 and axes == [2, 3] and node.type in ("ReduceMean", "ReduceMax"):
        node.emit("GlobalAveragePool" if node.type == "ReduceMean" else "GlobalMaxPool", [node.operand(0)])
        return
    node.emit("Reduce", [node.operand(0)], {"mode": _REDUCTIONS[node.type], "axes": axes, "keepdims": keeps})


@handles("CumSum")
def _cumulative(node: Node) -> None:
    stored = node.stored(1)
    array = stored.value() if stored is not None else None
    node.emit("CumSum", [node.operand(0)], {"axis": 0 if array is None else int(np.ravel(array)[0])})
