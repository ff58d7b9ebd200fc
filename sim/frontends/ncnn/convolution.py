"""Convolutions, pooling and fully connected layers."""

from __future__ import annotations

from math import prod
from typing import Any

from device_models.work import DType
from sim.frontends.ncnn.context import Context
from sim.frontends.ncnn.param import Layer

SAME_UPPER, SAME_LOWER = -233, -234
_KERNEL, _DILATION, _STRIDE = (1, 11, 21), (2, 12, 22), (3, 13, 23)  # parameter ids for w, h, d; the later default to the first


def _per_axis(layer: Layer, keys: tuple[int, ...], rank: int, default: int) -> list[int]:
    """Outermost first; a missing one is like w's."""
    first = layer.count(keys[0], default)
    return [first if i == 0 else layer.count(keys[i], first) for i in range(rank)][::-1]


def pads(layer: Layer, rank: int, first: int = 4, after: tuple[int, int, int, int, int] = (15, 14, 16, 24, 17)) -> dict[str, Any]:
    """Attribute ``pads`` or ``auto_pad``. ``after``: ids of right, top, bottom, front, behind; ``first``: of left."""
    left = layer.whole(first)
    top, front = layer.whole(after[1], left), layer.whole(after[3], left)
    begins = [left, top, front][:rank]
    ends = [layer.whole(after[0], left), layer.whole(after[2], top), layer.whole(after[4], front)][:rank]
    for flag, name in ((SAME_UPPER, "SAME_UPPER"), (SAME_LOWER, "SAME_LOWER")):
        if flag in begins + ends:
            return {"auto_pad": name}
    if min(begins + ends) < 0:
        raise layer.problem(f"has negative padding {begins + ends}")
    return {"pads": begins[::-1] + ends[::-1]}


def quantized_input(ctx: Context, layer: Layer, x: str, term: int) -> str:
    """int8 layers quantize a float blob themselves."""
    if not term or ctx.dtype(x) is DType.I8:
        return x
    return ctx.one(layer, "Quantize", [x], {"to": DType.I8}, suffix="quantize")


def _format(term: int) -> tuple[DType, dict[str, Any]]:
    """(of the weights, attributes): above 100 the result stays int8 for the next layer, else it is float again."""
    if not term:
        return DType.F32, {}
    return DType.I8, {"out_dtype": DType.I8 if term > 100 else DType.F32}


def _bias(ctx: Context, layer: Layer, key: int, size: int) -> list[str]:
    return [ctx.weight(layer, "bias", (size,), DType.F32)] if layer.whole(key) else []


def convolution(rank: int, grouped: bool) -> Any:
    """Convolution, ConvolutionDepthWise and their 1-D and 3-D forms."""

    def handle(ctx: Context, layer: Layer) -> None:
        x = ctx.x(layer)
        out, group = layer.count(0), layer.count(7, 1) if grouped else 1
        kernel, term = _per_axis(layer, _KERNEL, rank, 0), layer.whole(8)
        if layer.whole(19):
            raise layer.problem("weights computed while the network runs are not supported")
        shape = ctx.shape(x)
        if len(shape) == 1 and prod(kernel) == 1 and group == 1:  # ncnn runs it as a fully connected layer
            _dense(ctx, layer, x, layer.count(6), bias_key=5)
            return
        if len(shape) != rank + 1:
            raise layer.problem(f"needs a blob of {rank + 1} dimensions, it has shape {list(shape)}")
        _check_size(layer, 6, out * (shape[0] // group) * prod(kernel))
        dtype, attributes = _format(term)
        weight = ctx.weight(layer, "weight", (out, shape[0] // group, *kernel), dtype)
        attributes |= {"strides": _per_axis(layer, _STRIDE, rank, 1), "dilations": _per_axis(layer, _DILATION, rank, 1), "group": group, **pads(layer, rank)}
        y = ctx.one(layer, "Conv", [quantized_input(ctx, layer, x, term), weight, *_bias(ctx, layer, 5, out)], attributes)
        ctx.bind(layer, ctx.activated(layer, y, layer.whole(9), layer.array(10)))

    return handle


def _check_size(layer: Layer, key: int, expected: int) -> None:
    if layer.whole(key) != expected:
        raise layer.problem(f"states {layer.whole(key)} weights (parameter {key}), its shape and its input need {expected}")


def deconvolution(rank: int, grouped: bool) -> Any:
    """Deconvolution, DeconvolutionDepthWise and their 1-D and 3-D forms. The output size is bounded by ``output_w`` ... where those are set."""
    extra_keys, size_keys = ((18, 19, 20), (25, 26, 27)) if rank == 3 else ((18, 19), (20, 21))

    def handle(ctx: Context, layer: Layer) -> None:
        x = ctx.x(layer)
        out, group = layer.count(0), layer.count(7, 1) if grouped else 1
        shape, kernel = ctx.shape(x), _per_axis(layer, _KERNEL, rank, 0)
        if len(shape) != rank + 1 or out % group:
            raise layer.problem(f"{out} outputs in {group} groups of a blob of shape {list(shape)}")
        _check_size(layer, 6, shape[0] * (out // group) * prod(kernel))
        first = layer.whole(extra_keys[0])
        attributes: dict[str, Any] = {
            "strides": _per_axis(layer, _STRIDE, rank, 1), "dilations": _per_axis(layer, _DILATION, rank, 1), "group": group, **pads(layer, rank),
            "output_padding": [first if i == 0 else layer.whole(extra_keys[i], first) for i in range(rank)][::-1],
        }  # fmt: skip
        sizes = [layer.whole(size_keys[0]), *(layer.whole(key, layer.whole(size_keys[0])) for key in size_keys[1:rank])][::-1]
        if min(sizes) > 0:
            attributes["output_shape"] = sizes
        elif "auto_pad" in attributes:  # nothing is cut off then
            attributes.pop("auto_pad")
        weight = ctx.weight(layer, "weight", (shape[0], out // group, *kernel))
        y = ctx.one(layer, "ConvTranspose", [x, weight, *_bias(ctx, layer, 5, out)], attributes)
        ctx.bind(layer, ctx.activated(layer, y, layer.whole(9), layer.array(10)))

    return handle


def inner_product(ctx: Context, layer: Layer) -> None:
    """On a matrix whose rows have as many numbers as it has inputs it works row by row, else on the flattened blob."""
    _dense(ctx, layer, ctx.x(layer), layer.count(2), bias_key=1)


def _dense(ctx: Context, layer: Layer, x: str, weights: int, bias_key: int) -> None:
    out, term = layer.count(0), layer.whole(8)
    shape = ctx.shape(x)
    features, rest = divmod(weights, out)
    if rest or not (prod(shape) == features or (len(shape) == 2 and shape[1] == features)):
        raise layer.problem(f"{weights} weights for {out} outputs do not fit a blob of shape {list(shape)}")
    if len(shape) != 2 or shape[1] != features:
        x = ctx.view(layer, x, (features,), "flat")
    dtype, attributes = (DType.I8, {"out_dtype": DType.F32}) if term else (DType.F32, {})
    weight = ctx.weight(layer, "weight", (out, features), dtype)
    y = ctx.one(layer, "Dense", [quantized_input(ctx, layer, x, term), weight, *_bias(ctx, layer, bias_key, out)], attributes)
    ctx.bind(layer, ctx.activated(layer, y, layer.whole(9), layer.array(10)))


_POOL_KERNEL, _POOL_STRIDE, _POOL_OUT = (1, 11, 21), (2, 12, 22), (8, 18, 28)


def pooling(rank: int) -> Any:
    def handle(ctx: Context, layer: Layer) -> None:
        x = ctx.x(layer)
        kind = {0: "MaxPool", 1: "AveragePool"}.get(layer.whole(0))
        shape = ctx.shape(x)
        if kind is None or len(shape) != rank + 1:
            raise layer.problem(f"pooling type {layer.whole(0)} of a blob of shape {list(shape)}")
        if layer.whole(4):
            pooled = ctx.one(layer, "GlobalMaxPool" if kind == "MaxPool" else "GlobalAveragePool", [x])
            ctx.bind(layer, ctx.view(layer, pooled, (shape[0],), "flat"))
            return
        attributes = _adaptive(layer, shape[1:]) if layer.whole(7) else _window(layer, shape[1:])
        ctx.bind(layer, ctx.one(layer, kind, [x], attributes))

    return handle


def _window(layer: Layer, spatial: tuple[int, ...]) -> dict[str, Any]:
    """Mode 0 pads the end until every element is in a window; mode 1 does not; 2 and 3 are SAME padding."""
    rank = len(spatial)
    kernel, strides = _per_axis(layer, _POOL_KERNEL, rank, 0), _per_axis(layer, _POOL_STRIDE, rank, 1)
    mode = layer.whole(5)
    if mode in (2, 3):
        return {"kernel": kernel, "strides": strides, "auto_pad": "SAME_UPPER" if mode == 2 else "SAME_LOWER"}
    padding = pads(layer, rank, 3, (14, 13, 15, 23, 16))
    if mode not in (0, 1) or "pads" not in padding:
        raise layer.problem(f"pad mode {mode} with these pads")
    both = padding["pads"]
    if mode == 0:
        tails = [-(spatial[i] + both[i] + both[i + rank] - kernel[i]) % strides[i] for i in range(rank)]
        both = both[:rank] + [end + tail for end, tail in zip(both[rank:], tails, strict=True)]
    return {"kernel": kernel, "strides": strides, "pads": both}


def _adaptive(layer: Layer, spatial: tuple[int, ...]) -> dict[str, Any]:
    """Windows that give the wanted extents (-233: unchanged)."""
    rank = len(spatial)
    first = layer.whole(_POOL_OUT[0])
    wanted = [first if i == 0 else layer.whole(_POOL_OUT[i], first) for i in range(rank)][::-1]
    out = [extent if size == SAME_UPPER else size for size, extent in zip(wanted, spatial, strict=True)]
    if any(not 0 < size <= extent for size, extent in zip(out, spatial, strict=True)):
        raise layer.problem(f"cannot pool {list(spatial)} to {out}")
    strides = [extent // size for extent, size in zip(spatial, out, strict=True)]
    return {"kernel": [extent - (size - 1) * stride for extent, size, stride in zip(spatial, out, strides, strict=True)], "strides": strides}


HANDLERS: dict[str, Any] = {
    "Convolution": convolution(2, False),
    "Convolution1D": convolution(1, False),
    "Convolution3D": convolution(3, False),
    "ConvolutionDepthWise": convolution(2, True),
    "ConvolutionDepthWise1D": convolution(1, True),
    "ConvolutionDepthWise3D": convolution(3, True),
    "Deconvolution": deconvolution(2, False),
    "Deconvolution1D": deconvolution(1, False),
    "Deconvolution3D": deconvolution(3, False),
    "DeconvolutionDepthWise": deconvolution(2, True),
    "DeconvolutionDepthWise1D": deconvolution(1, True),
    "DeconvolutionDepthWise3D": deconvolution(3, True),
    "InnerProduct": inner_product,
    "Pooling": pooling(2),
    "Pooling1D": pooling(1),
    "Pooling3D": pooling(3),
}
