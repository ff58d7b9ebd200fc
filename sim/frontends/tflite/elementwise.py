"""Elementwise arithmetic, reductions, normalisations, number formats."""

from __future__ import annotations

from typing import Any

from sim.errors import ModelError
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.reader import OperatorRecord

UNARY = {
    "RELU": "Relu", "RELU6": "Relu6", "RELU_N1_TO_1": "ReluN1To1", "TANH": "Tanh", "LOGISTIC": "Sigmoid", "ABS": "Abs", "NEG": "Neg", "FLOOR": "Floor",
    "CEIL": "Ceil", "ROUND": "Round", "SIGN": "Sign", "LOGICAL_NOT": "Not", "EXP": "Exp", "LOG": "Log", "SQRT": "Sqrt", "RSQRT": "Rsqrt", "SIN": "Sin",
    "COS": "Cos", "SQUARE": "Square", "ELU": "Elu", "HARD_SWISH": "HardSwish", "GELU": "Gelu", "FAKE_QUANT": "Identity", "BITCAST": "Identity",
    "STABLEHLO_LOGISTIC": "Sigmoid", "STABLEHLO_ABS": "Abs", "STABLEHLO_COSINE": "Cos", "STABLEHLO_EXPONENTIAL": "Exp", "STABLEHLO_FLOOR": "Floor",
    "STABLEHLO_LOG": "Log", "STABLEHLO_NEGATE": "Neg", "STABLEHLO_RSQRT": "Rsqrt", "STABLEHLO_TANH": "Tanh",
}  # fmt: skip
BINARY = {
    "MAXIMUM": "Max", "MINIMUM": "Min", "POW": "Pow", "FLOOR_DIV": "FloorDiv", "FLOOR_MOD": "Mod", "SQUARED_DIFFERENCE": "SquaredDifference",
    "LOGICAL_AND": "And", "LOGICAL_OR": "Or", "EQUAL": "Equal", "NOT_EQUAL": "NotEqual", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual",
    "LESS": "Less", "LESS_EQUAL": "LessOrEqual", "BITWISE_XOR": "BitwiseXor", "RIGHT_SHIFT": "BitShift", "ATAN2": "Atan2", "ADD_N": "Sum", "PRELU": "PRelu",
    "STABLEHLO_ADD": "Add", "STABLEHLO_SUBTRACT": "Sub", "STABLEHLO_MULTIPLY": "Mul", "STABLEHLO_DIVIDE": "Div", "STABLEHLO_MAXIMUM": "Max",
    "STABLEHLO_MINIMUM": "Min", "STABLEHLO_POWER": "Pow", "STABLEHLO_REMAINDER": "Mod", "STABLEHLO_AND": "And", "STABLEHLO_OR": "Or",
    "STABLEHLO_SHIFT_LEFT": "BitShift",
}  # fmt: skip
FUSING = {"ADD": ("Add", "AddOptions"), "SUB": ("Sub", "SubOptions"), "MUL": ("Mul", "MulOptions"), "DIV": ("Div", "DivOptions")}
REDUCE = {"MEAN": "mean", "SUM": "sum", "REDUCE_PROD": "prod", "REDUCE_MAX": "max", "REDUCE_MIN": "min", "REDUCE_ANY": "any", "REDUCE_ALL": "all"}


def _unary(type: str) -> Any:
    return lambda ctx, op: ctx.emit(op, type, [ctx.x(op, 0)])


def _nary(type: str) -> Any:
    return lambda ctx, op: ctx.emit(op, type, ctx.all_inputs(op))


def _fusing(type: str, options: str) -> Any:
    def handle(ctx: Context, op: OperatorRecord) -> None:
        ctx.emit(op, type, [ctx.x(op, 0), ctx.x(op, 1)], activation=op.options(options).FusedActivationFunction())

    return handle


def leaky_relu(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "LeakyRelu", [ctx.x(op, 0)], {"alpha": float(op.options("LeakyReluOptions").Alpha())})


def relu_0_to_1(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "Clip", [ctx.x(op, 0)], {"min": 0.0, "max": 1.0})


def stablehlo_clamp(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: lower bound, x, upper bound."""
    ctx.emit(op, "Clip", [ctx.x(op, 1)])


def select(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "Where", [ctx.x(op, i) for i in range(3)])


def convert(type: str) -> Any:
    """QUANTIZE, DEQUANTIZE, CAST: the format the output states. Conversions of stored values leave the stored ones to be used directly."""

    def handle(ctx: Context, op: OperatorRecord) -> None:
        record, output = ctx.record(op, 0), ctx.output(op)
        if type != "Quantize" and ctx.is_stored(record) and record.index not in ctx.folded:
            ctx.alias[output.index] = record.index
            return
        ctx.emit(op, type, [ctx.x(op, 0)], {"to": output.dtype})

    return handle


def densify(ctx: Context, op: OperatorRecord) -> None:
    """A sparse weight unpacked at start: the runtime keeps the sparse one in the file."""
    record = ctx.record(op, 0)
    if not ctx.is_stored(record):
        raise ModelError(f"{op.label}: its input is not stored in the file")
    ctx.alias[ctx.output(op).index] = record.index


def reduce(mode: str) -> Any:
    def handle(ctx: Context, op: OperatorRecord) -> None:
        x = ctx.x(op, 0)
        rank = len(ctx.shape(x))
        axes = axes_in(op, ctx.ints(op, 1, "list of axes"), rank)
        keep = bool(op.options("ReducerOptions").KeepDims())
        if not axes:  # an empty list reduces nothing
            ctx.emit(op, "Identity", [x])
            return
        ctx.emit(op, "Reduce", [x], {"mode": mode, "axes": axes, "keepdims": keep})

    return handle


def axes_in(op: OperatorRecord, axes: list[int], rank: int) -> list[int]:
    """Axes counted from 0, each once."""
    if any(not -rank <= axis < rank for axis in axes):
        raise ModelError(f"{op.label}: axes {axes} of a tensor of {rank} dimensions")
    return sorted({axis % rank for axis in axes})


def arg(type: str) -> Any:
    def handle(ctx: Context, op: OperatorRecord) -> None:
        x = ctx.x(op, 0)
        axes = axes_in(op, ctx.ints(op, 1, "axis"), len(ctx.shape(x)))
        ctx.emit(op, type, [x], {"axis": axes[0], "keepdims": False, "out_dtype": ctx.output(op).dtype})

    return handle


def softmax(type: str) -> Any:
    return lambda ctx, op: ctx.emit(op, type, [ctx.x(op, 0)], {"axis": -1})


def l2_normalization(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "L2Norm", [ctx.x(op, 0)], {"axis": -1}, activation=op.options("L2NormOptions").FusedActivationFunction())


def lrn(ctx: Context, op: OperatorRecord) -> None:
    options = op.options("LocalResponseNormalizationOptions")
    ctx.emit(op, "LRN", [ctx.x(op, 0)], {"layout": "NHWC", "size": 2 * options.Radius() + 1})


def cumsum(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "CumSum", [ctx.x(op, 0)], {"axis": ctx.ints(op, 1, "axis")[0]})


HANDLERS: dict[str, Any] = {
    **{code: _unary(type) for code, type in UNARY.items()},
    **{code: _nary(type) for code, type in BINARY.items()},
    **{code: _fusing(*names) for code, names in FUSING.items()},
    **{code: reduce(mode) for code, mode in REDUCE.items()},
    "LEAKY_RELU": leaky_relu,
    "RELU_0_TO_1": relu_0_to_1,
    "STABLEHLO_CLAMP": stablehlo_clamp,
    "SELECT": select,
    "SELECT_V2": select,
    "STABLEHLO_SELECT": select,
    "QUANTIZE": convert("Quantize"),
    "DEQUANTIZE": convert("Dequantize"),
    "CAST": convert("Cast"),
    "STABLEHLO_CONVERT": convert("Cast"),
    "DENSIFY": densify,
    "ARG_MAX": arg("ArgMax"),
    "ARG_MIN": arg("ArgMin"),
    "SOFTMAX": softmax("Softmax"),
    "LOG_SOFTMAX": softmax("LogSoftmax"),
    "L2_NORMALIZATION": l2_normalization,
    "LOCAL_RESPONSE_NORMALIZATION": lrn,
    "CUMSUM": cumsum,
}
