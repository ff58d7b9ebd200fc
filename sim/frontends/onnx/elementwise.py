"""Elementwise arithmetic, activations, casts, normalisations and reductions."""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod
from typing import Any

import numpy as np

from sim.frontends.onnx.elements import BOOL, CAST_NAMES, FLOAT, dtype_of
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.stored import Stored
from sim.frontends.onnx.table import CONTRIB, handles

_SAME_NAME = (
    "Relu", "LeakyRelu", "Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Not", "BitwiseNot", "Reciprocal", "ThresholdedRelu", "IsNaN", "IsInf", "HardSigmoid",
    "HardSwish", "Sigmoid", "Tanh", "Swish", "Mish", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Exp", "Log", "Erf", "Sqrt", "Sin", "Cos", "Tan",
    "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
)  # fmt: skip
_BINARY = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Mean", "Sum", "Mod", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift")
_COMPARISON = {"Equal": "Equal", "Greater": "Greater", "GreaterOrEqual": "GreaterOrEqual", "Less": "Less", "LessOrEqual": "LessOrEqual"}
_PARAMETERS = ("alpha", "beta", "gamma", "approximate", "lambd", "bias")
_REDUCTIONS = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "prod",
    "ReduceL1": "l1", "ReduceL2": "l2", "ReduceLogSum": "logsum", "ReduceLogSumExp": "logsumexp", "ReduceSumSquare": "sumsquare",
}  # fmt: skip


def parameters(node: Node, *names: str) -> dict[str, object]:
    """Those of the node's attributes that are numbers or text, by name."""
    return {name: node.attributes[name] for name in names if isinstance(node.attributes.get(name), int | float | str)}


@handles(*_SAME_NAME)
def _unary(node: Node) -> None:
    node.emit(node.type, [node.operand(0)], parameters(node, *_PARAMETERS))


@handles("Gelu")
@handles("Gelu", domain=CONTRIB)
def _gelu(node: Node) -> None:
    node.emit("Gelu", [node.operand(0)], parameters(node, "approximate"))


@handles("QuickGelu", domain=CONTRIB)
def _quick_gelu(node: Node) -> None:
    node.emit("QuickGelu", [node.operand(0)], parameters(node, "alpha"))


@handles("FastGelu", "BiasGelu", domain=CONTRIB)
def _bias_gelu(node: Node) -> None:
    x = node.operand(0)
    if node.has(1):
        x = node.step("Add", [x, node.operand(1, "weight")])[0]
    node.emit("Gelu", [x], {"approximate": "tanh"} if node.type == "FastGelu" else {})


@handles("SwiGLU")
def _swiglu(node: Node) -> None:
    gate = node.step("Swish", [node.operand(0)], parameters(node, "alpha"))[0]
    node.emit("Mul", [gate, node.operand(1)])


@handles("Shrink", "Hardmax")
def _like_input(node: Node) -> None:
    node.emit("Softmax" if node.type == "Hardmax" else "ThresholdedRelu", [node.operand(0)], {"original": node.type})


@handles("Identity", "Dropout")
def _alias(node: Node) -> None:
    """Another name for the same value. Exporters store equal vectors (fresh norms and biases) once and name the others by Identity:
    such a vector is a parameter of its own; a matrix named twice is tied and counted once."""
    value = node.needed(0)
    if isinstance(value, Stored) and value.trained and len(value.shape) == 1:
        value = replace(value, name=node.outputs[0], token=object())
    node.bind(0, value)
    if node.type == "Dropout":
        shape = node.shape(0)
        node.bind(1, Stored(f"{node.name}.mask", shape, BOOL, lambda: np.ones(shape, bool), trained=False))


@handles("PRelu")
def _prelu(node: Node) -> None:
    node.emit("PRelu", [node.operand(0), node.operand(1, "weight")])


@handles("Clip")
def _clip(node: Node) -> None:
    if any(isinstance(node.value(i), str) for i in (1, 2)):
        _clip_openly(node)
        return
    low, high = node.scalar(1, "min", -inf), node.scalar(2, "max", inf)
    x = node.operand(0)
    named = {(0.0, inf): "Relu", (0.0, 6.0): "Relu6", (-1.0, 1.0): "ReluN1To1"}
    if (low, high) in named:
        node.emit(named[low, high], [x])  # type: ignore[index]  # both are numbers: they have defaults
        return
    limits = {name: limit for name, limit in (("min", low), ("max", high)) if limit is not None and abs(limit) != inf}
    node.emit("Clip", [x], limits)


def _clip_openly(node: Node) -> None:
    """Limits found at run time: a maximum and a minimum."""
    y = node.operand(0)
    for index, type in ((1, "Max"), (2, "Min")):
        if node.has(index):
            y = node.step(type, [y, node.operand(index, "constant")])[0]
    node.bind_step(0, y)


@handles(*_BINARY, *_COMPARISON)
def _binary(node: Node) -> None:
    if node.type == "Mul" and any(node.value(i) in node.state.dynamic_scales for i in (0, 1) if isinstance(node.value(i), str)):
        node.emit("Mul", node.operands("constant", "constant"))  # the scale of an input times the scales of weights
        return
    names = _aligned(node)
    if len(names) == 1 and node.type in ("Sum", "Mean", "Min", "Max"):
        node.bind(0, node.needed(0))
        return
    node.emit(node.type, names, parameters(node, "direction", "fmod"))


def _aligned(node: Node) -> list[str]:
    """Operands; the second of an operator set below 7 is aligned with ``axis`` of the first by trailing dimensions of 1."""
    if node.version >= 7 or not node.attribute("broadcast", 0) or node.attribute("axis") is None:
        return node.operands()
    a, b = node.shape(0), node.shape(1)
    axis = node.attribute("axis") % max(len(a), 1)
    shape = (*b, *(1,) * (len(a) - axis - len(b)))
    second = node.needed(1)
    if isinstance(second, Stored):
        return [node.operand(0), node.enter(second.reshaped(shape))]
    return [node.operand(0), node.step("Reshape", [second], {"shape": list(shape)})[0]]


@handles("Pow")
def _pow(node: Node) -> None:
    exponent = node.stored(1)
    array = exponent.value() if exponent is not None else None
    known = {2.0: "Square", 0.5: "Sqrt", -1.0: "Reciprocal"}
    if array is not None and array.size == 1 and len(array.shape) <= len(node.shape(0)) and float(array.reshape(())) in known:
        node.emit(known[float(array.reshape(()))], [node.operand(0)])
        return
    node.emit("Pow", node.operands())


@handles("Where")
def _where(node: Node) -> None:
    node.emit("Where", node.operands("constant"))


@handles("Cast", "CastLike", "BitCast")
def _cast(node: Node) -> None:
    if node.type == "CastLike":
        to = node.dtype(1)
    else:
        given = node.attribute("to", 0)
        to = dtype_of(CAST_NAMES.get(given, 0) if isinstance(given, str) else given, f"the result of {node.name}")
    value = node.needed(0)
    if node.dtype(0) == to:
        node.bind(0, value)
        return
    node.emit("Cast", [node.operand(0)], {"to": to})


@handles("BatchNormalization")
def _batch_norm(node: Node) -> None:
    """Statistics are constants; the outputs that only training uses are ignored."""
    node.outputs = node.outputs[:1]
    channels = node.shape(0)[1] if len(node.shape(0)) > 1 else 1
    for i in range(1, 5):
        if prod(node.shape(i)) != channels:
            raise node.refuse(f"input {i} has shape {list(node.shape(i))}, the input has {channels} channels")
    node.emit("BatchNorm", node.operands("operand", "weight", "weight", "constant", "constant"), parameters(node, "epsilon"))


@handles("LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization")
@handles("SimplifiedLayerNormalization")
@handles("SimplifiedLayerNormalization", "GroupNorm", domain=CONTRIB)
def _norm(node: Node) -> None:
    node.outputs = node.outputs[:1]
    names = {"LayerNormalization": "LayerNorm", "InstanceNormalization": "InstanceNorm", "GroupNormalization": "GroupNorm", "GroupNorm": "GroupNorm"}
    attributes = parameters(node, "axis", "epsilon", "num_groups", "activation")
    node.emit(names.get(node.type, "RMSNorm"), node.operands("operand", "weight", "weight"), attributes)


@handles("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=CONTRIB)
def _skip_norm(node: Node) -> None:
    """Inputs x, skip, gamma(, beta), bias; outputs y, mean, variance, x + skip."""
    simplified = node.type.startswith("SkipSimplified")
    total = node.step("Add", [node.operand(0), node.operand(1)])[0]
    bias = 3 if simplified else 4
    if node.has(bias):
        total = node.step("Add", [total, node.operand(bias, "weight")])[0]
    scales = [node.operand(2, "weight"), *([] if simplified else [node.operand(3, "weight")])]
    result = node.step("RMSNorm" if simplified else "LayerNorm", [total, *scales], parameters(node, "epsilon"), name=node.name)[0]
    node.bind_step(0, result)
    node.bind(3, total)


@handles("MeanVarianceNormalization", "LpNormalization", "LRN")
def _plain_norm(node: Node) -> None:
    names = {"MeanVarianceNormalization": "MVN", "LpNormalization": "L2Norm", "LRN": "LRN"}
    attributes = parameters(node, "alpha", "beta", "bias", "size", "p", "axis")
    axes = node.attribute("axes")
    node.emit(names[node.type], [node.operand(0)], attributes | ({"axes": [int(axis) for axis in axes]} if axes else {}))


@handles("Softmax", "LogSoftmax")
def _softmax(node: Node) -> None:
    """Below operator set 13 the input is taken as a matrix, cut at ``axis`` (default 1)."""
    x, shape = node.operand(0), node.shape(0)
    if node.version >= 13:
        node.emit(node.type, [x], {"axis": int(node.attribute("axis", -1)) % max(len(shape), 1)})
        return
    axis = int(node.attribute("axis", 1)) % max(len(shape), 1)
    if axis == len(shape) - 1:
        node.emit(node.type, [x], {"axis": axis})
        return
    flat = node.step("Reshape", [x], {"shape": [prod(shape[:axis]), prod(shape[axis:])]})[0]
    probabilities = node.step(node.type, [flat], {"axis": 1}, name=node.name)[0]
    node.bind_step(0, node.step("Reshape", [probabilities], {"shape": list(shape)})[0])


@handles(*_REDUCTIONS)
def _reduce(node: Node) -> None:
    axes = node.ints(1, "axes")
    if not axes and node.attribute("noop_with_empty_axes", 0):
        node.bind(0, node.needed(0))
        return
    rank = len(node.shape(0))
    if axes and not all(-rank <= axis < rank for axis in axes):
        raise node.refuse(f"reduces axes {axes} of {rank} dimensions")
    attributes: dict[str, Any] = {"mode": _REDUCTIONS[node.type], "keepdims": bool(node.attribute("keepdims", 1))}
    if axes:
        attributes["axes"] = sorted(axis % rank for axis in axes)
    node.emit("Reduce", [node.operand(0)], attributes)


@handles("ArgMax", "ArgMin")
def _arg(node: Node) -> None:
    node.emit(node.type, [node.operand(0)], {"axis": int(node.attribute("axis", 0)), "keepdims": bool(node.attribute("keepdims", 1))})


@handles("CumSum", "CumProd")
def _cumulative(node: Node) -> None:
    axis = node.stored(1)  # one found at run time changes neither shape nor work
    array = axis.value() if axis is not None else None
    node.emit("CumSum", [node.operand(0)], {"axis": 0 if array is None else int(array.reshape(()))})


@handles("Trilu")
def _triangle(node: Node) -> None:
    node.emit("Trilu", [node.operand(0)], {"upper": int(node.attribute("upper", 1)), "k": int(node.scalar(1, default=0) or 0)})


@handles("Constant")
def _constant(node: Node) -> None:
    """A tensor, or a number or list of numbers given as an attribute."""
    from sim.frontends.onnx.stored import from_proto

    if "value" in node.attributes:
        node.bind(0, from_proto(node.attribute("value"), node.state.file, node.outputs[0], trained=False))
        return
    for key, element in (("value_float", FLOAT), ("value_floats", FLOAT), ("value_int", 7), ("value_ints", 7)):
        if key in node.attributes:
            node.bind_array(0, np.array(node.attribute(key), np.float32 if element == FLOAT else np.int64), element)
            return
    raise node.refuse("holds no dense tensor of numbers")
