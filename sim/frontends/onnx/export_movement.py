"""Operators that move or select elements as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.errors import ModelError
from sim.frontends.onnx.export_writer import Writer, exports
from sim.graph.ir import Op
from sim.graph.ops.definition import as_tuple

_AS_STATED = ("GatherElements", "GatherND", "ScatterND", "ScatterElements", "GridSample", "RoiAlign", "NonZero", "OneHot", "Col2Im", "ReverseSequence")
_TEXT = ("reduction", "mode", "padding_mode", "coordinate_transformation_mode")
_NUMBERS = ("axis", "batch_dims", "align_corners", "output_height", "output_width", "sampling_ratio", "spatial_scale", "batch_axis", "time_axis")


@exports("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _view(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """The shape that the graph states, whatever led to it."""
    shape = writer.constant(f"{op.name}_shape", writer.graph.tensors[op.outputs[0]].shape)
    writer.node("Reshape", [inputs[0], shape], outputs, name=op.name, allowzero=1)


@exports("Transpose")
def _transpose(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    perm = op.attributes.get("perm")
    writer.node("Transpose", inputs[:1], outputs, name=op.name, perm=[int(axis) for axis in perm] if perm else None)


@exports("Concat")
def _concat(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node("Concat", [name for name in inputs if name], outputs, name=op.name, axis=int(op.attributes.get("axis", 0)))


@exports("Split")
def _split(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    axis = int(op.attributes.get("axis", 0))
    sizes = [writer.graph.tensors[name].shape[axis] for name in op.outputs]
    writer.node("Split", [inputs[0], writer.constant(f"{op.name}_sizes", sizes)], outputs, name=op.name, axis=axis)


@exports("Slice")
def _slice(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    starts = [int(part) for part in op.attributes["starts"]]
    axes = op.attributes.get("axes") or range(len(starts))
    steps = op.attributes.get("steps") or [1] * len(starts)
    parts: dict[str, Any] = {"starts": starts, "ends": op.attributes["ends"], "axes": axes, "steps": steps}
    writer.node(
        "Slice", [inputs[0], *(writer.constant(f"{op.name}_{key}", [int(part) for part in value]) for key, value in parts.items())], outputs, name=op.name
    )


@exports("Pad")
def _pad(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    rank = len(writer.graph.tensors[op.inputs[0]].shape)
    pads = writer.constant(f"{op.name}_pads", as_tuple(op.attributes["pads"], 2 * rank))
    value = op.attributes.get("value")
    filled = [] if value is None else [writer.scalar(f"{op.name}_value", float(value), op.inputs[0])]
    writer.node("Pad", [inputs[0], pads, *filled], outputs, name=op.name, mode=str(op.attributes.get("mode", "constant")).lower())


@exports("Gather")
def _gather(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    writer.node("Gather", inputs[:2], outputs, name=op.name, axis=int(op.attributes.get("axis", 0)))


@exports("Expand", "Tile")
def _expand(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    key = "shape" if op.type == "Expand" else "repeats"
    writer.node(op.type, [inputs[0], writer.constant(f"{op.name}_{key}", [int(part) for part in op.attributes[key]])], outputs, name=op.name)


@exports("TopK")
def _top_k(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    count = writer.constant(f"{op.name}_k", [int(op.attributes["k"])])
    made = [*outputs, *([] if len(outputs) > 1 else [writer.fresh(f"{op.name}.index")])]
    writer.node("TopK", [inputs[0], count], made, name=op.name, axis=int(op.attributes.get("axis", -1)))


@exports("Resize")
def _resize(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """To the extents that the graph states; the way coordinates are mapped is the file's, else ONNX's default."""
    mode = str(op.attributes.get("mode", "nearest")).lower()
    sizes = writer.constant(f"{op.name}_sizes", writer.graph.tensors[op.outputs[0]].shape)
    given: dict[str, Any] = {
        key: op.attributes.get(key) for key in ("coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value")
    }
    writer.node("Resize", [inputs[0], "", "", sizes], outputs, name=op.name, mode={"bilinear": "linear"}.get(mode, mode), **given)


@exports("DepthToSpace", "SpaceToDepth")
def _blocks(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    given = {"mode": str(op.attributes.get("mode", "DCR"))} if op.type == "DepthToSpace" else {}
    last = op.attributes.get("layout", "NCHW") == "NHWC"
    x = writer.node("Transpose", inputs[:1], f"{op.name}.first", perm=[0, 3, 1, 2]) if last else inputs[0]
    made = writer.node(op.type, [x], f"{op.name}.moved" if last else outputs, name=op.name, blocksize=int(op.attributes["block"]), **given)
    if last:
        writer.node("Transpose", [made], outputs, perm=[0, 2, 3, 1])


@exports("ChannelShuffle")
def _shuffle(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """Channels as a matrix of groups, transposed."""
    shape, group = writer.graph.tensors[op.inputs[0]].shape, int(op.attributes.get("group", 1))
    axis = len(shape) - 1 if op.attributes.get("layout") == "NHWC" else 1
    split = (*shape[:axis], group, shape[axis] // group, *shape[axis + 1 :])
    perm = [*range(axis), axis + 1, axis, *range(axis + 2, len(split))]
    apart = writer.node("Reshape", [inputs[0], writer.constant(f"{op.name}_split", split)], f"{op.name}.apart")
    turned = writer.node("Transpose", [apart], f"{op.name}.turned", perm=perm)
    writer.node("Reshape", [turned, writer.constant(f"{op.name}_shape", shape)], outputs, name=op.name)


@exports("Reverse")
def _reverse(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    axes = [int(axis) for axis in op.attributes.get("axes", ())]
    if not axes:
        raise ModelError(f"{op.name}: the axes that are reversed are not known")
    parts = {"starts": [-1] * len(axes), "ends": [-(2**62)] * len(axes), "axes": axes, "steps": [-1] * len(axes)}
    writer.node("Slice", [inputs[0], *(writer.constant(f"{op.name}_{key}", value) for key, value in parts.items())], outputs, name=op.name)


@exports(*_AS_STATED)
def _as_stated(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    original = str(op.attributes.get("original", op.type))
    if original != op.type:
        raise ModelError(f"{op.name}: {original} was read as {op.type} for its cost alone and cannot be written")
    given = {key: str(op.attributes[key]) for key in _TEXT if key in op.attributes} | {key: op.attributes[key] for key in _NUMBERS if key in op.attributes}
    writer.node(op.type, inputs, outputs, name=op.name, **given)


@exports("Range")
def _range(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    if len(inputs) != 3:
        raise ModelError(f"{op.name}: {op.attributes.get('original', 'a window')} has no ONNX form here")
    writer.node("Range", inputs, outputs, name=op.name)


@exports("RotaryEmbedding")
def _rotary(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    """x [B, heads, T, D] with tables of cosines and sines ``[T, D / 2]``: the halves of D are rotated against each other."""
    shape = writer.graph.tensors[op.inputs[0]].shape
    tables = [writer.graph.tensors[name].shape for name in op.inputs[1:3]]
    if len(shape) != 4 or any(len(table) != 2 or table[1] != shape[3] // 2 or table[0] < shape[2] for table in tables):
        raise ModelError(f"{op.name}: rotary tables of shapes {[list(table) for table in tables]} for {list(shape)} have no ONNX form here")
    steps, half = shape[2], shape[3] // 2
    cos, sin = (_rows(writer, op, name, steps) for name in inputs[1:3])
    sizes = writer.constant(f"{op.name}_halves", [half, half])
    low, high = writer.fresh(f"{op.name}.low"), writer.fresh(f"{op.name}.high")
    writer.node("Split", [inputs[0], sizes], [low, high], axis=3)
    products = {f"{a}{b}": writer.node("Mul", [x, t], f"{op.name}.{a}{b}") for a, x in (("l", low), ("h", high)) for b, t in (("c", cos), ("s", sin))}
    turned = [
        writer.node("Sub", [products["lc"], products["hs"]], f"{op.name}.first"),
        writer.node("Add", [products["hc"], products["ls"]], f"{op.name}.second"),
    ]
    writer.node("Concat", turned, outputs, name=op.name, axis=3)


def _rows(writer: Writer, op: Op, table: str, steps: int) -> str:
    bounds = [writer.constant(f"{op.name}_bound", [bound]) for bound in (0, steps, 0)]
    return writer.node("Slice", [table, *bounds], f"{op.name}.rows")


@exports("Stack")
def _stack(writer: Writer, op: Op, inputs: list[str], outputs: list[str]) -> None:
    axis = int(op.attributes.get("axis", 0))
    wide = writer.constant(f"{op.name}_axis", np.array([axis]))
    parts = [writer.node("Unsqueeze", [name, wide], f"{op.name}.part") for name in inputs]
    writer.node("Concat", parts, outputs, name=op.name, axis=axis)
