"""Convolutions, pooling, matrix products."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.reader import OperatorRecord

PADDING = {0: "SAME_UPPER", 1: "VALID"}
_FLOATS = (DType.F32, DType.F16, DType.BF16)


def _auto_pad(op: OperatorRecord, options: Any) -> str:
    if options.Padding() not in PADDING:
        raise ModelError(f"{op.label}: unknown padding {options.Padding()}")
    return PADDING[options.Padding()]


def _plane_attributes(op: OperatorRecord, options: Any) -> dict[str, Any]:
    return {
        "layout": "NHWC", "strides": [options.StrideH(), options.StrideW()], "dilations": [options.DilationHFactor(), options.DilationWFactor()],
        "auto_pad": _auto_pad(op, options),
    }  # fmt: skip


def _rank(ctx: Context, op: OperatorRecord, position: int, rank: int) -> tuple[int, ...]:
    shape = ctx.record(op, position).shape
    if len(shape) != rank:
        raise ModelError(f"{op.label}: input {position} has shape {list(shape)}, it needs {rank} dimensions")
    return shape


def _with_bias(ctx: Context, op: OperatorRecord, position: int, inputs: list[str]) -> list[str]:
    return [*inputs, ctx.weight(op, position)] if ctx.has(op, position) else inputs


def hybrid(ctx: Context, x: str, weight: str) -> dict[str, Any]:
    """Float activations and integer weights: the runtime quantizes activations as it goes and computes in integers."""
    tensors = ctx.builder.graph.tensors
    return {"hybrid": True} if tensors[x].dtype in _FLOATS and tensors[weight].dtype in (DType.I8, DType.I4) else {}


def conv_2d(ctx: Context, op: OperatorRecord) -> None:
    """Weights ``[out, kh, kw, in / groups]``."""
    options = op.options("Conv2DOptions")
    _, _, _, per_group = _rank(ctx, op, 1, 4)
    x = ctx.x(op, 0)
    channels = ctx.shape(x)[-1]
    if per_group < 1 or channels % per_group:
        raise ModelError(f"{op.label}: {channels} input channels cannot be split into groups of {per_group}")
    weight = ctx.weight(op, 1, (0, 3, 1, 2))
    attributes = {**_plane_attributes(op, options), "group": channels // per_group, **hybrid(ctx, x, weight)}
    ctx.emit(op, "Conv", _with_bias(ctx, op, 2, [x, weight]), attributes, activation=options.FusedActivationFunction())


def depthwise_conv_2d(ctx: Context, op: OperatorRecord) -> None:
    """Weights ``[1, kh, kw, in * multiplier]``."""
    options = op.options("DepthwiseConv2DOptions")
    _, kernel_h, kernel_w, out = _rank(ctx, op, 1, 4)
    x = ctx.x(op, 0)
    weight = ctx.weight(op, 1, (3, 0, 1, 2), (out, 1, kernel_h, kernel_w))
    attributes = {**_plane_attributes(op, options), "group": ctx.shape(x)[-1], **hybrid(ctx, x, weight)}
    ctx.emit(op, "Conv", _with_bias(ctx, op, 2, [x, weight]), attributes, activation=options.FusedActivationFunction())


def conv_3d(ctx: Context, op: OperatorRecord) -> None:
    """Weights ``[depth, kh, kw, in / groups, out]``; input ``[N, D, H, W, C]``."""
    options = op.options("Conv3DOptions")
    per_group = _rank(ctx, op, 1, 5)[3]
    x = ctx.x(op, 0)
    if per_group < 1 or ctx.shape(x)[-1] % per_group:
        raise ModelError(f"{op.label}: {ctx.shape(x)[-1]} input channels cannot be split into groups of {per_group}")
    ctx.emit(
        op, "Conv", _with_bias(ctx, op, 2, [x, ctx.weight(op, 1, (4, 3, 0, 1, 2))]),
        {**_volume_attributes(op, options), "group": ctx.shape(x)[-1] // per_group}, activation=options.FusedActivationFunction(),
    )  # fmt: skip


def _volume_attributes(op: OperatorRecord, options: Any) -> dict[str, Any]:
    return {
        "layout": "NHWC", "strides": [options.StrideD(), options.StrideH(), options.StrideW()], "auto_pad": _auto_pad(op, options),
        "dilations": [options.DilationDFactor(), options.DilationHFactor(), options.DilationWFactor()],
    }  # fmt: skip


def transpose_conv(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: output shape, weights ``[out, kh, kw, in]``, x, bias."""
    options = op.options("TransposeConvOptions")
    _rank(ctx, op, 1, 4)
    attributes = {"layout": "NHWC", "strides": [options.StrideH(), options.StrideW()], "auto_pad": _auto_pad(op, options), "output_shape": _spatial(ctx, op, 4)}
    inputs = _with_bias(ctx, op, 3, [ctx.x(op, 2), ctx.weight(op, 1, (3, 0, 1, 2), axis=1)])
    ctx.emit(op, "ConvTranspose", inputs, attributes, activation=options.FusedActivationFunction())


def conv_3d_transpose(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: output shape, weights ``[depth, kh, kw, out, in]``, x, bias."""
    options = op.options("Conv3DOptions")
    _rank(ctx, op, 1, 5)
    inputs = _with_bias(ctx, op, 3, [ctx.x(op, 2), ctx.weight(op, 1, (4, 3, 0, 1, 2), axis=1)])
    ctx.emit(
        op, "ConvTranspose", inputs, {**_volume_attributes(op, options), "output_shape": _spatial(ctx, op, 5)}, activation=options.FusedActivationFunction()
    )


def _spatial(ctx: Context, op: OperatorRecord, rank: int) -> list[int]:
    """Spatial extents of the output: a constant, or as the file states them."""
    known = ctx.constant(op, 0)
    shape = list(ctx.output(op).shape) if known is None else [int(extent) for extent in np.asarray(known).reshape(-1)]
    if len(shape) != rank:
        raise ModelError(f"{op.label}: output shape {shape}, it needs {rank} dimensions")
    return shape[1:-1]


def pool(type: str, **extra: Any) -> Any:
    """Handler of a pooling operator."""

    def handle(ctx: Context, op: OperatorRecord) -> None:
        options = op.options("Pool2DOptions")
        attributes = {
            "layout": "NHWC", "kernel": [options.FilterHeight(), options.FilterWidth()], "strides": [options.StrideH(), options.StrideW()],
            "auto_pad": _auto_pad(op, options), **extra,
        }  # fmt: skip
        ctx.emit(op, type, [ctx.x(op, 0)], attributes, activation=options.FusedActivationFunction())

    return handle


def fully_connected(ctx: Context, op: OperatorRecord) -> None:
    """Weights ``[out, in]``; the input is viewed as rows of ``in`` numbers unless the options keep its dimensions."""
    options = op.options("FullyConnectedOptions")
    _, features = _rank(ctx, op, 1, 2)
    x, weight = ctx.x(op, 0), ctx.weight(op, 1)
    shape = ctx.shape(x)
    if features < 1 or prod(shape) % features:
        raise ModelError(f"{op.label}: {features} input features do not fit an input of shape {list(shape)}")
    keeps = options.KeepNumDims() and shape and shape[-1] == features
    if not keeps and (len(shape) != 2 or shape[1] != features):
        x = ctx.step(op, "Reshape", [x], {"shape": [prod(shape) // features, features]}, "rows")
        ctx.builder.graph.tensors[x].quantization = ctx.record(op, 0).quantization
    attributes = hybrid(ctx, x, weight)
    if ctx.output(op).dtype != ctx.builder.graph.tensors[x].dtype:
        attributes["out_dtype"] = ctx.output(op).dtype
    ctx.emit(op, "Dense", _with_bias(ctx, op, 2, [x, weight]), attributes, activation=options.FusedActivationFunction(), outputs=1)


def batch_matmul(ctx: Context, op: OperatorRecord) -> None:
    options = op.options("BatchMatMulOptions")
    a, b = ctx.x(op, 0), ctx.x(op, 1)
    ctx.emit(op, "MatMul", [a, b], {"transpose_a": bool(options.AdjX()), "transpose_b": bool(options.AdjY()), **hybrid(ctx, a, b)})


def embedding_lookup(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: ids, table ``[rows, ...]``."""
    ctx.emit(op, "Gather", [ctx.weight(op, 1), ctx.x(op, 0)], {"axis": 0})


HANDLERS = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "CONV_3D": conv_3d,
    "TRANSPOSE_CONV": transpose_conv,
    "CONV_3D_TRANSPOSE": conv_3d_transpose,
    "MAX_POOL_2D": pool("MaxPool"),
    "AVERAGE_POOL_2D": pool("AveragePool"),
    "L2_POOL_2D": pool("AveragePool", norm="l2"),
    "FULLY_CONNECTED": fully_connected,
    "BATCH_MATMUL": batch_matmul,
    "EMBEDDING_LOOKUP": embedding_lookup,
}
