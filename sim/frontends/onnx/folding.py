"""Computing small constants at import, so that models exported with dynamic shapes (chains of Shape, Gather, Concat, Reshape ...) have concrete ones.

Bounded: no result above :data:`MAX_VALUE_ELEMENTS` elements, all results together at most :data:`MAX_FOLDED_BYTES`.
What is not folded stays an operator over constants.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod
from typing import Any

import numpy as np

from sim.frontends.onnx.elements import CAST_NAMES
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.stored import MAX_VALUE_ELEMENTS, Stored

MAX_FOLDED_BYTES = 64 * 2**20
_VIEWS = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
Array = np.ndarray
Fold = Callable[[Node, list[Any]], list[Any]]

ELEMENT_OF_NUMPY = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
}
NUMPY_OF_ELEMENT = {element: np.dtype(name) for name, element in ELEMENT_OF_NUMPY.items()}


class NotFolded(Exception):
    """This node is left to run time: too large, or a case that is not computed here."""


def fold(node: Node) -> bool:
    """Compute the node's outputs if all its operands are small constants; says whether it did."""
    function = FOLDS.get(node.type) if node.proto.domain in ("", "ai.onnx") else None
    if function is None:
        return False
    values = [node.value(i) for i in range(len(node.proto.input))]
    if any(isinstance(value, str) for value in values):
        return False
    stored = [value for value in values if isinstance(value, Stored)]
    if any(constant.elements > MAX_VALUE_ELEMENTS or constant.is_quantized for constant in stored):
        return False
    if node.type in _VIEWS and stored and stored[0].trained and stored[0].is_floating:
        return False  # weights stay one tensor, however they are viewed
    try:
        with np.errstate(all="ignore"):
            results = function(node, [value.read() if isinstance(value, Stored) else None for value in values])
    except NotFolded:
        return False
    results = [np.asarray(result) for result in results]
    if any(str(result.dtype) not in ELEMENT_OF_NUMPY for result in results):
        return False
    node.state.folded_bytes += sum(result.nbytes for result in results)
    if node.state.folded_bytes > MAX_FOLDED_BYTES:
        return False
    trained = any(constant.trained and constant.is_floating and constant.elements > 1 for constant in stored)
    for index, result in enumerate(results):
        node.bind_array(index, result, ELEMENT_OF_NUMPY[str(result.dtype)], trained=trained)
    return True


def _limit(elements: float) -> None:
    if not elements <= MAX_VALUE_ELEMENTS:
        raise NotFolded


def _given(arrays: list[Any], index: int) -> Array | None:
    return arrays[index] if index < len(arrays) else None


def _axes(node: Node, arrays: list[Any], index: int = 1) -> list[int] | None:
    given = _given(arrays, index)
    if given is not None:
        return [int(axis) for axis in given.ravel()]
    axes = node.attribute("axes")
    return None if axes is None else [int(axis) for axis in axes]


def _elementwise(function: Callable[..., Any]) -> Fold:
    def run(node: Node, arrays: list[Any]) -> list[Any]:
        if "axis" in node.attributes or not arrays:  # broadcasting of operator sets below 7
            raise NotFolded
        _limit(prod(np.broadcast_shapes(*(array.shape for array in arrays))))
        result = np.asarray(function(arrays[0]) if len(arrays) == 1 else arrays[0])
        for other in arrays[1:]:
            result = np.asarray(function(result, other))
        return [result if result.dtype == bool else result.astype(arrays[0].dtype, copy=False)]

    return run


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind not in "iu":
        return np.asarray(np.divide(a, b))
    quotient = np.abs(a) // np.where(b == 0, 1, np.abs(b))
    return np.asarray(np.where((a < 0) != (b < 0), -quotient, quotient))


def _power(node: Node, arrays: list[Any]) -> list[Any]:
    base, exponent = arrays
    _limit(prod(np.broadcast_shapes(base.shape, exponent.shape)))
    return [np.power(base.astype(float), exponent.astype(float)).astype(base.dtype)]


def _modulo(node: Node, arrays: list[Any]) -> list[Any]:
    return _elementwise(np.fmod if node.attribute("fmod", 0) else np.mod)(node, arrays)


def _where(node: Node, arrays: list[Any]) -> list[Any]:
    _limit(prod(np.broadcast_shapes(*(array.shape for array in arrays))))
    return [np.where(*arrays)]


def _clip(node: Node, arrays: list[Any]) -> list[Any]:
    low, high = _given(arrays, 1), _given(arrays, 2)
    low, high = node.attribute("min") if low is None else low, node.attribute("max") if high is None else high
    return [arrays[0] if low is None and high is None else np.clip(arrays[0], low, high).astype(arrays[0].dtype)]


def _cast(node: Node, arrays: list[Any]) -> list[Any]:
    to = node.attribute("to")
    element = CAST_NAMES.get(to, 0) if isinstance(to, str) else int(to or 0)
    if element not in NUMPY_OF_ELEMENT:
        raise NotFolded
    return [arrays[0].astype(NUMPY_OF_ELEMENT[element])]


def _cast_like(node: Node, arrays: list[Any]) -> list[Any]:
    return [arrays[0].astype(arrays[1].dtype)]


def _range(node: Node, arrays: list[Any]) -> list[Any]:
    start, stop, step = (array.reshape(())[()] for array in arrays)
    count = max(ceil((float(stop) - float(start)) / float(step)), 0)
    _limit(count)
    return [(start + np.arange(count) * step).astype(arrays[0].dtype)]


def _constant_of_shape(node: Node, arrays: list[Any]) -> list[Any]:
    shape = [int(extent) for extent in arrays[0].ravel()]
    _limit(prod(shape) if len(shape) <= 64 and min(shape, default=0) >= 0 else np.inf)
    tensor = node.attribute("value")
    if tensor is None:
        return [np.zeros(shape, np.float32)]
    from onnx import numpy_helper

    return [np.full(shape, numpy_helper.to_array(tensor).reshape(-1)[0])]


def _reshape(node: Node, arrays: list[Any]) -> list[Any]:
    x, shape = arrays[0], _given(arrays, 1)
    target = [int(extent) for extent in (node.attribute("shape") if shape is None else shape.ravel())]
    if not node.attribute("allowzero", 0):
        target = [x.shape[i] if extent == 0 else extent for i, extent in enumerate(target)]
    return [x.reshape(target)]


def _flatten(node: Node, arrays: list[Any]) -> list[Any]:
    axis = node.attribute("axis", 1)
    axis = axis + arrays[0].ndim if axis < 0 else axis
    return [arrays[0].reshape(prod(arrays[0].shape[:axis]), -1)]


def _squeeze(node: Node, arrays: list[Any]) -> list[Any]:
    axes = _axes(node, arrays)
    return [np.squeeze(arrays[0], None if axes is None else tuple(axes))]


def _unsqueeze(node: Node, arrays: list[Any]) -> list[Any]:
    return [np.expand_dims(arrays[0], tuple(_axes(node, arrays) or ()))]


def _concat(node: Node, arrays: list[Any]) -> list[Any]:
    _limit(sum(array.size for array in arrays))
    return [np.concatenate(arrays, axis=int(node.attribute("axis", 1)))]


def _split(node: Node, arrays: list[Any]) -> list[Any]:
    x, sizes, axis, parts = arrays[0], _given(arrays, 1), int(node.attribute("axis", 0)), len(node.outputs)
    given = node.attribute("split") if sizes is None else [int(size) for size in sizes.ravel()]
    step = ceil(x.shape[axis] / parts)
    return list(np.split(x, list(np.cumsum(given)[:-1]) if given else [min(step * i, x.shape[axis]) for i in range(1, parts)], axis=axis))


def _slice(node: Node, arrays: list[Any]) -> list[Any]:
    x = arrays[0]
    starts, ends = (_numbers(node, arrays, i, key) for i, key in ((1, "starts"), (2, "ends")))
    if starts is None or ends is None:
        raise NotFolded
    axes = _numbers(node, arrays, 3, "axes") or list(range(len(starts)))
    steps = _numbers(node, arrays, 4, "steps") or [1] * len(starts)
    index: list[Any] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        lowest = end <= -x.shape[axis] - 1 and step < 0
        index[axis] = slice(start, None if lowest else end, step)
    return [x[tuple(index)]]


def _numbers(node: Node, arrays: list[Any], index: int, key: str) -> list[int] | None:
    given = _given(arrays, index)
    values = node.attribute(key) if given is None else given.ravel()
    return None if values is None else [int(value) for value in values]


def _gather(node: Node, arrays: list[Any]) -> list[Any]:
    x, index = arrays
    axis = int(node.attribute("axis", 0))
    _limit(index.size * (x.size // max(x.shape[axis], 1)))
    return [np.take(x, index.astype(np.int64), axis=axis)]


def _gather_elements(node: Node, arrays: list[Any]) -> list[Any]:
    x, index = arrays
    axis = int(node.attribute("axis", 0))
    return [np.take_along_axis(x, np.where(index < 0, index + x.shape[axis], index), axis=axis)]


def _gather_nd(node: Node, arrays: list[Any]) -> list[Any]:
    x, index = arrays
    if node.attribute("batch_dims", 0):
        raise NotFolded
    _limit(index.size // max(index.shape[-1], 1) * prod(x.shape[index.shape[-1] :]))
    return [x[tuple(np.moveaxis(index, -1, 0))]]


def _scatter_nd(node: Node, arrays: list[Any]) -> list[Any]:
    x, index, updates = arrays
    if node.attribute("reduction", "none") != "none":
        raise NotFolded
    result = x.copy()
    result[tuple(np.moveaxis(index, -1, 0))] = updates
    return [result]


def _expand(node: Node, arrays: list[Any]) -> list[Any]:
    shape = np.broadcast_shapes(arrays[0].shape, tuple(int(extent) for extent in arrays[1].ravel()[:64]))
    _limit(prod(shape))
    return [np.broadcast_to(arrays[0], shape).copy()]


def _tile(node: Node, arrays: list[Any]) -> list[Any]:
    if len(arrays) != 2:
        raise NotFolded
    repeats = [int(times) for times in arrays[1].ravel()]
    _limit(arrays[0].size * prod(repeats[:64]))
    return [np.tile(arrays[0], repeats)]


def _transpose(node: Node, arrays: list[Any]) -> list[Any]:
    return [np.transpose(arrays[0], node.attribute("perm"))]


def _reduce(function: Callable[..., Any]) -> Fold:
    def run(node: Node, arrays: list[Any]) -> list[Any]:
        axes = _axes(node, arrays)
        if not axes and node.attribute("noop_with_empty_axes", 0):
            return [arrays[0]]
        result = function(arrays[0], axis=tuple(axes) if axes else None, keepdims=bool(node.attribute("keepdims", 1)))
        return [np.asarray(result).astype(arrays[0].dtype)]

    return run


def _arg(function: Callable[..., Any]) -> Fold:
    def run(node: Node, arrays: list[Any]) -> list[Any]:
        if node.attribute("select_last_index", 0):
            raise NotFolded
        return [function(arrays[0], axis=int(node.attribute("axis", 0)), keepdims=bool(node.attribute("keepdims", 1))).astype(np.int64)]

    return run


def _cumulative(node: Node, arrays: list[Any]) -> list[Any]:
    if node.attribute("exclusive", 0) or node.attribute("reverse", 0):
        raise NotFolded
    return [np.cumsum(arrays[0], axis=int(arrays[1].reshape(()))).astype(arrays[0].dtype)]


def _triangle(node: Node, arrays: list[Any]) -> list[Any]:
    k = _given(arrays, 1)
    return [(np.triu if node.attribute("upper", 1) else np.tril)(arrays[0], 0 if k is None else int(k.reshape(())))]


def _matmul(node: Node, arrays: list[Any]) -> list[Any]:
    if arrays[0].size * arrays[1].shape[-1] > MAX_VALUE_ELEMENTS:
        raise NotFolded
    return [np.matmul(*arrays)]


def _nonzero(node: Node, arrays: list[Any]) -> list[Any]:
    return [np.array(np.nonzero(arrays[0]), np.int64)]


def _window(*coefficients: float) -> Fold:
    """A sum of cosines over a whole (``periodic``) or closed period: Hann, Hamming, Blackman."""

    def run(node: Node, arrays: list[Any]) -> list[Any]:
        size, element = int(arrays[0].reshape(())), int(node.attribute("output_datatype", 1))
        _limit(size)
        if element not in NUMPY_OF_ELEMENT:
            raise NotFolded
        phase = 2 * np.pi * np.arange(size) / max(size if node.attribute("periodic", 1) else size - 1, 1)
        return [sum(part * np.cos(i * phase) for i, part in enumerate(coefficients)).astype(NUMPY_OF_ELEMENT[element])]  # type: ignore[union-attr]  # never empty

    return run


def _identity(node: Node, arrays: list[Any]) -> list[Any]:
    return [arrays[0]]


def _sigmoid(x: Array) -> Any:
    return 1 / (1 + np.exp(-x.astype(float)))


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divide, "Min": np.minimum, "Max": np.maximum, "Sum": np.add,
    "Neg": np.negative, "Abs": np.abs, "Floor": np.floor, "Ceil": np.ceil, "Round": np.round, "Sqrt": np.sqrt, "Reciprocal": np.reciprocal,
    "Exp": np.exp, "Log": np.log, "Sin": np.sin, "Cos": np.cos, "Tanh": np.tanh, "Sign": np.sign, "Sigmoid": _sigmoid,
    "Equal": np.equal, "Greater": np.greater, "Less": np.less, "GreaterOrEqual": np.greater_equal, "LessOrEqual": np.less_equal,
    "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor, "Not": np.logical_not, "IsNaN": np.isnan,
}  # fmt: skip
FOLDS: dict[str, Fold] = {
    **{name: _elementwise(function) for name, function in _ELEMENTWISE.items()},
    "Relu": lambda node, arrays: [np.maximum(arrays[0], 0)],
    "Pow": _power, "Mod": _modulo, "Where": _where, "Clip": _clip, "Cast": _cast, "CastLike": _cast_like, "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "Reshape": _reshape, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Concat": _concat, "Split": _split, "Slice": _slice,
    "Gather": _gather, "GatherElements": _gather_elements, "GatherND": _gather_nd, "ScatterND": _scatter_nd, "Expand": _expand, "Tile": _tile,
    "Transpose": _transpose,
    "ReduceProd": _reduce(np.prod), "ReduceSum": _reduce(np.sum), "ReduceMax": _reduce(np.max), "ReduceMin": _reduce(np.min), "ReduceMean": _reduce(np.mean),
    "ArgMax": _arg(np.argmax), "ArgMin": _arg(np.argmin), "CumSum": _cumulative, "Trilu": _triangle, "MatMul": _matmul, "NonZero": _nonzero,
    "Identity": _identity, "HannWindow": _window(0.5, -0.5), "HammingWindow": _window(25 / 46, -21 / 46), "BlackmanWindow": _window(0.42, -0.5, 0.08),
}  # fmt: skip
