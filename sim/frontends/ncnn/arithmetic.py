"""Elementwise layers, normalisation, reduction, number formats."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from device_models.work import DType
from sim.frontends.ncnn.context import Context
from sim.frontends.ncnn.param import Layer

UNARY = {
    "AbsVal": "Abs", "BNLL": "Softplus", "ELU": "Elu", "CELU": "Celu", "SELU": "Selu", "Exp": "Exp", "Log": "Log", "Erf": "Erf", "GELU": "Gelu",
    "HardSigmoid": "HardSigmoid", "HardSwish": "HardSwish", "Mish": "Mish", "Sigmoid": "Sigmoid", "Softplus": "Softplus", "Swish": "Swish", "TanH": "Tanh",
    "Dropout": "Dropout", "Threshold": "ThresholdedRelu", "Power": "Pow", "Shrink": "ThresholdedRelu",
}  # fmt: skip
UNARY_OP = (
    "Abs", "Neg", "Floor", "Ceil", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Reciprocal", "Tanh", "Log", "Round",
    "Round",
)  # fmt: skip
BINARY_OP = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sub", "Div", "Pow", "Atan2", "Atan2")
ELTWISE = ("Mul", "Add", "Max")
REDUCTION = ("sum", "l1", "sum_square", "mean", "max", "min", "prod", "l1", "l2", "log_sum", "log_sum_exp")
CAST = {1: DType.F32, 2: DType.F16, 3: DType.I8, 4: DType.BF16}


def _of(layer: Layer, table: tuple[str, ...], key: int = 0) -> str:
    number = layer.whole(key)
    if not 0 <= number < len(table):
        raise layer.problem(f"unknown operation {number}")
    return table[number]


def _unary(type: str) -> Any:
    return lambda ctx, layer: ctx.bind(layer, ctx.one(layer, type, [ctx.x(layer)]))


def unary_op(ctx: Context, layer: Layer) -> None:
    ctx.bind(layer, ctx.one(layer, _of(layer, UNARY_OP), [ctx.x(layer)]))


def relu(ctx: Context, layer: Layer) -> None:
    slope = layer.number(0)
    ctx.bind(layer, ctx.one(layer, "LeakyRelu", [ctx.x(layer)], {"alpha": slope}) if slope else ctx.one(layer, "Relu", [ctx.x(layer)]))


def clip(ctx: Context, layer: Layer) -> None:
    bounds = {name: layer.number(key) for key, name in ((0, "min"), (1, "max")) if layer.has(key)}
    ctx.bind(layer, ctx.one(layer, "Clip", [ctx.x(layer)], bounds))


def prelu(ctx: Context, layer: Layer) -> None:
    ctx.bind(layer, ctx.one(layer, "PRelu", [ctx.x(layer), ctx.weight(layer, "slope", (layer.count(0),))]))


def aligned(ctx: Context, layer: Layer, name: str, dims: int, outer: int) -> str:
    """A blob with fewer dimensions is aligned with the outermost ones, unless it has one dimension that only fits the innermost."""
    shape = ctx.shape(name)
    missing = dims - len(shape)
    if missing <= 0:
        return name
    inner = len(shape) == 1 and shape[0] not in (1, outer)
    return ctx.view(layer, name, (*(1,) * missing, *shape) if inner else (*shape, *(1,) * missing), "broadcast")


def _combined(ctx: Context, layer: Layer, type: str, names: list[str]) -> str:
    dims = max(len(ctx.shape(name)) for name in names)
    outer = next(ctx.shape(name)[0] for name in names if len(ctx.shape(name)) == dims) if dims else 1
    return ctx.one(layer, type, [aligned(ctx, layer, name, dims, outer) for name in names])


def binary_op(ctx: Context, layer: Layer) -> None:
    type = _of(layer, BINARY_OP)
    if layer.whole(1):
        value = np.float32(layer.number(2))
        scalar = ctx.builder.tensor(f"{layer.label}.scalar", (), DType.F32, "constant", load=lambda: np.array(value))
        ctx.bind(layer, ctx.one(layer, type, [ctx.x(layer), scalar]))
        return
    ctx.bind(layer, _combined(ctx, layer, type, [ctx.x(layer), ctx.x(layer, 1)]))


def eltwise(ctx: Context, layer: Layer) -> None:
    type = _of(layer, ELTWISE)
    value = ctx.x(layer)
    for position in range(1, len(layer.inputs)):  # summed one after the other
        value = ctx.one(layer, type, [value, ctx.x(layer, position)], suffix=f"{position}" if position < len(layer.inputs) - 1 else "")
    ctx.bind(layer, value)


def scale(ctx: Context, layer: Layer) -> None:
    """Scale by a stored vector, or (-233) by the second blob."""
    x = ctx.x(layer)
    size = layer.whole(0)
    if size == -233:
        y = _combined(ctx, layer, "Mul", [x, ctx.x(layer, 1)])
        size = ctx.shape(x)[0]
    else:
        y = ctx.one(layer, "Mul", [x, _per_channel(ctx, layer, x, "scale", layer.count(0))])
    if layer.whole(1):
        y = ctx.one(layer, "Add", [y, _per_channel(ctx, layer, x, "bias", size)], suffix="bias")
    ctx.bind(layer, y)


def bias(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    ctx.bind(layer, ctx.one(layer, "Add", [x, _per_channel(ctx, layer, x, "bias", layer.count(0))]))


def _per_channel(ctx: Context, layer: Layer, x: str, suffix: str, size: int) -> str:
    """A stored vector along the outermost dimension."""
    return ctx.weight(layer, suffix, (size, *(1,) * (len(ctx.shape(x)) - 1)))


def batch_norm(ctx: Context, layer: Layer) -> None:
    channels = layer.count(0)
    x = ctx.x(layer)
    if ctx.shape(x)[:1] != (channels,):
        raise layer.problem(f"{channels} channels do not fit a blob of shape {list(ctx.shape(x))}")
    trained = [ctx.weight(layer, suffix, (channels,)) for suffix in ("scale", "bias")]
    measured = [ctx.weight(layer, suffix, (channels,), role="constant") for suffix in ("mean", "variance")]
    ctx.bind(layer, ctx.one(layer, "BatchNorm", [x, *trained, *measured], {"epsilon": layer.number(1)}))


def _norm(type: str, size_key: int, affine_key: int, parts: tuple[str, ...], whole: bool) -> Any:
    """Normalisation with trained scale and bias: of the innermost ``size`` numbers (``whole``) or per channel."""

    def handle(ctx: Context, layer: Layer) -> None:
        x = ctx.x(layer)
        size = layer.whole(size_key)
        trained: list[str] = []
        if layer.whole(affine_key, 1):
            shape = ctx.shape(x)
            fits = [prod(shape[i:]) for i in range(len(shape))] if whole else [shape[0]] if shape else []
            if layer.count(size_key) not in fits:
                raise layer.problem(f"{size} parameters do not fit a blob of shape {list(shape)}")
            trained = [ctx.weight(layer, part, (size,)) for part in parts]
        ctx.bind(layer, ctx.one(layer, type, [x, *trained], {"group": layer.whole(0)} if type == "GroupNorm" else {"size": size}))

    return handle


def normalize(ctx: Context, layer: Layer) -> None:
    size = layer.whole(3)
    inputs = [ctx.x(layer)] + ([ctx.weight(layer, "scale", (layer.count(3),))] if size else [])
    ctx.bind(layer, ctx.one(layer, "L2Norm", inputs))


def lrn(ctx: Context, layer: Layer) -> None:
    ctx.bind(layer, ctx.one(layer, "LRN", [ctx.x(layer)], {"size": layer.count(1, 5)}))


def softmax(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    ctx.bind(layer, ctx.one(layer, "Softmax", [x], {"axis": ctx.axis(layer, layer.whole(0), len(ctx.shape(x)))}))


def reduction(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    dims = len(ctx.shape(x))
    chosen = [ctx.axis(layer, axis, dims) for axis in layer.wholes(3)]
    axes = list(range(1, dims + 1)) if layer.whole(1, 1) or not chosen else sorted(set(chosen))
    y = ctx.one(layer, "Reduce", [x], {"mode": _of(layer, REDUCTION), "axes": axes, "keepdims": bool(layer.whole(4))})
    ctx.bind(layer, ctx.view(layer, y, ctx.shape(y) or (1,)))


def arg_max(ctx: Context, layer: Layer) -> None:
    """The indices (and values) of the ``topk`` largest numbers of the blob."""
    x = ctx.x(layer)
    flat = ctx.view(layer, x, (prod(ctx.shape(x)),), "flat")
    values, indices = ctx.add(layer, "TopK", [flat], {"axis": 1, "k": layer.count(1, 1)}, outputs=2)
    ctx.bind(layer, ctx.one(layer, "Stack", [values, indices], {"axis": 1}, suffix="pairs", shapes=[(2, layer.count(1, 1))]) if layer.whole(0) else indices)


def convert(type: str, to: DType) -> Any:
    """Quantize (1 or a scale per channel), Dequantize, Requantize."""

    def handle(ctx: Context, layer: Layer) -> None:
        y = ctx.one(layer, type, [ctx.x(layer)], {"to": to})
        ctx.bind(layer, ctx.activated(layer, y, layer.whole(3), layer.array(4)) if layer.type == "Requantize" else y)

    return handle


def cast(ctx: Context, layer: Layer) -> None:
    if layer.whole(1) not in CAST:
        raise layer.problem(f"unknown number format {layer.whole(1)}")
    ctx.bind(layer, ctx.one(layer, "Cast", [ctx.x(layer)], {"to": CAST[layer.whole(1)]}))


def glu(ctx: Context, layer: Layer) -> None:
    """First half times the sigmoid of the second."""
    x = ctx.x(layer)
    axis = ctx.axis(layer, layer.whole(0), len(ctx.shape(x)))
    value, gate = ctx.add(layer, "Split", [x], {"axis": axis}, suffix="halves", outputs=2)
    ctx.bind(layer, ctx.one(layer, "Mul", [value, ctx.one(layer, "Sigmoid", [gate], suffix="gate")]))


def cumulative_sum(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    ctx.bind(layer, ctx.one(layer, "CumSum", [x], {"axis": ctx.axis(layer, layer.whole(0), len(ctx.shape(x)))}))


HANDLERS: dict[str, Any] = {
    **{name: _unary(type) for name, type in UNARY.items()},
    "UnaryOp": unary_op,
    "ReLU": relu,
    "Clip": clip,
    "PReLU": prelu,
    "BinaryOp": binary_op,
    "Eltwise": eltwise,
    "Scale": scale,
    "Bias": bias,
    "BatchNorm": batch_norm,
    "LayerNorm": _norm("LayerNorm", 0, 2, ("scale", "bias"), True),
    "RMSNorm": _norm("RMSNorm", 0, 2, ("scale",), True),
    "InstanceNorm": _norm("InstanceNorm", 0, 2, ("scale", "bias"), False),
    "GroupNorm": _norm("GroupNorm", 1, 3, ("scale", "bias"), False),
    "MVN": _unary("MVN"),
    "Normalize": normalize,
    "LRN": lrn,
    "Softmax": softmax,
    "Reduction": reduction,
    "ArgMax": arg_max,
    "Quantize": convert("Quantize", DType.I8),
    "Dequantize": convert("Dequantize", DType.F32),
    "Requantize": convert("Quantize", DType.I8),
    "Cast": cast,
    "GLU": glu,
    "CumulativeSum": cumulative_sum,
}
