"""Operators that move or rename elements, look-ups, caches, detection heads, and the generic data mover."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod
from typing import Any

from device_models.work import INTEGERS, DType, Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.definition import TensorType, as_tuple, axis_of, define, need, refuse, same_as_first
from sim.graph.ops.spatial import join_layout, split_layout


def _infer_reshape(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Attribute ``shape``; one -1 is inferred, 0 keeps the input's extent unless ``allowzero``."""
    x = need(op, inputs, 0)
    shape = [int(extent) for extent in op.attributes["shape"]]
    if not op.attributes.get("allowzero"):
        if any(extent == 0 and i >= len(x.shape) for i, extent in enumerate(shape)):
            raise refuse(op, f"copies a dimension that the input {list(x.shape)} does not have")
        shape = [x.shape[i] if extent == 0 else extent for i, extent in enumerate(shape)]
    known = prod(extent for extent in shape if extent != -1)
    if shape.count(-1) == 1 and known and x.elements % known == 0:
        shape[shape.index(-1)] = x.elements // known
    if min(shape, default=0) < 0 or prod(shape) != x.elements:
        raise refuse(op, f"cannot view {list(x.shape)} as {list(op.attributes['shape'])}")
    return [(tuple(shape), x.dtype)]


def _infer_flatten(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    axis = int(op.attributes.get("axis", 1))
    axis = axis + len(x.shape) if axis < 0 else axis
    if not 0 <= axis <= len(x.shape):
        raise refuse(op, f"has axis {op.attributes.get('axis', 1)} for a tensor of {len(x.shape)} dimensions")
    return [((prod(x.shape[:axis]), prod(x.shape[axis:])), x.dtype)]


def _infer_squeeze(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    axes = op.attributes.get("axes")
    drop = {int(axis) % max(len(x.shape), 1) for axis in axes} if axes is not None else {i for i, extent in enumerate(x.shape) if extent == 1}
    if any(x.shape[i] != 1 for i in drop):
        raise refuse(op, f"cannot drop dimensions {sorted(drop)} of {list(x.shape)}")
    return [(tuple(extent for i, extent in enumerate(x.shape) if i not in drop), x.dtype)]


def _infer_unsqueeze(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    rank = len(x.shape) + len(op.attributes["axes"])
    axes = {int(axis) % rank for axis in op.attributes["axes"] if -rank <= int(axis) < rank}
    if len(axes) < len(op.attributes["axes"]):
        raise refuse(op, f"has axes {list(op.attributes['axes'])} for a tensor of {len(x.shape)} dimensions")
    rest = iter(x.shape)
    return [(tuple(1 if i in axes else next(rest) for i in range(rank)), x.dtype)]


def _infer_transpose(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    perm = [int(axis) for axis in op.attributes.get("perm") or reversed(range(len(x.shape)))]
    if sorted(perm) != list(range(len(x.shape))):
        raise refuse(op, f"has permutation {perm} for {len(x.shape)} dimensions")
    return [(tuple(x.shape[axis] for axis in perm), x.dtype)]


def _infer_concat(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    present = [tensor for tensor in inputs if tensor is not None]
    first = need(op, inputs, 0)
    axis = axis_of(op, len(first.shape), 0)
    for other in present:
        if len(other.shape) != len(first.shape) or any(a != b for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)) if i != axis):
            raise refuse(op, f"cannot join {list(first.shape)} and {list(other.shape)} along axis {axis}")
    shape = (*first.shape[:axis], sum(tensor.shape[axis] for tensor in present), *first.shape[axis + 1 :])
    return [(shape, first.dtype)]


def _infer_split(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Attributes ``axis`` and ``sizes`` (equal parts if absent)."""
    x = need(op, inputs, 0)
    axis, parts = axis_of(op, len(x.shape), 0), len(op.outputs)
    step = ceil(x.shape[axis] / parts)
    sizes = op.attributes.get("sizes") or [max(min(step, x.shape[axis] - i * step), 0) for i in range(parts)]
    if len(sizes) != parts or sum(sizes) != x.shape[axis]:
        raise refuse(op, f"sizes {list(sizes)} do not divide an extent of {x.shape[axis]} among {parts} outputs")
    return [((*x.shape[:axis], int(size), *x.shape[axis + 1 :]), x.dtype) for size in sizes]


def _infer_slice(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Attributes ``starts``, ``ends``, ``axes``, ``steps``, with Python's meaning."""
    x = need(op, inputs, 0)
    shape = list(x.shape)
    starts, ends = op.attributes["starts"], op.attributes["ends"]
    axes = op.attributes.get("axes") or range(len(starts))
    steps = op.attributes.get("steps") or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not -len(shape) <= axis < len(shape) or step == 0:
            raise refuse(op, f"slices axis {axis} by {step} of a tensor of shape {list(x.shape)}")
        extent = x.shape[axis]
        lowest = -extent - 1 if step < 0 else None
        shape[axis] = len(range(*slice(int(start), lowest if int(end) <= -(2**31) + 1 else int(end), int(step)).indices(extent)))
    return [(tuple(shape), x.dtype)]


def _infer_pad(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Attribute ``pads``: all begins, then all ends."""
    x = need(op, inputs, 0)
    pads = as_tuple(op.attributes["pads"], 2 * len(x.shape))
    if len(pads) != 2 * len(x.shape):
        raise refuse(op, f"has {len(pads)} pads for {len(x.shape)} dimensions")
    shape = tuple(extent + pads[i] + pads[i + len(x.shape)] for i, extent in enumerate(x.shape))
    if min(shape, default=0) < 0:
        raise refuse(op, f"crops {list(x.shape)} to less than nothing")
    return [(shape, x.dtype)]


def _infer_gather(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, index = need(op, inputs, 0), need(op, inputs, 1)
    axis = axis_of(op, len(x.shape), 0)
    return [((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]), op.attributes.get("out_dtype", x.dtype))]


def _work_gather(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    x = need(op, inputs, 0)
    if not x.is_stored:
        return {"kind": Kind.PERMUTE, "in_elements": outputs[0].elements, "in_bytes": outputs[0].bytes}
    rows = outputs[0].elements * (x.bytes / max(x.elements, 1))  # only the rows looked up are read
    return {"kind": Kind.EMBED, "weight_elements": outputs[0].elements, "weight_bytes": rows, "c_out": x.shape[-1] if x.shape else 1}


def _infer_resize(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Attribute ``sizes`` (spatial extents) or ``scales`` (spatial factors)."""
    x = need(op, inputs, 0)
    batch, channels, spatial = split_layout(op, x.shape)
    if "sizes" in op.attributes:
        out = as_tuple(op.attributes["sizes"], len(spatial))
    else:
        scales = op.attributes["scales"]
        out = tuple(int(extent * (scales if isinstance(scales, int | float) else scales[i])) for i, extent in enumerate(spatial))
    return [(join_layout(op, batch, channels, out), x.dtype)]


def _infer_depth_to_space(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, block = need(op, inputs, 0), int(op.attributes["block"])
    batch, channels, spatial = split_layout(op, x.shape)
    if channels % block**2:
        raise refuse(op, f"cannot spread {channels} channels over blocks of {block} x {block}")
    return [(join_layout(op, batch, channels // block**2, tuple(extent * block for extent in spatial)), x.dtype)]


def _infer_space_to_depth(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x, block = need(op, inputs, 0), int(op.attributes["block"])
    batch, channels, spatial = split_layout(op, x.shape)
    if any(extent % block for extent in spatial):
        raise refuse(op, f"cannot cut {list(spatial)} into blocks of {block}")
    return [(join_layout(op, batch, channels * block**2, tuple(extent // block for extent in spatial)), x.dtype)]


def _infer_space_to_batch(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """``[N, *spatial, ...]``; attributes ``block`` (one per spatial dimension) and ``pads`` (begin and end of each in turn)."""
    x, block, pads = need(op, inputs, 0), [int(size) for size in op.attributes["block"]], [int(size) for size in op.attributes["pads"]]
    if len(x.shape) <= len(block) or len(pads) != 2 * len(block) or min(block, default=0) < 1:
        raise refuse(op, f"has blocks {block} and pads {pads} for an input of shape {list(x.shape)}")
    padded = [x.shape[1 + i] + pads[2 * i] + pads[2 * i + 1] for i in range(len(block))]
    if any(extent < 0 or extent % size for extent, size in zip(padded, block, strict=True)):
        raise refuse(op, f"cannot cut {padded} into blocks {block}")
    spatial = (extent // size for extent, size in zip(padded, block, strict=True))
    return [((x.shape[0] * prod(block), *spatial, *x.shape[1 + len(block) :]), x.dtype)]


def _infer_batch_to_space(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """The inverse of ``SpaceToBatch``; attributes ``block`` and ``crops``."""
    x, block, crops = need(op, inputs, 0), [int(size) for size in op.attributes["block"]], [int(size) for size in op.attributes["crops"]]
    if len(x.shape) <= len(block) or len(crops) != 2 * len(block) or min(block, default=0) < 1 or x.shape[0] % prod(block):
        raise refuse(op, f"has blocks {block} and crops {crops} for an input of shape {list(x.shape)}")
    spatial = tuple(x.shape[1 + i] * block[i] - crops[2 * i] - crops[2 * i + 1] for i in range(len(block)))
    if min(spatial) < 0:
        raise refuse(op, f"crops {list(x.shape)} to less than nothing")
    return [((x.shape[0] // prod(block), *spatial, *x.shape[1 + len(block) :]), x.dtype)]


def _infer_expand(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    return [(tuple(int(extent) for extent in op.attributes["shape"]), x.dtype)]


def _infer_tile(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    repeats = as_tuple(op.attributes["repeats"], len(x.shape))
    return [(tuple(extent * times for extent, times in zip(x.shape, repeats, strict=True)), x.dtype)]


def _infer_top_k(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    x = need(op, inputs, 0)
    axis, k = axis_of(op, len(x.shape), -1), int(op.attributes["k"])
    if not x.shape or not 0 <= k <= x.shape[axis]:
        raise refuse(op, f"cannot take the {k} largest of a tensor of shape {list(x.shape)} along axis {axis}")
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    outputs: list[TensorType] = [(shape, x.dtype), (shape, DType.I64)]
    return outputs[: len(op.outputs)]


def _infer_cache(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """``CacheAppend``: cache ``[B, heads, capacity, D]`` (state), new ``[B, heads, T, D]`` -> the cache's first ``length`` positions, in its format."""
    cache, new = need(op, inputs, 0), need(op, inputs, 1)
    length = int(op.attributes["length"])
    if len(cache.shape) != 4 or len(new.shape) != 4 or not new.shape[2] <= length <= cache.shape[2]:
        raise refuse(op, f"cannot hold {length} positions in a cache of shape {list(cache.shape)}")
    return [((*cache.shape[:2], length, cache.shape[3]), cache.dtype)]


def _work_cache(op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    new = need(op, inputs, 1)  # only the new positions are written; the reader of the cache pays for the rest
    size = new.elements * (outputs[0].bytes / max(outputs[0].elements, 1))
    kind = Kind.QUANT if outputs[0].dtype in INTEGERS and new.dtype not in INTEGERS else Kind.PERMUTE  # numbers become those of the cache
    return {"kind": kind, "in_elements": new.elements, "out_elements": new.elements, "in_bytes": new.bytes, "out_bytes": size}


for _name, _infer in (("Reshape", _infer_reshape), ("Flatten", _infer_flatten), ("Squeeze", _infer_squeeze), ("Unsqueeze", _infer_unsqueeze)):
    define(_name, _infer, Kind.PERMUTE, view=True)
define("Transpose", _infer_transpose, Kind.PERMUTE)
define("Relayout", _infer_transpose, Kind.PERMUTE, view=True)  # a Transpose that only says how a runtime stores an image
define("Concat", _infer_concat, Kind.CONCAT)
define("Split", _infer_split, Kind.CONCAT)
define("Slice", _infer_slice, Kind.CONCAT)
define("Pad", _infer_pad, Kind.CONCAT)
define("Gather", _infer_gather, _work_gather)
define("Resize", _infer_resize, Kind.PERMUTE)
define("DepthToSpace", _infer_depth_to_space, Kind.PERMUTE)
define("SpaceToDepth", _infer_space_to_depth, Kind.PERMUTE)
define("SpaceToBatch", _infer_space_to_batch, Kind.PERMUTE)
define("BatchToSpace", _infer_batch_to_space, Kind.PERMUTE)
define("Reverse", same_as_first, Kind.PERMUTE)
define("ChannelShuffle", same_as_first, Kind.PERMUTE)  # attribute group
define("Expand", _infer_expand, Kind.PERMUTE)
define("Tile", _infer_tile, Kind.PERMUTE)
define("RotaryEmbedding", same_as_first, Kind.EXP, elementwise=False)  # x [B, heads, T, D]; cos and sin tables are constants
define("CacheAppend", _infer_cache, _work_cache, overwrites=1)
define("TopK", _infer_top_k, Kind.EXP, elementwise=False)  # one pass, a partial sort of its own per element (estimated as dear as a transcendental)
define("NonMaxSuppression", None, Kind.DETECT)
define("DetectionOutput", None, Kind.DETECT)
for _name in ("GatherElements", "GatherND", "ScatterND", "ScatterElements", "GridSample", "RoiAlign", "Range", "NonZero", "OneHot", "Stack"):
    define(_name, None, Kind.PERMUTE)
for _name in ("MaxUnpool", "Col2Im", "CenterCropPad", "ReverseSequence", "AffineGrid", "TensorScatter"):
    define(_name, None, Kind.PERMUTE)
define("Select", None, Kind.PERMUTE)  # picks by value (Compress, Unique): as many elements as there may be
define("Random", None, Kind.ELEMENTWISE)
define("Generic", None, Kind.DATA)  # an operator nobody knows; attribute original
