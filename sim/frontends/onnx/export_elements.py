"""Elementwise operators, reductions and norms as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.onnx.export_writer import Writer, exports
from sim.graph.ir import Op

_SAME = (
    "Relu", "Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Not", "BitwiseNot", "Identity", "Reciprocal", "IsNaN", "IsInf", "HardSwish", "Sigmoid", "Tanh",
    "Mish", "Softplus", "Softsign", "Exp", "Log", "Erf", "Sqrt", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
    "PRelu",
    "Add", "Sub", "Mul", "Div", "Min", "Max", "Mean", "Sum", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Equal", "Greater", "GreaterOrEqual",
    "Less", "LessOrEqual", "Pow", "Where",
)  # fmt: skip
_WITH_PARAMETERS = ("LeakyRelu", "ThresholdedRelu", "HardSigmoid", "Elu", "Selu", "Celu")
_REDUCTIONS = {
    "mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd", "l1": "ReduceL1", "l2": "ReduceL2",
    "logsum": "ReduceLogSum", "logsumexp": "ReduceLogSumExp", "sumsquare": "ReduceSumSquare",
}  # fmt: skip
_DEFAULTS = {"LeakyRelu": {"alpha": 0.01}, "HardSigmoid": {"alpha": 0.2, "beta": 0.5}}


@exports(*_SAME)
def _same(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node(op.type, inputs, outputs, name=op.name)


@exports("Dropout", "Relayout")
def _identity(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    if op.type == "Relayout":
        writer.node("Transpose", inputs, outputs, name=op.name, perm=[int(axis) for axis in op.attributes["perm"]])
    else:
        writer.node("Identity", inputs[:1], outputs[:1], name=op.name)


@exports(*_WITH_PARAMETERS)
def _parameters(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    given: dict[str, Any] = _DEFAULTS.get(op.type, {}) | {key: float(op.attributes[key]) for key in ("alpha", "beta", "gamma") if key in op.attributes}
    writer.node(op.type, inputs, outputs, name=op.name, **given)


@exports("Relu6", "ReluN1To1", "Clip")
def _clip(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    low, high = {"Relu6": (0.0, 6.0), "ReluN1To1": (-1.0, 1.0)}.get(op.type, (op.attributes.get("min"), op.attributes.get("max")))
    limits = ["" if limit is None else writer.scalar(f"{op.name}_limit", limit, _format(writer, op)) for limit in (low, high)]
    writer.node("Clip", [inputs[0], *(inputs[1:] or limits)], outputs, name=op.name)


def _format(writer: Writer, op: Op) -> str:
    """The tensor whose float format an operator's own numbers have."""
    return next((name for name in (*op.outputs, *op.inputs) if name in writer.graph.tensors), "")


@exports("Square", "Rsqrt", "NotEqual", "SquaredDifference", "FloorDiv")
def _pairs(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    stem = f"{op.name}.inner"
    if op.type == "Square":
        writer.node("Mul", [inputs[0], inputs[0]], outputs, name=op.name)
    elif op.type == "SquaredDifference":
        difference = writer.node("Sub", inputs, stem)
        writer.node("Mul", [difference, difference], outputs, name=op.name)
    else:
        first, second = {"Rsqrt": ("Sqrt", "Reciprocal"), "NotEqual": ("Equal", "Not"), "FloorDiv": ("Div", "Floor")}[op.type]
        writer.node(second, [writer.node(first, inputs, stem)], outputs, name=op.name)


@exports("Swish", "QuickGelu")
def _swish(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    alpha = float(op.attributes.get("alpha", 1.702 if op.type == "QuickGelu" else 1.0))
    scaled = inputs[0]
    if alpha != 1.0:
        scaled = writer.node("Mul", [inputs[0], writer.scalar(f"{op.name}_alpha", alpha, _format(writer, op))], f"{op.name}.scaled")
    writer.node("Mul", [inputs[0], writer.node("Sigmoid", [scaled], f"{op.name}.gate")], outputs, name=op.name)


@exports("Gelu")
def _gelu(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node("Gelu", inputs, outputs, name=op.name, approximate=str(op.attributes.get("approximate", "none")))


@exports("Mod", "BitShift")
def _named(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    given: dict[str, Any] = {"fmod": int(op.attributes["fmod"])} if "fmod" in op.attributes else {}
    if op.type == "BitShift":
        given = {"direction": op.attributes.get("direction", "LEFT")}
    writer.node(op.type, inputs, outputs, name=op.name, **given)


@exports("Cast")
def _cast(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    to = DType(op.attributes["to"])
    writer.node("Cast", inputs, outputs, name=op.name, to=writer.element(to))


@exports("BatchNorm")
def _batch_norm(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node("BatchNormalization", inputs, outputs, name=op.name, epsilon=float(op.attributes.get("epsilon", 1e-5)))


@exports("LayerNorm")
def _layer_norm(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    epsilon, axis = float(op.attributes.get("epsilon", 1e-5)), int(op.attributes.get("axis", -1))
    scale = (
        inputs[1]
        if len(inputs) > 1 and inputs[1]
        else writer.constant(f"{op.name}_ones", np.ones(writer.graph.tensors[op.outputs[0]].shape[axis:]), np.float32)
    )
    writer.node("LayerNormalization", [inputs[0], scale, *inputs[2:3]], outputs, name=op.name, epsilon=epsilon, axis=axis)


@exports("RMSNorm")
def _rms_norm(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """x / sqrt(mean(x^2) + epsilon) * scale, over the last axis."""
    like, stem = op.outputs[0], op.name
    squared = writer.node("Mul", [inputs[0], inputs[0]], f"{stem}.squared")
    mean = writer.node("ReduceMean", [squared, writer.constant(f"{stem}_axes", [-1])], f"{stem}.mean", keepdims=1)
    root = writer.node(
        "Sqrt", [writer.node("Add", [mean, writer.scalar(f"{stem}_epsilon", float(op.attributes.get("epsilon", 1e-5)), like)], f"{stem}.kept")], f"{stem}.root"
    )
    scaled = len(inputs) > 1 and bool(inputs[1])
    normal = writer.node("Div", [inputs[0], root], f"{stem}.normal" if scaled else outputs)
    if scaled:
        writer.node("Mul", [normal, inputs[1]], outputs, name=op.name)


@exports("InstanceNorm", "GroupNorm", "L2Norm", "MVN", "LRN")
def _other_norms(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    given = op.attributes
    if op.type == "InstanceNorm":
        writer.node("InstanceNormalization", inputs, outputs, name=op.name, epsilon=float(given.get("epsilon", 1e-5)))
    elif op.type == "GroupNorm":
        groups = int(given.get("num_groups", given.get("group", 1)))
        writer.node("GroupNormalization", inputs, outputs, name=op.name, epsilon=float(given.get("epsilon", 1e-5)), num_groups=groups)
    elif op.type == "L2Norm":
        writer.node("LpNormalization", inputs[:1], outputs, name=op.name, axis=int(given.get("axis", -1)), p=int(given.get("p", 2)))
    elif op.type == "MVN":
        writer.node("MeanVarianceNormalization", inputs[:1], outputs, name=op.name, axes=[int(axis) for axis in given.get("axes", (0, 2, 3))])
    else:
        parameters: dict[str, Any] = {key: float(given[key]) for key in ("alpha", "beta", "bias") if key in given}
        writer.node("LRN", inputs[:1], outputs, name=op.name, size=int(given.get("size", 5)), **parameters)


@exports("Softmax", "LogSoftmax")
def _softmax(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node(op.type, inputs[:1], outputs, name=op.name, axis=int(op.attributes.get("axis", -1)))


@exports("Reduce")
def _reduce(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    mode = str(op.attributes.get("mode", "mean"))
    if mode not in _REDUCTIONS:
        raise ModelError(f"{op.name}: a reduction of kind {mode!r} has no ONNX form")
    axes = op.attributes.get("axes")
    given = [] if not axes else [writer.constant(f"{op.name}_axes", [int(axis) for axis in axes])]
    writer.node(_REDUCTIONS[mode], [inputs[0], *given], outputs, name=op.name, keepdims=int(bool(op.attributes.get("keepdims", True))))


@exports("ArgMax", "ArgMin")
def _arg(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    given: dict[str, Any] = {"axis": int(op.attributes.get("axis", 0)), "keepdims": int(bool(op.attributes.get("keepdims", True)))}
    wanted = DType(op.attributes.get("out_dtype", DType.I64))
    if wanted == DType.I64:
        writer.node(op.type, inputs[:1], outputs, name=op.name, **given)
    else:
        found = writer.node(op.type, inputs[:1], f"{op.name}.index", **given)
        writer.node("Cast", [found], outputs, name=op.name, to=writer.element(wanted))


@exports("CumSum", "Trilu")
def _along(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    if op.type == "CumSum":
        writer.node("CumSum", [inputs[0], writer.constant(f"{op.name}_axis", int(op.attributes.get("axis", 0)))], outputs, name=op.name)
    else:
        diagonal = writer.constant(f"{op.name}_k", int(op.attributes.get("k", 0)))
        writer.node("Trilu", [inputs[0], diagonal], outputs, name=op.name, upper=int(op.attributes.get("upper", 1)))
