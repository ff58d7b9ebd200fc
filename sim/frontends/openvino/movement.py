"""Layers that move or rename elements."""

from __future__ import annotations

from math import prod

import numpy as np

from sim.frontends.limits import check_shape
from sim.frontends.openvino.elements import FLOATING
from sim.frontends.openvino.node import Node, Shape, handles
from sim.frontends.openvino.stored import Stored

FAR = 2**31 - 1  # a slice bound beyond any extent


@handles("ShapeOf")
def _shape_of(node: Node) -> None:
    kind = np.int32 if node.text("output_type", "i64").lower() == "i32" else np.int64
    node.bind_array(0, np.array(node.shape(0), kind))


def _view(node: Node, type: str, out: Shape, attributes: dict[str, object]) -> None:
    """A view of a constant is a constant; of a value an operator."""
    value = node.value(0)
    if isinstance(value, Stored):
        check_shape(node.layer.label, out)
        if prod(out) != value.elements:
            raise node.refuse(f"cannot view {list(value.shape)} as {list(out)}")
        node.bind(0, value.reshaped(out))
        return
    node.emit(type, [value], attributes)


@handles("Reshape")
def _reshape(node: Node) -> None:
    x, shape = node.shape(0), node.ints(1)
    if node.flag("special_zero"):
        if any(extent == 0 and i >= len(x) for i, extent in enumerate(shape)):
            raise node.refuse(f"copies a dimension that the input {list(x)} does not have")
        shape = [x[i] if extent == 0 else extent for i, extent in enumerate(shape)]
    known = prod(extent for extent in shape if extent != -1)
    if shape.count(-1) == 1 and known and prod(x) % known == 0:
        shape[shape.index(-1)] = prod(x) // known
    check_shape(node.layer.label, shape)
    if prod(shape) != prod(x):
        raise node.refuse(f"cannot view {list(x)} as {shape}")
    _view(node, "Reshape", tuple(shape), {"shape": shape, "allowzero": True})


@handles("Squeeze")
def _squeeze(node: Node) -> None:
    shape = node.shape(0)
    given = node.axes(1, len(shape)) if node.has(1) else []
    axes = sorted(set(given)) or [i for i, extent in enumerate(shape) if extent == 1]
    axes = [axis for axis in axes if shape[axis] == 1] if node.version() >= 15 else axes
    if any(shape[axis] != 1 for axis in axes):
        raise node.refuse(f"cannot drop dimensions {axes} of {list(shape)}")
    _view(node, "Squeeze", tuple(extent for i, extent in enumerate(shape) if i not in axes), {"axes": axes})


@handles("Unsqueeze")
def _unsqueeze(node: Node) -> None:
    shape, given = node.shape(0), node.ints(1)
    rank = len(shape) + len(given)
    axes = sorted({node.axis(axis, rank) for axis in given})
    if len(axes) != len(given):
        raise node.refuse(f"names an axis twice: {given}")
    rest = iter(shape)
    _view(node, "Unsqueeze", tuple(1 if i in axes else next(rest) for i in range(rank)), {"axes": axes})


@handles("Transpose")
def _transpose(node: Node) -> None:
    rank = len(node.shape(0))
    perm = (node.ints(1) if node.has(1) else []) or list(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        raise node.refuse(f"has permutation {perm} for {rank} dimensions")
    value = node.value(0)
    if isinstance(value, Stored):
        node.bind(0, value.transposed(perm))
        return
    node.emit("Transpose", [value], {"perm": perm})


@handles("Concat")
def _concat(node: Node) -> None:
    axis = node.axis(node.whole("axis"), len(node.shape(0)))
    if node.count == 1:
        node.bind(0, node.value(0))
        return
    node.emit("Concat", node.operands(), {"axis": axis})


@handles("Split", "VariadicSplit")
def _split(node: Node) -> None:
    """All outputs are made, read or not."""
    shape = node.shape(0)
    axis = node.axes(1, len(shape))[0]
    extent, parts = shape[axis], max(len(node.layer.outputs), 1)
    if node.type == "Split":
        if node.whole("num_splits", parts) != parts or extent % parts:
            raise node.refuse(f"splits an extent of {extent} among {parts} outputs")
        sizes = [extent // parts] * parts
    else:
        sizes = node.ints(2)
        if sizes.count(-1) == 1:
            sizes[sizes.index(-1)] = extent - sum(size for size in sizes if size != -1)
        if len(sizes) != parts or min(sizes, default=0) < 0:
            raise node.refuse(f"splits an extent of {extent} into {sizes} for {parts} outputs")
    if parts == 1:
        node.bind(0, node.value(0))
        return
    node.emit("Split", [node.operand(0)], {"axis": axis, "sizes": sizes}, outputs=parts)


@handles("Slice")
def _slice(node: Node) -> None:
    """Inputs x, starts, stops, steps, axes."""
    shape, starts, ends = node.shape(0), node.ints(1), node.ints(2)
    steps = node.ints(3) if node.has(3) else [1] * len(starts)
    axes = node.axes(4, len(shape)) if node.has(4) else list(range(len(starts)))
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps or len(axes) > len(shape):
        raise node.refuse(f"has starts {starts}, stops {ends}, axes {axes}, steps {steps}")
    _sliced(node, starts, ends, axes, steps)


def _sliced(node: Node, starts: list[int], ends: list[int], axes: list[int], steps: list[int]) -> str:
    shape = node.shape(0)
    bounds = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        extent = shape[axis]
        start = max(min(start, FAR), -extent)
        bounds.append((start, max(min(end, FAR), -extent) if step > 0 else (-FAR if end < -extent else min(end, FAR))))
    whole = all(step == 1 and start in (0, -shape[axis]) and end >= shape[axis] for (start, end), axis, step in zip(bounds, axes, steps, strict=True))
    if whole and isinstance(node.value(0), str):
        return node.operand(0)
    attributes = {"starts": [start for start, _ in bounds], "ends": [end for _, end in bounds], "axes": axes, "steps": steps}
    name = node.step("Slice", [node.operand(0)], attributes, name=node.name)[0]
    node.bind(0, name)
    return name


@handles("StridedSlice")
def _strided_slice(node: Node) -> None:
    """Bounds with masks, as TensorFlow has them: what a mask covers is taken whole; axes may be added and dropped."""
    cut = strided_bounds(node)
    name = _sliced(node, cut.starts, cut.ends, cut.axes, cut.steps)
    kept = node.tensor(name).shape
    out = list(kept)
    for axis in sorted(cut.dropped, reverse=True):
        if out[axis] != 1:
            raise node.refuse(f"drops axis {axis} of {list(kept)}")
        del out[axis]
    for axis in cut.added:
        out.insert(axis, 1)
    if tuple(out) != kept:
        name = node.step("Reshape", [name], {"shape": out, "allowzero": True})[0]
    node.bind(0, name)


class Cut:
    """What a StridedSlice takes of its input's axes, and which axes it drops and adds afterwards."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.axes: list[int] = []
        self.steps: list[int] = []
        self.dropped: list[int] = []
        self.added: list[int] = []


def strided_bounds(node: Node) -> Cut:
    shape, begins, ends = node.shape(0), node.ints(1), node.ints(2)
    steps = node.ints(3) if node.has(3) else [1] * len(begins)
    if not len(begins) == len(ends) == len(steps) or 0 in steps:
        raise node.refuse(f"has begins {begins}, ends {ends}, strides {steps}")
    masks = {key: [*(node.wholes(f"{key}_mask") or []), *[0] * len(begins)] for key in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")}
    entries = len(begins) - sum(1 for i in range(len(begins)) if masks["new_axis"][i] or masks["ellipsis"][i])
    cut, axis, position = Cut(), 0, 0
    for i, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if masks["ellipsis"][i]:
            axis, position = axis + len(shape) - entries, position + len(shape) - entries
            continue
        if masks["new_axis"][i]:
            cut.added.append(position)
            position += 1
            continue
        if axis >= len(shape):
            raise node.refuse(f"slices axis {axis} of an input of shape {list(shape)}")
        begin = (FAR if step < 0 else 0) if masks["begin"][i] else begin
        end = (-FAR if step < 0 else FAR) if masks["end"][i] else end
        if masks["shrink_axis"][i]:
            begin, end, step = begin, (begin + 1 if begin != -1 else FAR), 1
            cut.dropped.append(axis)
        else:
            position += 1
        for values, value in ((cut.starts, begin), (cut.ends, end), (cut.axes, axis), (cut.steps, step)):
            values.append(value)
        axis += 1
    return cut


@handles("Pad")
def _pad(node: Node) -> None:
    rank = len(node.shape(0))
    pads = [*node.ints(1), *node.ints(2)]
    if len(pads) != 2 * rank:
        raise node.refuse(f"has pads {pads} for {rank} dimensions")
    if not any(pads) and isinstance(node.value(0), str):
        node.bind(0, node.value(0))
        return
    node.emit("Pad", [node.operand(0)], {"pads": pads, "mode": node.text("pad_mode", "constant")})


@handles("Broadcast")
def _broadcast(node: Node) -> None:
    """Modes numpy and bidirectional align trailing axes; explicit names the axes the input's become."""
    wanted, x = node.ints(1), node.shape(0)
    check_shape(node.layer.label, wanted)
    value = node.operand(0)
    if node.text("mode", "numpy") == "explicit" and node.has(2):
        axes, spread = node.axes(2, len(wanted)), [1] * len(wanted)
        for axis, extent in zip(axes, x, strict=True):
            spread[axis] = extent
        if tuple(spread) != x:
            value, x = node.step("Reshape", [value], {"shape": spread, "allowzero": True})[0], tuple(spread)
    shape = np.broadcast_shapes(x, tuple(wanted)) if node.text("mode") == "bidirectional" or 0 not in wanted else tuple(wanted)
    if shape == node.tensor(value).shape:
        node.bind(0, value)
        return
    node.emit("Expand", [value], {"shape": list(shape)})


@handles("Tile")
def _tile(node: Node) -> None:
    repeats, shape = node.ints(1), node.shape(0)
    value = node.operand(0)
    if len(repeats) > len(shape):
        value = node.step("Reshape", [value], {"shape": [*(1,) * (len(repeats) - len(shape)), *shape], "allowzero": True})[0]
    repeats = [*(1,) * (len(shape) - len(repeats)), *repeats]
    if min(repeats, default=1) < 0:
        raise node.refuse(f"repeats {repeats}")
    if all(times == 1 for times in repeats):
        node.bind(0, value)
        return
    node.emit("Tile", [value], {"repeats": repeats})


@handles("DepthToSpace", "SpaceToDepth")
def _blocks(node: Node) -> None:
    mode = "DCR" if node.text("mode").startswith("block") else "CRD"
    node.emit(node.type, [node.operand(0)], {"block": node.whole("block_size", 1), "mode": mode})


@handles("ShuffleChannels")
def _shuffle(node: Node) -> None:
    node.axis(node.whole("axis", 1), len(node.shape(0)))
    node.emit("ChannelShuffle", [node.operand(0)], {"group": node.whole("group", 1)})


@handles("Reverse", "ReverseSequence", "Roll")
def _reverse(node: Node) -> None:
    node.emit("Reverse", [node.operand(0)], {"original": node.type})


@handles("BatchToSpace", "SpaceToBatch")
def _batch_blocks(node: Node) -> None:
    """Blocks and margins of all axes, those of the batch 1 and 0."""
    block, begins, ends = node.ints(1), node.ints(2), node.ints(3)
    rank = len(node.shape(0))
    if not len(block) == len(begins) == len(ends) == rank or block[:1] != [1] or begins[:1] != [0] or ends[:1] != [0]:
        raise node.refuse(f"has blocks {block} and margins {begins}, {ends} for {rank} dimensions")
    margins = [size for pair in zip(begins[1:], ends[1:], strict=True) for size in pair]
    key = "crops" if node.type == "BatchToSpace" else "pads"
    node.emit(node.type, [node.operand(0)], {"block": block[1:], key: margins})


@handles("Interpolate")
def _interpolate(node: Node) -> None:
    """Set 1: x, sizes of the axes in the attribute. 4: x, sizes, scales, axes. 11: x, sizes or scales, axes."""
    shape, mode = node.shape(0), node.text("mode", "nearest")
    version = node.version()
    if version < 4:
        axes = [node.axis(axis, len(shape)) for axis in node.wholes("axes") or []]
    else:
        last = 3 if version < 11 else 2
        axes = node.axes(last, len(shape)) if node.has(last) else list(range(len(shape)))
    by_scales = node.text("shape_calculation_mode") == "scales"
    given = node.constant(2 if by_scales and version == 4 else 1).ravel()
    if len(given) != len(axes):
        raise node.refuse(f"has {len(given)} extents for {len(axes)} axes")
    begins, ends = ([*(node.wholes(key) or []), *(0,) * len(shape)] for key in ("pads_begin", "pads_end"))
    padded = [extent + begins[i] + ends[i] for i, extent in enumerate(shape)]
    out = list(padded)
    for axis, value in zip(axes, given, strict=True):
        out[axis] = int(np.floor(np.float32(padded[axis]) * np.float32(value) + 1e-5)) if by_scales else int(value)
    _resized(node, tuple(out), mode)


def _resized(node: Node, out: Shape, mode: str) -> None:
    shape, x = node.shape(0), node.operand(0)
    check_shape(node.layer.label, out)
    if out == shape:
        node.bind(0, x)
    elif len(shape) >= 3 and out[:2] == shape[:2]:
        node.emit("Resize", [x], {"sizes": out[2:], "mode": mode})
    elif len(shape) >= 3 and out[0] == shape[0] and out[-1] == shape[-1]:
        node.emit("Resize", [x], {"sizes": out[1:-1], "layout": "NHWC", "mode": mode})
    else:
        plane = node.step("Reshape", [x], {"shape": [1, 1, *shape], "allowzero": True})[0]
        resized = node.step("Resize", [plane], {"sizes": out, "mode": mode}, name=node.name)[0]
        node.bind(0, node.step("Reshape", [resized], {"shape": list(out), "allowzero": True})[0])


@handles("Gather")
def _gather(node: Node) -> None:
    """Inputs table, indices, axis; ``batch_dims`` leading axes are walked together."""
    table, rank = node.stored(0), len(node.shape(0))
    axis = node.axis(node.ints(2)[0], rank)
    batch = node.whole("batch_dims", 0)
    names = [node.operand(0, "weight" if table is not None and (table.is_quantized or table.dtype in FLOATING) else "constant"), node.operand(1, "constant")]
    if batch:
        indices = node.shape(1)
        batch = node.axis(batch, len(indices) + 1)
        made = (*node.shape(0)[:axis], *indices[batch:], *node.shape(0)[axis + 1 :])
        node.emit("GatherElements", names, {"original": node.type}, shapes=[made])
        return
    seen = {"out_dtype": table.seen} if table is not None and table.real is not None else {}
    node.emit("Gather", names, {"axis": axis, **seen})
