"""Arithmetic on shapes that a model does while it runs, done while importing: what is known then needs no operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.errors import ModelError
from sim.frontends.tflite.context import SMALL, Context
from sim.frontends.tflite.movement import numpy_index
from sim.frontends.tflite.reader import FORMATS, OperatorRecord

MAX_INPUTS = 64
MAX_FOLDED = 4_000_000  # elements of all computed constants; shapes have a handful each
Values = list[np.ndarray]
Fold = Callable[[OperatorRecord, Values], Any]


def _bounded(shape: Any) -> tuple[int, ...]:
    extents = tuple(int(extent) for extent in np.asarray(shape).reshape(-1))
    if any(extent < 0 for extent in extents) or int(np.prod(extents, dtype=object)) > SMALL:
        raise ModelError(f"a constant of shape {list(extents)} is computed; at most {SMALL} elements are supported")
    return extents


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if np.issubdtype(a.dtype, np.integer):
        return np.trunc(a / np.where(b == 0, 1, b)).astype(a.dtype)
    return a / b


def _range(op: OperatorRecord, values: Values) -> np.ndarray:
    start, limit, delta = (value.reshape(-1)[0] for value in values)
    if delta == 0 or abs((limit - start) / delta) > SMALL:
        raise ModelError(f"{op.label}: range from {start} to {limit} by {delta}")
    return np.arange(start, limit, delta)


def _pack(op: OperatorRecord, values: Values) -> np.ndarray:
    return np.stack(values, axis=op.options("PackOptions").Axis())


def _concat(op: OperatorRecord, values: Values) -> np.ndarray:
    return np.concatenate(values, axis=op.options("ConcatenationOptions").Axis())


def _gather(op: OperatorRecord, values: Values) -> np.ndarray:
    options = op.options("GatherOptions")
    if options.BatchDims():
        raise ModelError(f"{op.label}: batch dimensions in shape arithmetic are not supported")
    return np.take(values[0], values[1], axis=options.Axis())


def _strided_slice(op: OperatorRecord, values: Values) -> Any:
    return values[0][tuple(numpy_index(op, [[int(v) for v in value.reshape(-1)] for value in values[1:4]]))]


def _slice(op: OperatorRecord, values: Values) -> np.ndarray:
    bounds = zip(values[1].reshape(-1), values[2].reshape(-1), strict=True)
    return values[0][tuple(slice(int(begin), None if size < 0 else int(begin + size)) for begin, size in bounds)]


def _axes(value: np.ndarray) -> tuple[int, ...]:
    return tuple(int(axis) for axis in value.reshape(-1))


def _reduce(function: Any) -> Fold:
    return lambda op, v: function(v[0], axis=_axes(v[1]), keepdims=bool(op.options("ReducerOptions").KeepDims()))


def _squeeze(op: OperatorRecord, values: Values) -> np.ndarray:
    return np.squeeze(values[0], axis=op.option_list("SqueezeOptions", 0) or None)


_FOLDS: dict[str, Fold] = {
    "ADD": lambda op, v: v[0] + v[1],
    "SUB": lambda op, v: v[0] - v[1],
    "MUL": lambda op, v: v[0] * v[1],
    "DIV": lambda op, v: _divide(v[0], v[1]),
    "FLOOR_DIV": lambda op, v: np.floor_divide(v[0], np.where(v[1] == 0, 1, v[1])),
    "FLOOR_MOD": lambda op, v: np.mod(v[0], np.where(v[1] == 0, 1, v[1])),
    "MAXIMUM": lambda op, v: np.maximum(v[0], v[1]),
    "MINIMUM": lambda op, v: np.minimum(v[0], v[1]),
    "EQUAL": lambda op, v: v[0] == v[1],
    "NOT_EQUAL": lambda op, v: v[0] != v[1],
    "GREATER": lambda op, v: v[0] > v[1],
    "LESS": lambda op, v: v[0] < v[1],
    "LESS_EQUAL": lambda op, v: v[0] <= v[1],
    "GREATER_EQUAL": lambda op, v: v[0] >= v[1],
    "LOGICAL_AND": lambda op, v: np.logical_and(v[0], v[1]),
    "LOGICAL_OR": lambda op, v: np.logical_or(v[0], v[1]),
    "LOGICAL_NOT": lambda op, v: np.logical_not(v[0]),
    "SELECT": lambda op, v: np.where(*v[:3]),
    "SELECT_V2": lambda op, v: np.where(*v[:3]),
    "CAST": lambda op, v: v[0],
    "FLOOR": lambda op, v: np.floor(v[0]),
    "CEIL": lambda op, v: np.ceil(v[0]),
    "PACK": _pack,
    "CONCATENATION": _concat,
    "GATHER": _gather,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "RESHAPE": lambda op, v: v[0].reshape(_axes(v[1])) if len(v) > 1 else v[0].reshape(-1),
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": lambda op, v: np.expand_dims(v[0], int(v[1].reshape(-1)[0])),
    "REDUCE_PROD": _reduce(np.prod),
    "REDUCE_MAX": _reduce(np.max),
    "REDUCE_MIN": _reduce(np.min),
    "SUM": _reduce(np.sum),
    "FILL": lambda op, v: np.full(_bounded(v[0]), v[1].reshape(-1)[0]),
    "BROADCAST_ARGS": lambda op, v: np.array(np.broadcast_shapes(_axes(v[0]), _axes(v[1]))),
    "RANGE": _range,
    "ZEROS_LIKE": lambda op, v: np.zeros_like(v[0]),
}
FOLDABLE = frozenset({*_FOLDS, "SHAPE", "RANK"})


def fold(ctx: Context, op: OperatorRecord) -> bool:
    """Compute an operator now if everything it reads is known; True if so. Only small integer (or boolean, or float) tensors are."""
    if op.code in ("SHAPE", "RANK"):
        shape = ctx.shape(ctx.x(op, 0)) if not ctx.is_known(op, 0) else ctx.record(op, 0).shape
        _remember(ctx, op, np.array(shape if op.code == "SHAPE" else len(shape)))
        return True
    if op.code not in _FOLDS or not 0 < len(op.inputs) <= MAX_INPUTS or len(op.outputs) != 1 or -1 in op.inputs:
        return False
    if not any(index in ctx.folded for index in op.inputs) and not _only_integers(ctx, op):
        return False
    values = [ctx.values(index) for index in op.inputs]
    if any(value is None or value.size > SMALL for value in values):
        return False
    with np.errstate(all="ignore"):
        _remember(ctx, op, _FOLDS[op.code](op, [value for value in values if value is not None]))
    return True


def _only_integers(ctx: Context, op: OperatorRecord) -> bool:
    """Stored integers only: arithmetic on stored floats is left to the constant folding pass."""
    return all(ctx.is_stored(ctx.file.tensors[index]) and ctx.file.tensors[index].type in (2, 4, 6) for index in op.inputs)


def _remember(ctx: Context, op: OperatorRecord, values: Any) -> None:
    kind = np.dtype(FORMATS[ctx.output(op).type][1])
    array = np.asarray(values)
    ctx.folded_elements += array.size
    if array.size > SMALL * 4 or ctx.folded_elements > MAX_FOLDED:
        raise ModelError(f"{op.label}: a constant of {array.size} elements is computed")
    ctx.folded[ctx.output(op).index] = array.astype(kind) if kind.kind in "biuf" else array
