"""Trained tensors as techniques see them: who reads them, their output axis, their values as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.errors import ModelError
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.conversion import FLOATS

_INPUTS = {"Conv": (1,), "ConvTranspose": (1,), "Dense": (1,), "MatMul": (0, 1), "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2)}
WEIGHTED = tuple(_INPUTS)


@dataclass(frozen=True)
class Weight:
    """A trained operand of a product. ``axis``: the one that counts outputs, None where readers differ or it has none."""

    tensor: Tensor
    op: Op
    axis: int | None


def weights_of(graph: Graph, ops: list[Op] | None = None) -> list[Weight]:
    """Trained float operands of convolutions, products and recurrent layers, each once, in order; of ``ops`` (all if None)."""
    found: dict[str, Weight] = {}
    for op in graph.ops:
        for name in operands(graph, op):
            axis = output_axis(op, graph.tensors[name])
            before = found.get(name)
            found[name] = Weight(graph.tensors[name], op, axis) if before is None else Weight(before.tensor, before.op, axis if axis == before.axis else None)
    if ops is None:
        return list(found.values())
    named = {id(op) for op in ops}
    return [weight for weight in found.values() if any(id(op) in named for op in graph.ops if weight.tensor.name in op.inputs)]


def operands(graph: Graph, op: Op) -> Iterator[str]:
    """Names of an operator's trained float operands of products."""
    for index in _INPUTS.get(op.type, ()):
        name = op.inputs[index] if index < len(op.inputs) else ""
        if name and graph.tensors[name].is_stored and graph.tensors[name].dtype in FLOATS:
            yield name


def output_axis(op: Op, tensor: Tensor) -> int | None:
    """The axis of a weight along which outputs of the operator lie."""
    rank = len(tensor.shape)
    if op.type in ("Conv", "Dense"):
        return 0
    if op.type == "ConvTranspose":
        return 1
    if op.type == "MatMul" and rank >= 2:
        second = op.inputs[1] == tensor.name
        transposed = bool(op.attributes.get("transpose_b" if second else "transpose_a"))
        return (rank - 2 if transposed else rank - 1) if second else (rank - 1 if transposed else rank - 2)
    return 1 if op.type in ("LSTM", "GRU", "RNN") else None


def values_of(tensor: Tensor) -> np.ndarray | None:
    """Stored real values, or None for a structure without values."""
    return None if tensor.load is None else np.asarray(tensor.load())


def needed_values(tensor: Tensor, why: str) -> np.ndarray:
    """Stored real values. Raises ModelError where the model has none."""
    values = values_of(tensor)
    if values is None:
        raise ModelError(
            f"{why} needs the values of trained weights; {tensor.name!r} has none (built-in networks are structures): give an .onnx or .tflite file"
        )
    return values


def as_rows(values: np.ndarray, axis: int | None) -> np.ndarray:
    """``[slices of the axis, everything else]``; one row without an axis."""
    return values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)


def from_rows(rows: np.ndarray, shape: tuple[int, ...], axis: int | None) -> np.ndarray:
    """The inverse of :func:`as_rows`."""
    if axis is None:
        return rows.reshape(shape)
    moved = (shape[axis], *shape[:axis], *shape[axis + 1 :])
    return np.moveaxis(rows.reshape(moved), 0, axis)
