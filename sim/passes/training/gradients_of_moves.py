"""Gradients of operators that move elements: mostly the inverse move."""

from __future__ import annotations

from sim.errors import ModelError
from sim.passes.training.gradients import Call, Found, rule


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _view(call: Call) -> Found:
    return {0: call.writer.reshaped(call.dy, call.shape(0), call.stem())}


@rule("Transpose")
def _transpose(call: Call) -> Found:
    rank = len(call.shape(0))
    perm = [int(axis) for axis in call.op.attributes.get("perm") or reversed(range(rank))]
    return {0: call.one("Transpose", [call.dy], {"perm": tuple(perm.index(axis) for axis in range(rank))})}


@rule("Concat")
def _concat(call: Call) -> Found:
    axis = int(call.op.attributes.get("axis", 0)) % len(call.shape(0))
    found, start = {}, 0
    for i in range(len(call.op.inputs)):
        end = start + call.shape(i)[axis]
        if call.wants(i):
            found[i] = call.one("Slice", [call.dy], {"starts": (start,), "ends": (end,), "axes": (axis,)})
        start = end
    return found


@rule("Split")
def _split(call: Call) -> Found:
    """Parts that nobody used have no gradient: there the slices that have one are spread over zeros."""
    axis, start = int(call.op.attributes.get("axis", 0)) % len(call.shape(0)), 0
    if all(dy is not None for dy in call.dys):
        return {0: call.one("Concat", [dy for dy in call.dys if dy], {"axis": axis})}
    total = ""
    for dy, name in zip(call.dys, call.op.outputs, strict=True):
        end = start + call.writer.shape(name)[axis]
        if dy is not None:
            part = call.one("SliceGrad", [dy], {"starts": (start,), "ends": (end,), "axes": (axis,), "shape": call.shape(0)})
            total = call.one("Add", [total, part]) if total else part
        start = end
    return {0: total}


@rule("Slice")
def _slice(call: Call) -> Found:
    return {0: call.one("SliceGrad", [call.dy], {**call.op.attributes, "shape": call.shape(0)})}


@rule("Pad")
def _pad(call: Call) -> Found:
    shape, pads = call.shape(0), call.op.attributes["pads"]
    pads = (pads,) * (2 * len(shape)) if isinstance(pads, int) else pads
    if call.op.attributes.get("mode", "constant") != "constant" or min(pads) < 0:
        raise ModelError(f"{call.op.name}: the gradient of padding other than by a constant is not known")
    starts = tuple(int(pad) for pad in pads[: len(shape)])
    ends = tuple(start + extent for start, extent in zip(starts, shape, strict=True))
    return {0: call.one("Slice", [call.dy], {"starts": starts, "ends": ends, "axes": tuple(range(len(shape)))})}


@rule("Gather")
def _gather(call: Call) -> Found:
    return {0: call.one("GatherGrad", [call.dy, call.input(1)], {"axis": call.op.attributes.get("axis", 0), "shape": call.shape(0)})}


@rule("Resize")
def _resize(call: Call) -> Found:
    return {0: call.one("ResizeGrad", [call.dy], {**call.op.attributes, "shape": call.shape(0)})}


@rule("DepthToSpace")
def _depth_to_space(call: Call) -> Found:
    return {0: call.one("SpaceToDepth", [call.dy], call.op.attributes)}


@rule("SpaceToDepth")
def _space_to_depth(call: Call) -> Found:
    return {0: call.one("DepthToSpace", [call.dy], call.op.attributes)}


@rule("ChannelShuffle")
def _shuffle(call: Call) -> Found:
    """A shuffle of g groups is undone by one of channels / g."""
    axis = -1 if call.op.attributes.get("layout", "NCHW") == "NHWC" else 1
    return {0: call.one("ChannelShuffle", [call.dy], {**call.op.attributes, "group": call.shape(0)[axis] // int(call.op.attributes["group"])})}


@rule("Expand")
def _expand(call: Call) -> Found:
    return {0: call.writer.summed_to(call.dy, call.shape(0), call.stem())}


@rule("Tile")
def _tile(call: Call) -> Found:
    """Repetitions become axes of their own, which are summed."""
    shape, made = call.shape(0), call.writer.shape(call.dy)
    apart = tuple(extent for own, total in zip(shape, made, strict=True) for extent in (total // max(own, 1), own))
    dy = call.writer.reshaped(call.dy, apart, call.stem())
    summed = call.one("Reduce", [dy], {"mode": "sum", "axes": tuple(range(0, len(apart), 2)), "keepdims": False})
    return {0: call.writer.reshaped(summed, shape, call.stem())}


@rule("Cast")
def _cast(call: Call) -> Found:
    return {0: call.one("Cast", [call.dy], {"to": call.writer.graph.tensors[call.op.inputs[0]].dtype})}
