"""Scales of weights whose products are scaled back at run time: they are stated at the stored integers."""

from __future__ import annotations

import numpy as np

from device_models.work import DType
from sim.graph.ir import Graph, Op, Quantization

_PRODUCTS = ("Conv", "Dense", "MatMul")
_MAX_SCALES = 2**20


def state_dynamic_scales(graph: Graph) -> Graph:
    """Give the weights of integer products the scales that a later ``Mul`` brings in, in place; returns the graph.

    The form that dynamic quantization writes: an integer product, ``Cast`` to float, ``Mul`` by (scale of the input found at run time times
    stored scales of the weights).
    """
    makers = graph.producers()
    for op in graph.ops:
        if op.type != "Mul":
            continue
        for value, factor in (op.inputs, op.inputs[::-1]) if len(op.inputs) == 2 else ():
            product = _product_behind(makers.get(value), makers)
            scales = _stored_scales(graph, makers.get(factor), makers)
            if product is not None and scales is not None:
                _state(graph, product, scales)
    return graph


def _product_behind(cast: Op | None, makers: dict[str, Op]) -> Op | None:
    product = makers.get(cast.inputs[0]) if cast is not None and cast.type == "Cast" else None
    return product if product is not None and product.type in _PRODUCTS else None


def _stored_scales(graph: Graph, product: Op | None, makers: dict[str, Op]) -> np.ndarray | None:
    """The stored factor of a product with a scale found at run time."""
    if product is None or product.type != "Mul":
        return None
    dynamic = [name for name in product.inputs if name in makers and makers[name].type == "DynamicQuantize"]
    stored = [graph.tensors[name] for name in product.inputs if graph.tensors[name].is_stored]
    if len(dynamic) != 1 or len(stored) != 1 or stored[0].load is None or stored[0].elements > _MAX_SCALES:
        return None
    return np.asarray(stored[0].load(), np.float64).ravel()


def _state(graph: Graph, product: Op, scales: np.ndarray) -> None:
    """One scale, or one for each output channel."""
    weight = graph.tensors[product.inputs[1]]
    axis = len(weight.shape) - 1 if product.type == "MatMul" else 0
    if not weight.is_stored or weight.quantization is not None or weight.dtype not in (DType.I8, DType.I4) or not np.isfinite(scales).all():
        return
    if scales.size == 1 or (weight.shape and scales.size == weight.shape[axis]):
        weight.quantization = Quantization(tuple(float(part) for part in scales), (0,) * scales.size, axis if scales.size > 1 else None)
