"""NumPy meanings of the operators that passes compute: elementwise arithmetic, reductions, moves of elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from device_models.work import DType
from sim.graph.ir import Op

Array = np.ndarray
NUMPY_TYPES = {
    DType.F32: np.float32, DType.F16: np.float16, DType.F64: np.float64, DType.I8: np.int8, DType.I16: np.int16, DType.I32: np.int32,
    DType.I64: np.int64, DType.BOOL: np.bool_,
}  # fmt: skip

_erf = np.vectorize(math.erf, otypes=[float])


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(0, x))


def gelu(x: Array, approximate: str = "none") -> Array:
    """Gaussian error linear unit, exact or by tanh."""
    if approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + _erf(x / math.sqrt(2))))


UNARY: dict[str, Callable[[Array], Array]] = {
    "Relu": lambda x: np.maximum(x, 0),
    "Relu6": lambda x: np.clip(x, 0, 6),
    "ReluN1To1": lambda x: np.clip(x, -1, 1),
    "Abs": np.abs,
    "Neg": np.negative,
    "Reciprocal": lambda x: 1 / x,
    "Square": np.square,
    "Identity": np.asarray,
    "Sigmoid": _sigmoid,
    "Tanh": np.tanh,
    "Exp": np.exp,
    "Log": np.log,
    "Erf": _erf,
    "Sqrt": np.sqrt,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Softplus": _softplus,
    "Swish": lambda x: x * _sigmoid(x),
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Sign": np.sign,
}

BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Min": np.minimum, "Max": np.maximum, "Pow": np.power,
    "SquaredDifference": lambda a, b: np.square(a - b), "Equal": np.equal, "Greater": np.greater, "Less": np.less,
}  # fmt: skip

_REDUCTIONS: dict[str, Callable[..., Array]] = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}


def _with_attributes(op: Op, values: Sequence[Array]) -> Array | None:
    x, attributes = values[0], op.attributes
    if op.type == "Clip" and len(values) == 1:
        return np.asarray(np.clip(x, attributes.get("min", -np.inf), attributes.get("max", np.inf)))
    if op.type == "HardSigmoid":
        return np.asarray(np.clip(attributes.get("alpha", 0.2) * x + attributes.get("beta", 0.5), 0, 1))
    if op.type == "LeakyRelu":
        return np.asarray(np.where(x > 0, x, attributes.get("alpha", 0.01) * x))
    if op.type == "Gelu":
        return gelu(x, str(attributes.get("approximate", "none")))
    if op.type == "Reduce" and attributes.get("mode") in _REDUCTIONS:
        axes = tuple(int(axis) for axis in attributes.get("axes") or range(x.ndim))
        return np.asarray(_REDUCTIONS[attributes["mode"]](x, axis=axes, keepdims=bool(attributes.get("keepdims", True))))
    return None


def _moved(op: Op, values: Sequence[Array], shape: tuple[int, ...]) -> Array | None:
    x, attributes = values[0], op.attributes
    if op.type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
        return x.reshape(shape)
    if op.type == "Transpose":
        return x.transpose(attributes.get("perm") or None)
    if op.type == "Expand":
        return np.broadcast_to(x, shape)
    if op.type == "Concat":
        return np.concatenate(values, axis=int(attributes.get("axis", 0)))
    if op.type == "Slice":
        return x[_slices(x.ndim, attributes)]
    if op.type == "Gather" and len(values) == 2:
        return np.take(x, values[1].astype(np.int64), axis=int(attributes.get("axis", 0)))
    return None


def _slices(rank: int, attributes: dict[str, Any]) -> tuple[slice, ...]:
    cut = [slice(None)] * rank
    starts, ends = attributes["starts"], attributes["ends"]
    axes, steps = attributes.get("axes") or range(len(starts)), attributes.get("steps") or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if step < 0 and end <= -(2**31) + 1 else int(end)
        cut[axis] = slice(int(start), stop, int(step))
    return tuple(cut)


def evaluate(op: Op, values: Sequence[Array], shape: tuple[int, ...], dtype: DType) -> Array | None:
    """The output of an operator with one output, or None where its meaning is not known here. Fused operators are not applied."""
    if op.fused or not values:
        return None
    with np.errstate(all="ignore"):
        result = _moved(op, values, shape)
        if result is None:
            result = _with_attributes(op, values)
        if result is None and op.type in UNARY and len(values) == 1:
            result = np.asarray(UNARY[op.type](values[0]))
        if result is None and op.type in BINARY and len(values) == 2:
            result = np.asarray(BINARY[op.type](values[0], values[1]))
        if result is None and op.type == "Cast" and dtype in NUMPY_TYPES:
            result = values[0].astype(NUMPY_TYPES[dtype])
    return result
