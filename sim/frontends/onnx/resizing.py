"""Resize and Upsample in all their forms."""

from __future__ import annotations

import numpy as np

from sim.frontends.limits import check_shape
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.table import CONTRIB, handles


@handles("Upsample")
@handles("Upsample", domain=CONTRIB)
def _upsample(node: Node) -> None:
    """Factors from an input (operator set 9), an attribute (7), or height and width apart (1)."""
    shape, given = node.shape(0), node.constant(1)
    scales = node.attribute("scales") if given is None else [float(scale) for scale in given.ravel()]
    if scales is None and len(shape) == 4:
        scales = [1.0, 1.0, float(node.attribute("height_scale", 1.0)), float(node.attribute("width_scale", 1.0))]
    if scales is None or len(scales) != len(shape):
        raise node.refuse(f"has scales {scales} for {len(shape)} dimensions")
    _resized(node, _by_scales(shape, scales))


@handles("Resize")
def _resize(node: Node) -> None:
    """Operator set 10: x, scales. Later: x, roi, scales, sizes; 18 adds ``axes`` and keeping the aspect ratio."""
    shape = node.shape(0)
    first = 1 if node.version <= 10 else 2
    axes = [int(axis) % max(len(shape), 1) for axis in node.attribute("axes") or range(len(shape))]
    scales, sizes = node.constant(first) if node.has(first) else None, node.constant(3) if node.version > 10 and node.has(3) else None
    if sizes is not None and sizes.size:
        _resized(node, _by_sizes(node, shape, axes, [int(size) for size in sizes.ravel()]))
        return
    if scales is None or scales.size != len(axes):
        raise node.refuse(f"has {0 if scales is None else scales.size} scales and no sizes for {len(axes)} axes")
    factors = [1.0] * len(shape)
    crop = _crop(node, axes) if node.attribute("coordinate_transformation_mode") == "tf_crop_and_resize" else [1.0] * len(axes)
    for axis, scale, part in zip(axes, scales.ravel(), crop, strict=True):
        factors[axis] = float(scale) * part
    _resized(node, _by_scales(shape, factors))


def _crop(node: Node, axes: list[int]) -> list[float]:
    """The share of each axis inside the region of interest: all starts, then all ends."""
    roi = node.constant(1)
    if roi is None or roi.size != 2 * len(axes):
        raise node.refuse("crops without a region of interest for each axis")
    return [float(end - start) for start, end in zip(roi[: len(axes)], roi[len(axes) :], strict=True)]


def _by_scales(shape: tuple[int, ...], scales: list[float]) -> tuple[int, ...]:
    """Rounded down, in single precision as runtimes do."""
    return tuple(int(np.floor(np.float32(extent) * np.float32(scale))) for extent, scale in zip(shape, scales, strict=True))


def _by_sizes(node: Node, shape: tuple[int, ...], axes: list[int], sizes: list[int]) -> tuple[int, ...]:
    if len(sizes) != len(axes):
        raise node.refuse(f"has {len(sizes)} sizes for {len(axes)} axes")
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        factor = (min if policy == "not_larger" else max)(size / shape[axis] for size, axis in zip(sizes, axes, strict=True))
        sizes = [int(np.floor(factor * shape[axis] + 0.5)) for axis in axes]
    out = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        out[axis] = size
    return tuple(out)


def _resized(node: Node, out: tuple[int, ...]) -> None:
    """Emit for channels first or last; other axes are resized as if all were spatial."""
    shape, x = node.shape(0), node.operand(0)
    check_shape(f"the result of {node.name}", out)
    mode = {"mode": str(node.attribute("mode", "nearest"))}
    if out == shape:
        node.bind(0, node.needed(0))
    elif len(shape) >= 3 and out[:2] == shape[:2]:
        node.emit("Resize", [x], {"sizes": out[2:], **mode})
    elif len(shape) >= 3 and out[0] == shape[0] and out[-1] == shape[-1]:
        node.emit("Resize", [x], {"sizes": out[1:-1], "layout": "NHWC", **mode})
    else:
        plane = node.step("Reshape", [x], {"shape": [1, 1, *shape], "allowzero": True})[0]
        resized = node.step("Resize", [plane], {"sizes": out, **mode}, name=node.name)[0]
        node.bind_step(0, node.step("Reshape", [resized], {"shape": list(out), "allowzero": True})[0])
