"""Convolutions and pooling. Weights of grouped layers have their groups as an axis of their own; in graphs they are joined."""

from __future__ import annotations

from math import prod
from typing import Any

from sim.frontends.openvino.node import Node, Shape, handles
from sim.frontends.openvino.stored import Stored

_AUTO_PAD = {"explicit": "NOTSET", "notset": "NOTSET", "": "NOTSET", "valid": "VALID", "same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def window(node: Node, rank: int) -> dict[str, Any]:
    """Strides, dilations and padding over ``rank`` spatial dimensions."""
    attributes: dict[str, Any] = {}
    for key in ("strides", "dilations"):
        given = node.wholes(key)
        if given:
            attributes[key] = _spread(node, key, given, rank)
    auto_pad = node.text("auto_pad").lower()
    if auto_pad not in _AUTO_PAD:
        raise node.refuse(f"has auto_pad {auto_pad[:40]!r}; known: {', '.join(key for key in _AUTO_PAD if key)}")
    if _AUTO_PAD[auto_pad] != "NOTSET":
        return attributes | {"auto_pad": _AUTO_PAD[auto_pad]}
    begins, ends = (_spread(node, key, node.wholes(key) or [0] * rank, rank) for key in ("pads_begin", "pads_end"))
    return attributes | {"pads": (*begins, *ends)}


def _spread(node: Node, key: str, given: list[int], rank: int) -> tuple[int, ...]:
    if len(given) != rank:
        raise node.refuse(f"has {key} {given} for {rank} spatial dimensions")
    return tuple(given)


def _rank(node: Node) -> int:
    rank = len(node.shape(0)) - 2
    if rank < 1:
        raise node.refuse(f"needs a batch, channels and at least one spatial dimension, got shape {list(node.shape(0))}")
    return rank


def _viewed(node: Node, index: int, shape: Shape) -> str:
    """Input ``index`` as weights of another shape."""
    value = node.value(index)
    if isinstance(value, Stored):
        if prod(shape) != value.elements:
            raise node.refuse(f"has weights of shape {list(value.shape)}")
        return node.state.enter(value.reshaped(shape), "weight")
    return node.step("Reshape", [value], {"shape": list(shape), "allowzero": True})[0]


def _weights(node: Node, *, grouped: bool, transposed: bool) -> tuple[str, int]:
    """(weights as graphs have them, groups): ``[G, out, in, *kernel]``, transposed ``[G, in, out, *kernel]``, G absent if not ``grouped``."""
    shape, rank = node.shape(1), _rank(node)
    if len(shape) != rank + 2 + grouped:
        raise node.refuse(f"has weights of shape {list(shape)} for an input of shape {list(node.shape(0))}")
    if not grouped:
        return node.operand(1, "weight"), 1
    return _viewed(node, 1, (shape[0] * shape[1], *shape[2:])), shape[0]


@handles("Convolution", "GroupConvolution")
def _convolution(node: Node) -> None:
    weight, groups = _weights(node, grouped=node.type == "GroupConvolution", transposed=False)
    node.emit("Conv", [node.operand(0), weight], window(node, _rank(node)) | {"group": groups})


@handles("BinaryConvolution")
def _binary_convolution(node: Node) -> None:
    node.emit("Conv", [node.operand(0), node.operand(1, "weight")], window(node, _rank(node)) | {"group": 1, "original": node.type})


@handles("ConvolutionBackpropData", "GroupConvolutionBackpropData")
def _transposed_convolution(node: Node) -> None:
    rank = _rank(node)
    weight, groups = _weights(node, grouped=node.type.startswith("Group"), transposed=True)
    attributes = window(node, rank) | {"group": groups}
    padding = node.wholes("output_padding")
    if padding and any(padding):
        attributes["output_padding"] = _spread(node, "output_padding", padding, rank)
    if attributes.get("auto_pad") == "VALID":
        del attributes["auto_pad"]
    if node.has(2):
        attributes["output_shape"] = _spread(node, "output_shape", node.ints(2), rank)
    node.emit("ConvTranspose", [node.operand(0), weight], attributes)


@handles("DeformableConvolution")
def _deformable(node: Node) -> None:
    """Inputs x, offsets, weights, mask: samples are gathered for every kernel position, then multiplied as a 1x1 convolution."""
    x, offsets, shape = node.shape(0), node.shape(1), node.shape(2)
    kernel, groups = shape[2:], node.whole("group", 1)
    if len(x) != 4 or len(offsets) != 4 or len(shape) != 4 or offsets[1] % max(2 * prod(kernel), 1):
        raise node.refuse(f"has input {list(x)}, offsets {list(offsets)} and weights {list(shape)}")
    operands = [node.operand(0), node.operand(1), node.optional(3)]
    gathered = (x[0], x[1] * prod(kernel), *offsets[2:])
    columns = node.step("GridSample", operands, {"original": node.type}, shapes=[(gathered, node.dtype(0))])[0]
    node.emit("Conv", [columns, _viewed(node, 2, (shape[0], prod(shape[1:]), 1, 1))], {"group": groups})


@handles("MaxPool", "AvgPool")
def _pool(node: Node) -> None:
    rank = _rank(node)
    attributes = window(node, rank) | {"kernel": _spread(node, "kernel", node.wholes("kernel") or [], rank)}
    attributes["ceil_mode"] = node.text("rounding_type", "floor").startswith("ceil")
    if node.type == "AvgPool":
        attributes["count_include_pad"] = not node.flag("exclude-pad")
        node.emit("AveragePool", [node.operand(0)], attributes)
        return
    node.emit("MaxPool", [node.operand(0)], attributes, outputs=node.outputs_used(2))


@handles("AdaptiveAvgPool", "AdaptiveMaxPool")
def _adaptive_pool(node: Node) -> None:
    """Windows of equal size where the extents divide, else of the size that covers them."""
    rank, sizes = _rank(node), node.ints(1)
    spatial = node.shape(0)[2:]
    if len(sizes) != rank or min(sizes, default=0) < 1:
        raise node.refuse(f"makes {sizes} of {rank} spatial dimensions")
    type = "AveragePool" if node.type == "AdaptiveAvgPool" else "MaxPool"
    if all(size == 1 for size in sizes):
        node.emit("GlobalAveragePool" if type == "AveragePool" else "GlobalMaxPool", [node.operand(0)])
        return
    strides = tuple(max(extent // size, 1) for extent, size in zip(spatial, sizes, strict=True))
    kernel = tuple(extent - (size - 1) * stride for extent, size, stride in zip(spatial, sizes, strides, strict=True))
    node.emit(type, [node.operand(0)], {"kernel": kernel, "strides": strides}, outputs=node.outputs_used(2) if type == "MaxPool" else 1)
