"""Operators that move, rename or select elements; old forms (attributes) and new forms (inputs)."""

from __future__ import annotations

from math import prod

import numpy as np

from device_models.work import DType
from sim.frontends.limits import check_shape
from sim.frontends.onnx.elements import FLOAT, INT64, dtype_of, element_of
from sim.frontends.onnx.inference import standard_outputs
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.stored import MAX_VALUE_ELEMENTS, Stored
from sim.frontends.onnx.table import handles

FAR = 2**31 - 1  # a slice bound beyond any extent


@handles("Shape")
def _shape(node: Node) -> None:
    shape = node.shape(0)
    start, end = node.attribute("start", 0), node.attribute("end")
    node.bind_array(0, np.array(shape[start:end], np.int64), INT64)


@handles("Size")
def _size(node: Node) -> None:
    node.bind_array(0, np.array(prod(node.shape(0)), np.int64), INT64)


@handles("Reshape")
def _reshape(node: Node) -> None:
    shape = node.ints(1, "shape")
    if shape is None:
        raise node.refuse("needs a shape")
    extents = _resolved(node, shape)
    value = node.needed(0)
    if isinstance(value, Stored):
        node.bind(0, value.reshaped(extents))
        return
    node.emit("Reshape", [value], {"shape": extents, "allowzero": True})


def _resolved(node: Node, shape: list[int]) -> list[int]:
    """The concrete shape: 0 copies an extent (unless ``allowzero``), one -1 takes what is left."""
    x = node.shape(0)
    check_shape(f"the shape of {node.name}", [max(extent, 0) for extent in shape])
    if not node.attribute("allowzero", 0):
        if any(extent == 0 and i >= len(x) for i, extent in enumerate(shape)):
            raise node.refuse(f"copies a dimension that the input {list(x)} does not have")
        shape = [x[i] if extent == 0 else extent for i, extent in enumerate(shape)]
    known = prod(extent for extent in shape if extent != -1)
    if shape.count(-1) == 1 and known and prod(x) % known == 0:
        shape[shape.index(-1)] = prod(x) // known
    if min(shape, default=0) < 0 or prod(shape) != prod(x):
        raise node.refuse(f"cannot view {list(x)} as {shape}")
    return shape


@handles("Flatten")
def _flatten(node: Node) -> None:
    shape = node.shape(0)
    axis = int(node.attribute("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    value = node.needed(0)
    if isinstance(value, Stored):
        node.bind(0, value.reshaped([prod(shape[:axis]), prod(shape[axis:])]))
        return
    node.emit("Flatten", [value], {"axis": axis})


@handles("Squeeze")
def _squeeze(node: Node) -> None:
    shape, axes = node.shape(0), node.ints(1, "axes")
    drop = {_axis(node, axis, len(shape)) for axis in axes} if axes is not None else {i for i, extent in enumerate(shape) if extent == 1}
    if any(shape[axis] != 1 for axis in drop):
        raise node.refuse(f"cannot drop dimensions {sorted(drop)} of {list(shape)}")
    value = node.needed(0)
    if isinstance(value, Stored):
        node.bind(0, value.reshaped([extent for i, extent in enumerate(shape) if i not in drop]))
        return
    node.emit("Squeeze", [value], {"axes": sorted(drop)})


@handles("Unsqueeze")
def _unsqueeze(node: Node) -> None:
    shape, axes = node.shape(0), node.ints(1, "axes") or []
    rank = len(shape) + len(axes)
    new = {_axis(node, axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise node.refuse(f"names an axis twice: {axes}")
    value, rest = node.needed(0), iter(shape)
    if isinstance(value, Stored):
        node.bind(0, value.reshaped([1 if i in new else next(rest) for i in range(rank)]))
        return
    node.emit("Unsqueeze", [value], {"axes": sorted(new)})


def _axis(node: Node, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise node.refuse(f"names axis {axis} of {rank} dimensions")
    return axis % rank


@handles("Transpose")
def _transpose(node: Node) -> None:
    rank = len(node.shape(0))
    perm = [int(axis) for axis in node.attribute("perm") or reversed(range(rank))]
    if sorted(perm) != list(range(rank)):
        raise node.refuse(f"has permutation {perm} for {rank} dimensions")
    value = node.needed(0)
    if isinstance(value, Stored):
        node.bind(0, value.transposed(perm))
        return
    node.emit("Transpose", [value], {"perm": perm})


@handles("Concat")
def _concat(node: Node) -> None:
    axis = int(node.attribute("axis", 1))
    names = [name for name in node.operands() if name]
    if len(names) == 1:
        node.bind(0, node.needed(0))
        return
    node.emit("Concat", names, {"axis": _axis(node, axis, len(node.shape(0)))})


@handles("Split")
def _split(node: Node) -> None:
    axis, extent = _axis(node, int(node.attribute("axis", 0)), len(node.shape(0))), 0
    extent = node.shape(0)[axis]
    sizes, parts = node.ints(1, "split"), max(len(node.outputs), 1)
    if sizes is None:
        sizes = split_sizes(extent, parts, -(-extent // parts))
    node.emit("Split", [node.operand(0)], {"axis": axis, "sizes": sizes[:parts] if sum(sizes[:parts]) == extent else sizes})


def split_sizes(extent: int, parts: int, step: int) -> list[int]:
    """Parts of ``step`` each, the last ones smaller if it does not divide the extent."""
    return [max(min(step, extent - i * step), 0) for i in range(parts)]


@handles("Slice")
def _slice(node: Node) -> None:
    starts, ends, shape = node.ints(1, "starts"), node.ints(2, "ends"), node.shape(0)
    if starts is None or ends is None:
        raise node.refuse("needs starts and ends")
    axes = [_axis(node, axis, len(shape)) for axis in node.ints(3, "axes") or range(len(starts))]
    steps = node.ints(4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps or len(set(axes)) != len(axes):
        raise node.refuse(f"has starts {starts}, ends {ends}, axes {axes}, steps {steps}")
    bounds = [_slice_bounds(start, end, shape[axis], step) for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)]
    if all(step == 1 and start in (0, -shape[axis]) and end >= shape[axis] for (start, end), axis, step in zip(bounds, axes, steps, strict=True)):
        node.bind(0, node.needed(0))  # takes everything
        return
    attributes = {"starts": [start for start, _ in bounds], "ends": [end for _, end in bounds], "axes": axes, "steps": steps}
    node.emit("Slice", [node.operand(0)], attributes)


def _slice_bounds(start: int, end: int, extent: int, step: int) -> tuple[int, int]:
    """Bounds that Python's slicing takes as ONNX does: beyond an end means at the end."""
    start = max(min(start, FAR), -extent)
    if step > 0:
        return start, max(min(end, FAR), -extent)
    return start, -FAR if end < -extent else min(end, FAR)


@handles("Pad")
def _pad(node: Node) -> None:
    """Pads of all axes, or of those in input 3 (operator set 18); begins first, then ends."""
    rank = len(node.shape(0))
    given = node.ints(1, "pads" if "pads" in node.attributes else "paddings")
    axes = node.ints(3)
    axes = list(range(rank)) if axes is None else [_axis(node, axis, rank) for axis in axes]
    if given is None or len(given) != 2 * len(axes):
        raise node.refuse(f"has pads {given} for {len(axes)} axes")
    pads = [0] * (2 * rank)
    for i, axis in enumerate(axes):
        pads[axis], pads[axis + rank] = given[i], given[i + len(axes)]
    if not any(pads):
        node.bind(0, node.needed(0))
        return
    node.emit("Pad", [node.operand(0)], {"pads": pads, "mode": str(node.attribute("mode", "constant"))})


@handles("Gather")
def _gather(node: Node) -> None:
    table = node.stored(0)
    axis = _axis(node, int(node.attribute("axis", 0)), len(node.shape(0)))
    node.emit("Gather", [node.operand(0, "weight" if table is not None and _is_embedding(table) else "constant"), node.operand(1, "constant")], {"axis": axis})


def _is_embedding(table: Stored) -> bool:
    """Numbers of the network, not of its shapes; bytes may be dequantized only after the look-up."""
    return table.is_floating or table.is_quantized or (table.trained and table.dtype in (DType.I8, DType.I4) and len(table.shape) > 1)


@handles("Expand")
def _expand(node: Node) -> None:
    wanted = node.ints(1)
    if wanted is None:
        raise node.refuse("needs a shape")
    check_shape(f"the shape of {node.name}", wanted)
    shape = np.broadcast_shapes(node.shape(0), tuple(wanted))
    if shape == node.shape(0):
        node.bind(0, node.needed(0))
        return
    node.emit("Expand", [node.operand(0)], {"shape": list(shape)})


@handles("Tile")
def _tile(node: Node) -> None:
    rank = len(node.shape(0))
    repeats = node.ints(1)
    if repeats is not None and len(node.proto.input) == 3:  # operator set 1: tiles along one axis
        axis, times = _axis(node, (node.ints(2) or [0])[0], rank), repeats[0]
        repeats = [times if i == axis else 1 for i in range(rank)]
    if repeats is None or len(repeats) != rank or min(repeats, default=0) < 0:
        raise node.refuse(f"repeats {repeats} a tensor of {rank} dimensions")
    if all(times == 1 for times in repeats):
        node.bind(0, node.needed(0))
        return
    node.emit("Tile", [node.operand(0)], {"repeats": repeats})


@handles("ConstantOfShape")
def _filled(node: Node) -> None:
    """Reached for a constant too large to hold: it is declared, and filled when read."""
    from onnx import numpy_helper

    shape, tensor = tuple(node.ints(0) or ()), node.attribute("value")
    check_shape(f"the result of {node.name}", shape)
    fill = np.zeros((), np.float32) if tensor is None else numpy_helper.to_array(tensor).reshape(-1)[0]
    element = FLOAT if tensor is None else tensor.data_type
    dtype_of(element, f"the result of {node.name}")
    node.bind(0, Stored(node.outputs[0], shape, element, lambda: np.full(shape, fill), trained=False))


@handles("EyeLike")
def _identity_matrix(node: Node) -> None:
    shape, diagonal = node.shape(0), int(node.attribute("k", 0))
    if len(shape) != 2:
        raise node.refuse(f"makes a matrix like {list(shape)}")
    element = int(node.attribute("dtype", 0)) or element_of(node.dtype(0))
    dtype_of(element, f"the result of {node.name}")
    node.bind(0, Stored(node.outputs[0], shape, element, lambda: np.eye(*shape, k=diagonal), trained=False))


@handles("DepthToSpace", "SpaceToDepth")
def _blocks(node: Node) -> None:
    node.emit(node.type, [node.operand(0)], {"block": int(node.attribute("blocksize", 0)), "mode": str(node.attribute("mode", "DCR"))})


@handles("TopK")
def _top_k(node: Node) -> None:
    k = node.ints(1) or [int(node.attribute("k", 0))]
    axis = _axis(node, int(node.attribute("axis", -1)), len(node.shape(0)))
    if not 0 <= k[0] <= node.shape(0)[axis]:
        raise node.refuse(f"picks {k[0]} of {node.shape(0)[axis]}")
    node.emit("TopK", [node.operand(0)], {"axis": axis, "k": k[0]})


@handles(
    "GatherElements", "GatherND", "ScatterND", "ScatterElements", "Scatter", "OneHot", "GridSample", "RoiAlign", "MaxRoiPool", "MaxUnpool", "Col2Im",
    "CenterCropPad", "ReverseSequence", "AffineGrid", "TensorScatter",
)  # fmt: skip
def _moved(node: Node) -> None:
    """Data movement whose output shape the ONNX standard's own inference gives."""
    types = {"Scatter": "ScatterElements", "MaxRoiPool": "RoiAlign"}
    scalars = {key: value for key, value in node.attributes.items() if isinstance(value, int | float | str)}
    node.emit(types.get(node.type, node.type), node.operands("operand", "constant"), scalars, shapes=standard_outputs(node))


@handles("Compress", "NonZero", "Unique")
def _data_dependent(node: Node) -> None:
    """The number of results depends on the data: the graph holds their largest number."""
    shapes = _largest(node)
    node.warn(f"the size of its output depends on the data; {list(shapes[0][0])} is its largest")
    node.emit("NonZero" if node.type == "NonZero" else "Select", node.operands(), {"original": node.type}, shapes=shapes[: max(len(node.outputs), 1)])


def _largest(node: Node) -> list[tuple[tuple[int, ...], DType]]:
    shape, elements, axis = node.shape(0), prod(node.shape(0)), node.attribute("axis")
    if node.type == "NonZero":
        return [((len(shape), elements), DType.I64)]
    index = None if axis is None else _axis(node, int(axis), len(shape))
    count = elements if index is None else shape[index]
    if node.type == "Compress":
        count = min(count, node.shape(1)[0])
    kept = (count,) if index is None else (*shape[:index], count, *shape[index + 1 :])
    return [(kept, node.dtype(0)), *[((count,), DType.I64)] * 3]


@handles("HannWindow", "HammingWindow", "BlackmanWindow")
def _open_window(node: Node) -> None:
    """Reached when the length is too large to hold or found at run time."""
    size = int(node.scalar(0) or 0)
    node.emit("Range", [], {"original": node.type}, shapes=[((size,), dtype_of(int(node.attribute("output_datatype", FLOAT)), f"the result of {node.name}"))])


@handles("Range")
def _range(node: Node) -> None:
    """Reached when the range is too long to hold or not constant."""
    start, limit, delta = (float(node.scalar(i) or 0) for i in range(3))
    if delta == 0:
        raise node.refuse("steps by 0")
    count = max(int(np.ceil((limit - start) / delta)), 0)
    if count > 1024 * MAX_VALUE_ELEMENTS:
        raise node.refuse(f"counts {count:,} numbers")
    node.emit("Range", [node.operand(i, "constant") for i in range(3)], shapes=[((count,), node.dtype(0))])


@handles("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")
def _random(node: Node) -> None:
    node.emit("Random", node.operands(), {"original": node.type}, shapes=standard_outputs(node))
