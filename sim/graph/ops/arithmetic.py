"""Elementwise arithmetic, reductions, normalisations, number formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_models.work import DType, Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.contraction import broadcast
from sim.graph.ops.definition import TensorType, axis_of, define, need, same_as_first

# Activations that every runtime computes inside the producer's loop at no measurable cost.
CHEAP_UNARY = (
    "Relu", "Relu6", "ReluN1To1", "LeakyRelu", "PRelu", "Clip", "Abs", "Neg", "Floor", "Ceil", "Round", "Sign", "Not", "BitwiseNot",
    "Identity", "Reciprocal", "Square", "ThresholdedRelu", "IsNaN", "IsInf", "HardSigmoid", "HardSwish", "Dropout",
)  # fmt: skip
EXP_UNARY = (
    "Sigmoid", "Tanh", "Swish", "Gelu", "QuickGelu", "Mish", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Exp", "Log", "Erf", "Sqrt",
    "Rsqrt", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
)  # fmt: skip
BINARY = (
    "Add", "Sub", "Mul", "Div", "Min", "Max", "Mean", "Sum", "Mod", "SquaredDifference", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr",
    "BitwiseXor", "BitShift", "FloorDiv",
)  # fmt: skip
COMPARISON = ("Equal", "NotEqual", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")


def _infer_broadcast(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    present = [tensor for tensor in inputs if tensor is not None]
    need(op, inputs, 0)
    dtype = DType.BOOL if op.type in COMPARISON else _result_dtype(present)
    return [(broadcast(op, *(tensor.shape for tensor in present)), dtype)]


def _result_dtype(present: list[Tensor]) -> DType:
    return next((tensor.dtype for tensor in present if not tensor.is_stored), present[0].dtype)


def _infer_where(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    condition, a, b = (need(op, inputs, i) for i in range(3))
    return [(broadcast(op, condition.shape, a.shape, b.shape), _result_dtype([a, b]))]


def _work_exp(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    return {"kind": Kind.EXP, "exp_elements": outputs[0].elements}


def _infer_reduce(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    rank = len(x.shape)
    axes = {int(axis) % max(rank, 1) for axis in op.attributes.get("axes") or range(rank)}
    if op.attributes.get("keepdims", True):
        shape = tuple(1 if i in axes else extent for i, extent in enumerate(x.shape))
    else:
        shape = tuple(extent for i, extent in enumerate(x.shape) if i not in axes)
    return [(shape, x.dtype)]


def _infer_arg(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    axis = axis_of(op, len(x.shape), 0)
    kept = (1,) if op.attributes.get("keepdims", True) else ()
    return [((*x.shape[:axis], *kept, *x.shape[axis + 1 :]), op.attributes.get("out_dtype", DType.I64))]


def _work_reduction(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    """Kernels that read more than they write: geometry of the input, channels-last."""
    x = need(op, inputs, 0)
    last = x.shape[-1] if x.shape else 1
    wide = x.shape[-2] if len(x.shape) > 1 else 1
    rows = x.elements // max(last * wide, 1)
    return {"kind": Kind.POOL, "batch": 1, "h_in": rows, "w_in": wide, "h_out": rows, "w_out": wide, "c_in": last, "c_out": last}


def _work_softmax(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    return {"kind": Kind.SOFTMAX, "exp_elements": need(op, inputs, 0).elements}


def _infer_format(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """``Cast``, ``Quantize``, ``Dequantize``: attribute ``to`` (DType)."""
    x = need(op, inputs, 0)
    return [(x.shape, DType(op.attributes["to"]))]


def _infer_dynamic_quantize(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Scale and zero point found at run time: x -> stored ``[...]``, scale ``()``, zero point ``()``."""
    x = need(op, inputs, 0)
    to = DType(op.attributes.get("to", DType.I8))
    outputs: list[TensorType] = [(x.shape, to), ((), DType.F32), ((), to)]
    return outputs[: len(op.outputs)]


for _name in CHEAP_UNARY:
    define(_name, same_as_first, Kind.ELEMENTWISE, elementwise=True)
for _name in EXP_UNARY:
    define(_name, same_as_first, _work_exp, elementwise=True)
for _name in BINARY + COMPARISON:
    define(_name, _infer_broadcast, Kind.ELEMENTWISE, elementwise=True)
for _name in ("Pow", "Atan2"):
    define(_name, _infer_broadcast, _work_exp, elementwise=True)
define("Where", _infer_where, Kind.ELEMENTWISE, elementwise=True)
define("BatchNorm", same_as_first, Kind.NORM, elementwise=True)  # inputs x, scale, bias, mean, variance
for _name in ("LayerNorm", "RMSNorm", "InstanceNorm", "GroupNorm", "L2Norm", "MVN"):
    define(_name, same_as_first, Kind.NORM)
define("LRN", same_as_first, Kind.LRN)
for _name in ("Softmax", "LogSoftmax"):
    define(_name, same_as_first, _work_softmax)
define("Reduce", _infer_reduce, _work_reduction)  # attribute mode: mean, sum, max, min, prod, l1, l2, logsum ...
define("ArgMax", _infer_arg, _work_reduction)
define("ArgMin", _infer_arg, _work_reduction)
define("CumSum", same_as_first, Kind.ELEMENTWISE)
define("Trilu", same_as_first, Kind.ELEMENTWISE)  # keeps the upper or lower triangle
for _name in ("Cast", "Quantize", "Dequantize"):
    define(_name, _infer_format, Kind.QUANT, elementwise=True)
define("DynamicQuantize", _infer_dynamic_quantize, Kind.QUANT)
