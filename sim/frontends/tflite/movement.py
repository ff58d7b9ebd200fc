"""Operators that move, rename or select elements."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.elementwise import axes_in
from sim.frontends.tflite.reader import OperatorRecord


def reshape(ctx: Context, op: OperatorRecord) -> None:
    """The new shape is the second input, else an option, else what the file states for the output."""
    known = ctx.constant(op, 1)
    target = None if known is None else [int(extent) for extent in np.asarray(known).reshape(-1)]
    if target is None:
        listed = op.option_list("ReshapeOptions", 0)
        target = list(listed) if listed is not None and not ctx.has(op, 1) else list(ctx.output(op).shape)
    if target == [0] and prod(ctx.shape(ctx.x(op, 0))) == 1:  # an old way to write a scalar
        target = []
    ctx.emit(op, "Reshape", [ctx.x(op, 0)], {"shape": target, "allowzero": True})


def squeeze(ctx: Context, op: OperatorRecord) -> None:
    axes = op.option_list("SqueezeOptions", 0)
    x = ctx.x(op, 0)
    ctx.emit(op, "Squeeze", [x], {"axes": axes_in(op, list(axes), len(ctx.shape(x)))} if axes else {})


def expand_dims(ctx: Context, op: OperatorRecord) -> None:
    x = ctx.x(op, 0)
    axes = axes_in(op, ctx.ints(op, 1, "axis"), len(ctx.shape(x)) + 1)
    ctx.emit(op, "Unsqueeze", [x], {"axes": axes})


def transpose(ctx: Context, op: OperatorRecord) -> None:
    perm = ctx.ints(op, 1, "permutation") if ctx.has(op, 1) else []
    ctx.emit(op, "Transpose", [ctx.x(op, 0)], {"perm": perm})


def concatenation(ctx: Context, op: OperatorRecord) -> None:
    options = op.options("ConcatenationOptions")
    inputs = ctx.all_inputs(op)
    axis = axes_in(op, [options.Axis()], len(ctx.shape(inputs[0])) if inputs else 0)[0]
    ctx.emit(op, "Concat", inputs, {"axis": axis}, activation=options.FusedActivationFunction())


def pack(ctx: Context, op: OperatorRecord) -> None:
    inputs = ctx.all_inputs(op)
    shape = ctx.shape(inputs[0]) if inputs else ()
    axis = axes_in(op, [op.options("PackOptions").Axis()], len(shape) + 1)[0]
    ctx.emit(op, "Stack", inputs, {"axis": axis}, shapes=[(*shape[:axis], len(inputs), *shape[axis:])])


def unpack(ctx: Context, op: OperatorRecord) -> None:
    x = ctx.x(op, 0)
    shape = ctx.shape(x)
    axis = axes_in(op, [op.options("UnpackOptions").Axis()], len(shape))[0]
    if shape[axis] != len(op.outputs):
        raise ModelError(f"{op.label}: unpacks axis {axis} of {list(shape)} into {len(op.outputs)} outputs")
    parts = ctx.builder.add_many("Split", [x], {"axis": axis}, name=f"{x}/unpack", outputs=len(op.outputs))
    for part, index in zip(parts, op.outputs, strict=True):
        record = ctx.file.tensors[index]
        name = ctx.builder.add("Squeeze", [part], {"axes": [axis]}, name=f"{part}/item")
        for made in (part, name):
            ctx.finish(made, record)
        ctx.bind(record, name)


def split(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: axis, x."""
    x = ctx.x(op, 1)
    axis = axes_in(op, ctx.ints(op, 0, "axis"), len(ctx.shape(x)))[0]
    ctx.emit(op, "Split", [x], {"axis": axis})


def split_v(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x, sizes (one may be -1), axis."""
    x = ctx.x(op, 0)
    axis = axes_in(op, ctx.ints(op, 2, "axis"), len(ctx.shape(x)))[0]
    sizes = ctx.ints(op, 1, "list of sizes")
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = ctx.shape(x)[axis] - sum(sizes) - 1
    if min(sizes, default=0) < 0:
        raise ModelError(f"{op.label}: splits an extent of {ctx.shape(x)[axis]} into {sizes}")
    ctx.emit(op, "Split", [x], {"axis": axis, "sizes": sizes})


def slice_(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x, begins, sizes (-1: to the end). Begins computed at run time: only the sizes matter here."""
    x = ctx.x(op, 0)
    shape = ctx.shape(x)
    known = ctx.constant(op, 1)
    begins = [0] * len(shape) if known is None else [int(value) for value in known.reshape(-1)]
    counts = ctx.constant(op, 2)
    sizes = list(ctx.output(op).shape) if counts is None else [int(value) for value in counts.reshape(-1)]
    if len(begins) != len(shape) or len(sizes) != len(shape):
        raise ModelError(f"{op.label}: begins {begins} and sizes {sizes} for an input of shape {list(shape)}")
    ends = [extent if size < 0 else begin + size for begin, size, extent in zip(begins, sizes, shape, strict=True)]
    ctx.emit(op, "Slice", [x], {"starts": begins, "ends": ends, "axes": list(range(len(shape)))})


def strided_slice(ctx: Context, op: OperatorRecord) -> None:
    """A slice in NumPy's notation: bit i of a mask is about entry i of begins, ends and strides."""
    x = ctx.x(op, 0)
    given = [ctx.constant(op, i) for i in (1, 2, 3)]
    if any(values is None for values in given):
        _stated_slice(ctx, op, x)
        return
    index = numpy_index(op, [[int(value) for value in values.reshape(-1)] for values in given if values is not None])
    rank = len(ctx.shape(x))
    shape, starts, ends, steps = _resolve(op, index, ctx.shape(x))
    sliced = ctx.step(op, "Slice", [x], {"starts": starts, "ends": ends, "axes": list(range(rank)), "steps": steps}, "slice")
    ctx.finish(sliced, ctx.output(op))
    ctx.emit(op, "Reshape", [sliced], {"shape": shape, "allowzero": True})


def numpy_index(op: OperatorRecord, bounds: list[list[int]]) -> list[Any]:
    """The index that a strided slice with these begins, ends and strides stands for."""
    options = op.options("StridedSliceOptions")
    begins, ends, strides = bounds
    if not len(begins) == len(ends) == len(strides) or 0 in strides:
        raise ModelError(f"{op.label}: begins {begins}, ends {ends}, strides {strides}")
    index: list[Any] = []
    for i, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True)):
        bit = 1 << i
        if options.EllipsisMask() & bit:
            index.append(Ellipsis)
        elif options.NewAxisMask() & bit:
            index.append(None)
        elif options.ShrinkAxisMask() & bit:
            index.append(begin)
        else:
            stop = begin + end if options.Offset() else end
            index.append(slice(None if options.BeginMask() & bit else begin, None if options.EndMask() & bit else stop, stride))
    return index


def _resolve(op: OperatorRecord, index: list[Any], shape: tuple[int, ...]) -> tuple[list[int], list[int], list[int], list[int]]:
    """(shape of the result, starts, ends, steps of every input axis)."""
    used = sum(part is not None and part is not Ellipsis for part in index)
    if used > len(shape) or sum(part is Ellipsis for part in index) > 1:
        raise ModelError(f"{op.label}: indexes more than the {len(shape)} dimensions of its input")
    rest = [slice(None)] * (len(shape) - used)
    at = next((i for i, part in enumerate(index) if part is Ellipsis), len(index))
    full = [*index[:at], *rest, *index[at + 1 :]]
    result: list[int] = []
    starts, ends, steps = [], [], []
    extents = iter(shape)
    for part in full:
        if part is None:
            result.append(1)
            continue
        extent = next(extents)
        if isinstance(part, slice):
            start, stop, step = part.indices(extent)
            result.append(len(range(start, stop, step)))
        else:
            if not -extent <= part < extent:
                raise ModelError(f"{op.label}: takes element {part} of an extent of {extent}")
            start, step = part % extent, 1
            stop = start + 1
        starts.append(start)
        steps.append(step)
        ends.append(-(2**31) if stop < 0 else stop)
    return result, starts, ends, steps


def _stated_slice(ctx: Context, op: OperatorRecord, x: str) -> None:
    """Bounds computed at run time: a slice of the size that the file states."""
    target = check_shape(op.label, ctx.output(op).shape)
    ctx.emit(op, "GatherND", [x], {"original": op.code}, shapes=[target])


def pad(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x, pads ``[rank, 2]``."""
    pairs = ctx.ints(op, 1, "padding")
    mode = {}
    if op.code == "MIRROR_PAD":
        mode = {"mode": "symmetric" if op.options("MirrorPadOptions").Mode() else "reflect"}
    ctx.emit(op, "Pad", [ctx.x(op, 0)], {"pads": pairs[::2] + pairs[1::2], **mode})


def gather(ctx: Context, op: OperatorRecord) -> None:
    options = op.options("GatherOptions")
    table, index = ctx.x(op, 0), ctx.x(op, 1)
    rank = len(ctx.shape(table))
    axis = axes_in(op, [options.Axis()], rank)[0]
    batch = options.BatchDims()
    if not batch:
        ctx.emit(op, "Gather", [table, index], {"axis": axis})
        return
    if not 0 < batch <= min(axis, len(ctx.shape(index))):
        raise ModelError(f"{op.label}: {batch} batch dimensions")
    shape = (*ctx.shape(table)[:axis], *ctx.shape(index)[batch:], *ctx.shape(table)[axis + 1 :])
    ctx.emit(op, "GatherElements", [table, index], {"axis": axis}, shapes=[shape])


def gather_nd(ctx: Context, op: OperatorRecord) -> None:
    table, index = ctx.x(op, 0), ctx.x(op, 1)
    depth = ctx.shape(index)[-1] if ctx.shape(index) else 0
    if not 0 < depth <= len(ctx.shape(table)):
        raise ModelError(f"{op.label}: indices of shape {list(ctx.shape(index))} into {list(ctx.shape(table))}")
    ctx.emit(op, "GatherND", [table, index], shapes=[(*ctx.shape(index)[:-1], *ctx.shape(table)[depth:])])


def resize(mode: str) -> Any:
    def handle(ctx: Context, op: OperatorRecord) -> None:
        ctx.emit(op, "Resize", [ctx.x(op, 0)], {"layout": "NHWC", "mode": mode, "sizes": ctx.ints(op, 1, "size")})

    return handle


def blocks(type: str, options: str) -> Any:
    def handle(ctx: Context, op: OperatorRecord) -> None:
        size = op.options(options).BlockSize()
        if size < 1:
            raise ModelError(f"{op.label}: blocks of {size}")
        ctx.emit(op, type, [ctx.x(op, 0)], {"layout": "NHWC", "block": size})

    return handle


def space_to_batch(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x, block ``[spatial]``, pads ``[spatial, 2]``."""
    x = ctx.x(op, 0)
    ctx.emit(op, "SpaceToBatch", [x], {"block": ctx.ints(op, 1, "block"), "pads": ctx.ints(op, 2, "padding")})


def batch_to_space(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: x, block ``[spatial]``, crops ``[spatial, 2]``."""
    x = ctx.x(op, 0)
    ctx.emit(op, "BatchToSpace", [x], {"block": ctx.ints(op, 1, "block"), "crops": ctx.ints(op, 2, "cropping")})


def tile(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "Tile", [ctx.x(op, 0)], {"repeats": ctx.ints(op, 1, "list of repeats")})


def broadcast_to(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "Expand", [ctx.x(op, 0)], {"shape": ctx.ints(op, 1, "shape")})


def fill(ctx: Context, op: OperatorRecord) -> None:
    """Inputs: shape, value."""
    ctx.emit(op, "Expand", [ctx.x(op, 1)], {"shape": ctx.ints(op, 0, "shape")})


def zeros_like(ctx: Context, op: OperatorRecord) -> None:
    record = ctx.output(op)
    zero = ctx.step(op, "Slice", [ctx.x(op, 0)], {"starts": [0] * len(record.shape), "ends": [1] * len(record.shape)}, "zero")
    ctx.emit(op, "Expand", [zero], {"shape": list(ctx.shape(ctx.x(op, 0)))})


def reverse(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "Reverse", [ctx.x(op, 0)])


def top_k(ctx: Context, op: OperatorRecord) -> None:
    ctx.emit(op, "TopK", [ctx.x(op, 0)], {"axis": -1, "k": ctx.ints(op, 1, "k")[0]})


def stated(type: str, **attributes: Any) -> Any:
    """Operators whose outputs have the shapes that the file states."""
    return lambda ctx, op: ctx.emit(op, type, ctx.all_inputs(op), {**attributes, "original": op.code}, stated=True)


HANDLERS: dict[str, Any] = {
    "RESHAPE": reshape,
    "SQUEEZE": squeeze,
    "EXPAND_DIMS": expand_dims,
    "TRANSPOSE": transpose,
    "CONCATENATION": concatenation,
    "PACK": pack,
    "UNPACK": unpack,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "PAD": pad,
    "PADV2": pad,
    "MIRROR_PAD": pad,
    "GATHER": gather,
    "GATHER_ND": gather_nd,
    "RESIZE_BILINEAR": resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": resize("nearest"),
    "SPACE_TO_DEPTH": blocks("SpaceToDepth", "SpaceToDepthOptions"),
    "DEPTH_TO_SPACE": blocks("DepthToSpace", "DepthToSpaceOptions"),
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "TILE": tile,
    "BROADCAST_TO": broadcast_to,
    "FILL": fill,
    "ZEROS_LIKE": zeros_like,
    "REVERSE_V2": reverse,
    "REVERSE_SEQUENCE": reverse,
    "TOPK_V2": top_k,
    "ONE_HOT": stated("OneHot"),
    "WHERE": stated("NonZero"),
    "RANGE": stated("Range"),
    "SCATTER_ND": stated("ScatterND"),
    "SPARSE_TO_DENSE": stated("ScatterND"),
    "DYNAMIC_UPDATE_SLICE": stated("ScatterND"),
    "SEGMENT_SUM": stated("ScatterND"),
    "UNSORTED_SEGMENT_SUM": stated("ScatterND"),
    "UNSORTED_SEGMENT_PROD": stated("ScatterND"),
    "UNSORTED_SEGMENT_MAX": stated("ScatterND"),
    "UNSORTED_SEGMENT_MIN": stated("ScatterND"),
    "MATRIX_DIAG": stated("ScatterND"),
    "MATRIX_SET_DIAG": stated("ScatterND"),
}
