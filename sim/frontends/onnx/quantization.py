"""Scales and zero points, and their attachment to tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.frontends.onnx.elements import UINT8, UINT16
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.stored import Stored
from sim.graph.ir import Quantization

_MAX_SCALES = 2**20


def quantization_of(node: Node, scale: int, zero_point: int, axis: int | None = None) -> Quantization | None:
    """From operands ``scale`` and ``zero_point`` (absent: 0); None if they are found only at run time."""
    scales, points = node.stored(scale), node.value(zero_point)
    scale_array = scales.value() if scales is not None else None
    if scale_array is None or isinstance(points, str) or scale_array.size > _MAX_SCALES:
        return None
    point_array = points.value() if points is not None else np.zeros((), np.int64)
    if point_array is None or point_array.size not in (1, scale_array.size):
        raise node.refuse(f"has {scale_array.size} scales and {0 if point_array is None else point_array.size} zero points")
    with np.errstate(all="ignore"):
        scales_64 = scale_array.astype(np.float64).ravel()
    if not np.isfinite(scales_64).all():
        raise node.refuse("has a scale that is no number")
    unsigned = points is not None and points.element in (UINT8, UINT16)
    scale_tuple = tuple(float(part) for part in scales_64)
    point_tuple = tuple(int(part) for part in point_array.astype(np.int64).ravel())
    if len(scale_tuple) == 1:
        return Quantization(scale_tuple, point_tuple, unsigned=unsigned)
    return Quantization(scale_tuple, point_tuple * (len(scale_tuple) if len(point_tuple) == 1 else 1), axis, unsigned)


def attach(node: Node, index: int, quantization: Quantization | None) -> str:
    """The graph tensor of operand ``index``, which holds integers of this quantization."""
    value = node.value(index)
    if value is None:
        return ""
    if isinstance(value, Stored):
        return node.enter(replace(value, quantization=quantization) if quantization else value, "weight")
    tensor = node.tensor(value)
    tensor.quantization = tensor.quantization or quantization
    return value
