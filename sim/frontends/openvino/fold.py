"""Arithmetic on constants, mostly shapes, done while importing: what is known then needs no operator."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod
from typing import Any

import numpy as np

from sim.frontends.openvino.elements import ELEMENTS, element_named
from sim.frontends.openvino.movement import strided_bounds
from sim.frontends.openvino.node import Node
from sim.frontends.openvino.stored import MAX_VALUE_ELEMENTS, Stored, computed

MAX_FOLDED_BYTES = 64 * 2**20
_MAX_INPUTS = 256
_VIEWS = ("Reshape", "Squeeze", "Unsqueeze", "Transpose", "Convert", "ConvertLike")  # weights stay one tensor, however they are viewed
Fold = Callable[[Node, list[np.ndarray]], Any]


def fold(node: Node) -> bool:
    """Compute the layer's outputs if all its inputs are small constants; says whether it did."""
    function = FOLDS.get(node.type)
    if function is None or node.count > _MAX_INPUTS or not node.layer.outputs:
        return False
    stored = [node.stored(index) for index in range(node.count)]
    if any(constant is None or constant.is_quantized or constant.elements > MAX_VALUE_ELEMENTS for constant in stored):
        return False
    known = [constant for constant in stored if constant is not None]
    if node.type in _VIEWS and _is_weight(known[0]):
        return False
    arrays = [constant.value() for constant in known]
    if any(array is None for array in arrays):
        return False
    with np.errstate(all="ignore"):
        result = function(node, [array for array in arrays if array is not None])
    results = [np.asarray(part) for part in result] if isinstance(result, list) else [np.asarray(result)]
    node.state.folded_bytes += sum(part.nbytes for part in results)
    if node.state.folded_bytes > MAX_FOLDED_BYTES:
        raise node.refuse(f"computes constants of more than {MAX_FOLDED_BYTES // 2**20} MiB in all")
    trained = any(_is_weight(constant) for constant in known)
    for index, array in enumerate(results):
        node.bind(index, computed(node.name, array, trained=trained))
    return True


def _is_weight(stored: Stored) -> bool:
    """Trained numbers, or integers that become them."""
    return stored.trained and stored.elements > 1 and stored.element in ("f32", "f16", "bf16", "f64", "i8", "u8", "i4", "u4", "nf4", "f4e2m1", "i2", "u2")


def _limit(node: Node, elements: int) -> None:
    if elements > MAX_VALUE_ELEMENTS:
        raise node.refuse(f"computes a constant of {elements:,} elements")


def _elementwise(function: Callable[..., Any]) -> Fold:
    def run(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
        _limit(node, prod(np.broadcast_shapes(*(array.shape for array in arrays))))
        result = np.asarray(function(*arrays))
        return result if result.dtype == bool else result.astype(arrays[0].dtype, copy=False)

    return run


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a / b if a.dtype.kind == "f" else np.floor_divide(a, np.where(b == 0, 1, b))


def _convert(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    kind = ELEMENTS[element_named(node.text("destination_type"), node.layer.label)][1]
    if not kind or kind == "<u2":
        return arrays[0].astype(np.float32)
    return arrays[0].astype(kind)


def _gather(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    x, index, axis = arrays[0], arrays[1].astype(np.int64), int(arrays[2].reshape(-1)[0])
    if node.whole("batch_dims", 0):
        raise node.refuse("gathers constants along batch dimensions, which is not supported")
    _limit(node, index.size * (x.size // max(x.shape[axis], 1)))
    return np.take(x, index, axis=axis)


def _reduce(function: Callable[..., Any]) -> Fold:
    def run(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
        axes = tuple(int(axis) for axis in arrays[1].reshape(-1))
        return np.asarray(function(arrays[0], axis=axes, keepdims=node.flag("keep_dims"))).astype(arrays[0].dtype)

    return run


def _range(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    start, stop, step = (array.reshape(-1)[0] for array in arrays)
    if step == 0:
        raise node.refuse("steps by 0")
    count = max(ceil((float(stop) - float(start)) / float(step)), 0)
    _limit(node, count)
    kind = ELEMENTS[element_named(node.text("output_type", "i64"), node.layer.label)][1]
    return (start + np.arange(count) * step).astype(kind)


def _reshape(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    shape = [int(extent) for extent in arrays[1].reshape(-1)]
    if node.flag("special_zero"):
        shape = [arrays[0].shape[i] if extent == 0 else extent for i, extent in enumerate(shape)]
    return arrays[0].reshape(shape)


def _axes(arrays: list[np.ndarray]) -> tuple[int, ...]:
    return tuple(int(axis) for axis in arrays[1].reshape(-1)) if len(arrays) > 1 else ()


def _concat(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    _limit(node, sum(array.size for array in arrays))
    return np.concatenate(arrays, axis=node.whole("axis"))


def _broadcast(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    wanted = tuple(int(extent) for extent in arrays[1].reshape(-1)[:64])
    if node.text("mode", "numpy") == "explicit":
        raise node.refuse("spreads constants along named axes, which is not supported")
    shape = np.broadcast_shapes(arrays[0].shape, wanted)
    _limit(node, prod(shape))
    return np.broadcast_to(arrays[0], shape).copy()


def _tile(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    repeats = [int(times) for times in arrays[1].reshape(-1)[:64]]
    _limit(node, arrays[0].size * prod(repeats))
    return np.tile(arrays[0], repeats)


def _strided_slice(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    cut, index = strided_bounds(node), [slice(None)] * arrays[0].ndim
    for start, end, axis, step in zip(cut.starts, cut.ends, cut.axes, cut.steps, strict=True):
        lowest = step < 0 and end <= -arrays[0].shape[axis] - 1
        index[axis] = slice(start, None if lowest else end, step)
    taken = arrays[0][tuple(index)]
    taken = np.squeeze(taken, tuple(cut.dropped)) if cut.dropped else taken
    for axis in cut.added:
        taken = np.expand_dims(taken, axis)
    return taken


def _slice(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    starts, ends, steps = ([int(part) for part in array.reshape(-1)] for array in arrays[1:4])
    axes = [int(axis) for axis in arrays[4].reshape(-1)] if len(arrays) > 4 else list(range(len(starts)))
    index = [slice(None)] * arrays[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index[axis] = slice(start, None if step < 0 and end <= -arrays[0].shape[axis] - 1 else end, step)
    return arrays[0][tuple(index)]


def _split(node: Node, arrays: list[np.ndarray]) -> list[np.ndarray]:
    axis = int(arrays[1].reshape(-1)[0])
    if node.type == "Split":
        return list(np.split(arrays[0], len(node.layer.outputs), axis))
    sizes = [int(size) for size in arrays[2].reshape(-1)]
    sizes = [arrays[0].shape[axis] - sum(size for size in sizes if size != -1) if size == -1 else size for size in sizes]
    return list(np.split(arrays[0], list(np.cumsum(sizes)[:-1]), axis))


def _power(base: np.ndarray, exponent: np.ndarray) -> Any:
    return np.power(base.astype(float), exponent.astype(float))


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply, "Divide": _divide, "Minimum": np.minimum, "Maximum": np.maximum,
    "Mod": np.fmod, "FloorMod": np.mod, "Power": _power, "Negative": np.negative, "Abs": np.abs, "Floor": np.floor, "Ceiling": np.ceil,
    "Sqrt": np.sqrt, "Exp": np.exp, "Log": np.log, "Sin": np.sin, "Cos": np.cos, "Tanh": np.tanh, "Sign": np.sign, "Round": np.round,
    "Equal": np.equal, "NotEqual": np.not_equal, "Greater": np.greater, "GreaterEqual": np.greater_equal, "Less": np.less,
    "LessEqual": np.less_equal, "LogicalAnd": np.logical_and, "LogicalOr": np.logical_or, "LogicalXor": np.logical_xor, "LogicalNot": np.logical_not,
}  # fmt: skip
FOLDS: dict[str, Fold] = {
    **{name: _elementwise(function) for name, function in _ELEMENTWISE.items()},
    "Select": lambda node, arrays: np.where(*arrays[:3]).astype(arrays[1].dtype),
    "Convert": _convert, "ConvertLike": lambda node, arrays: arrays[0].astype(arrays[1].dtype), "Gather": _gather, "Range": _range, "Reshape": _reshape,
    "Concat": _concat, "Broadcast": _broadcast, "Tile": _tile, "StridedSlice": _strided_slice, "Slice": _slice, "Split": _split, "VariadicSplit": _split,
    "Squeeze": lambda node, arrays: np.squeeze(arrays[0], _axes(arrays) or None),
    "Unsqueeze": lambda node, arrays: np.expand_dims(arrays[0], _axes(arrays)),
    "Transpose": lambda node, arrays: np.transpose(arrays[0], _axes(arrays) or None),
    "ReduceProd": _reduce(np.prod), "ReduceSum": _reduce(np.sum), "ReduceMax": _reduce(np.max), "ReduceMin": _reduce(np.min), "ReduceMean": _reduce(np.mean),
    "Clamp": lambda node, arrays: np.clip(arrays[0], node.number("min"), node.number("max")).astype(arrays[0].dtype),
}  # fmt: skip
