"""Stored weights that the network converts, shifts and scales before it uses them: they keep their integers and carry their scales."""

from __future__ import annotations

import numpy as np

from device_models.work import DTYPE_BITS
from sim.frontends.openvino.node import Node
from sim.frontends.openvino.stored import Stored, bits_of


def shifted_weights(node: Node) -> bool:
    """``Subtract`` of a zero point from converted integers; says whether it is one."""
    weights, zero = node.stored(0), node.stored(1)
    if weights is None or zero is None or not weights.is_quantized or weights.scale is not None or weights.zero is not None:
        return False
    points = _broadcast_values(weights, zero)
    if points is None:
        return False
    node.bind(0, weights.shifted(points, _bits(zero)))
    return True


def scaled_weights(node: Node) -> bool:
    """``Multiply`` of converted integers by their scales; says whether it is one."""
    for index in (0, 1):
        weights, factor = node.stored(index), node.stored(1 - index)
        if weights is None or factor is None or not weights.is_quantized or (factor.is_quantized and factor.elements >= weights.elements):
            continue
        if index and factor.is_quantized:
            continue
        scales = _broadcast_values(weights, factor)
        if scales is not None and not weights.grouped:
            node.bind(0, weights.scaled(scales, _bits(factor)))
            return True
    return False


def _broadcast_values(weights: Stored, part: Stored) -> np.ndarray | None:
    """Values of scales or zero points, if they broadcast over the weights."""
    array = part.value()
    if array is None or array.ndim > len(weights.shape):
        return None
    extents = weights.shape[len(weights.shape) - array.ndim :]
    if any(size not in (1, extent) for size, extent in zip(array.shape, extents, strict=True)):
        return None
    return np.asarray(array, np.float32)


def _bits(part: Stored) -> int:
    """What scales take in the file; those of one element next to nothing."""
    return bits_of(part) if part.elements > 1 else int(DTYPE_BITS[part.dtype])
