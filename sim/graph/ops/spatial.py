"""Convolutions and pooling: windows that slide over spatial dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod
from typing import Any

from device_models.work import DType, Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.definition import Shape, TensorType, as_tuple, define, need, refuse


def split_layout(op: Op, shape: Shape) -> tuple[int, int, Shape]:
    """(batch, channels, spatial extents) of a shape in the operator's layout."""
    if len(shape) < 3:
        raise refuse(op, f"needs a batch, channels and at least one spatial dimension, got shape {list(shape)}")
    if op.attributes.get("layout", "NCHW") == "NHWC":
        return shape[0], shape[-1], shape[1:-1]
    return shape[0], shape[1], shape[2:]


def join_layout(op: Op, batch: int, channels: int, spatial: Shape) -> Shape:
    """The inverse of :func:`split_layout`."""
    if op.attributes.get("layout", "NCHW") == "NHWC":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


def _window_output(op: Op, spatial: Shape, kernel: Shape) -> Shape:
    rank = len(spatial)
    strides = as_tuple(op.attributes.get("strides", 1), rank)
    dilations = as_tuple(op.attributes.get("dilations", 1), rank)
    pads = as_tuple(op.attributes.get("pads", 0), 2 * rank)
    auto_pad = op.attributes.get("auto_pad", "NOTSET")
    if len(kernel) != rank or len(strides) != rank or len(pads) != 2 * rank:
        raise refuse(op, f"has kernel {list(kernel)}, strides {list(strides)}, pads {list(pads)} for {rank} spatial dimensions")
    if min(strides) < 1 or min(dilations) < 1 or min(kernel) < 1:
        raise refuse(op, "needs kernel, strides and dilations of at least 1")
    out = []
    for i, extent in enumerate(spatial):
        reach = dilations[i] * (kernel[i] - 1) + 1
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            out.append(ceil(extent / strides[i]))
            continue
        span = extent + (pads[i] + pads[i + rank] if auto_pad != "VALID" else 0) - reach
        rounded = -(-span // strides[i]) if op.attributes.get("ceil_mode") else span // strides[i]
        if op.attributes.get("ceil_mode") and rounded * strides[i] >= extent + pads[i]:
            rounded -= 1  # the last window must start inside the input or its left padding
        out.append(rounded + 1)
    if min(out, default=1) < 1:
        raise refuse(op, f"has a window {list(kernel)} larger than its input {list(spatial)}")
    return tuple(out)


def _plane(spatial: Shape) -> tuple[int, int]:
    """Spatial extents as height and width (1-D: width 1; 3-D: depth folded into height)."""
    if len(spatial) == 1:
        return spatial[0], 1
    return prod(spatial[:-1]), spatial[-1]


def _infer_conv(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, w = need(op, inputs, 0), need(op, inputs, 1)
    batch, channels, spatial = split_layout(op, x.shape)
    group = int(op.attributes.get("group", 1))
    if len(w.shape) != len(spatial) + 2:
        raise refuse(op, f"has weights of shape {list(w.shape)} for an input of shape {list(x.shape)}")
    if group < 1 or w.shape[1] * group != channels or w.shape[0] % group:
        raise refuse(op, f"weights {list(w.shape)} in {group} groups do not fit {channels} input channels")
    out = join_layout(op, batch, w.shape[0], _window_output(op, spatial, w.shape[2:]))
    return [(out, op.attributes.get("out_dtype", x.dtype))]


def _infer_conv_transpose(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, w = need(op, inputs, 0), need(op, inputs, 1)
    batch, channels, spatial = split_layout(op, x.shape)
    rank, group = len(spatial), int(op.attributes.get("group", 1))
    if len(w.shape) != rank + 2 or w.shape[0] != channels or group < 1:
        raise refuse(op, f"weights {list(w.shape)} do not fit {channels} input channels and {rank} spatial dimensions")
    strides, dilations = as_tuple(op.attributes.get("strides", 1), rank), as_tuple(op.attributes.get("dilations", 1), rank)
    pads = as_tuple(op.attributes.get("pads", 0), 2 * rank)
    extra = as_tuple(op.attributes.get("output_padding", 0), rank)
    if "output_shape" in op.attributes:
        out = as_tuple(op.attributes["output_shape"], rank)
    elif op.attributes.get("auto_pad", "NOTSET").startswith("SAME"):
        out = tuple(e * s for e, s in zip(spatial, strides, strict=True))
    else:
        out = tuple((spatial[i] - 1) * strides[i] + dilations[i] * (w.shape[2 + i] - 1) + 1 + extra[i] - pads[i] - pads[i + rank] for i in range(rank))
    if min(out, default=1) < 1:
        raise refuse(op, f"gives an empty output {list(out)}")
    return [(join_layout(op, batch, w.shape[1] * group, out), op.attributes.get("out_dtype", x.dtype))]


def _geometry(op: Op, x: Tensor, y: Tensor, kernel: Shape) -> dict[str, Any]:
    batch, c_in, spatial_in = split_layout(op, x.shape)
    _, c_out, spatial_out = split_layout(op, y.shape)
    (h_in, w_in), (h_out, w_out), (k_h, k_w) = _plane(spatial_in), _plane(spatial_out), _plane(kernel)
    stride = as_tuple(op.attributes.get("strides", 1), len(spatial_in))[0]
    return {
        "batch": batch, "h_in": h_in, "w_in": w_in, "h_out": h_out, "w_out": w_out, "c_in": c_in, "c_out": c_out,
        "kernel_h": k_h, "kernel_w": k_w, "stride": stride, "groups": int(op.attributes.get("group", 1)),
    }  # fmt: skip


def _conv_kind(row: dict[str, Any]) -> Kind:
    kernel, groups = (row["kernel_h"], row["kernel_w"]), row["groups"]
    if groups > 1:
        return Kind.DW if groups == row["c_in"] else Kind.GCONV
    if row["c_in"] <= 4 and kernel != (1, 1):
        return Kind.FIRST
    if kernel == (1, 1):
        return Kind.PW
    return Kind.C3 if kernel == (3, 3) and row["stride"] == 1 else Kind.CONV


def _work_conv(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    return conv_work(op, need(op, inputs, 0), outputs[0], need(op, inputs, 1).shape)


def conv_work(op: Op, x: Tensor, y: Tensor, weights: Shape) -> dict[str, Any]:
    """Kind, geometry and products of a convolution of ``x`` to ``y`` with weights of this shape."""
    row = _geometry(op, x, y, weights[2:])
    return {**row, "kind": _conv_kind(row), "macs": y.elements * prod(weights[1:])}


def _work_conv_transpose(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x, w = need(op, inputs, 0), need(op, inputs, 1)
    return {**_geometry(op, x, outputs[0], w.shape[2:]), "kind": Kind.CONVT, "macs": x.elements * prod(w.shape[1:])}


def _infer_pool(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    batch, channels, spatial = split_layout(op, x.shape)
    shape = join_layout(op, batch, channels, _window_output(op, spatial, as_tuple(op.attributes["kernel"], len(spatial))))
    outputs: list[TensorType] = [(shape, x.dtype), (shape, DType.I64)]  # maxima, and where they were
    return outputs[: len(op.outputs)]


def _infer_global_pool(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    batch, channels, spatial = split_layout(op, x.shape)
    return [(join_layout(op, batch, channels, (1,) * len(spatial)), x.dtype)]


def _work_pool(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x = need(op, inputs, 0)
    _, _, spatial = split_layout(op, x.shape)
    kernel = as_tuple(op.attributes.get("kernel", spatial), len(spatial))
    return {**_geometry(op, x, outputs[0], kernel), "kind": Kind.POOL, "groups": 1}


define("Conv", _infer_conv, _work_conv)
define("ConvTranspose", _infer_conv_transpose, _work_conv_transpose)
define("MaxPool", _infer_pool, _work_pool)
define("AveragePool", _infer_pool, _work_pool)
define("GlobalAveragePool", _infer_global_pool, _work_pool)
define("GlobalMaxPool", _infer_global_pool, _work_pool)
