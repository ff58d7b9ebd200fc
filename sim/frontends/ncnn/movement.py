"""Layers that move, rename or select elements; detection heads."""

from __future__ import annotations

from math import prod
from typing import Any

from device_models.work import DType
from sim.frontends.ncnn.context import EXTENTS, KEYS, Context
from sim.frontends.ncnn.param import Layer

WHOLE = -233
# Permute's orders of 3-D blobs, innermost first as ncnn writes them; 4-D blobs have 24 of them.
_ORDERS: dict[int, tuple[str, ...]] = {
    1: ("W",),
    2: ("WH", "HW"),
    3: ("WHC", "HWC", "WCH", "CWH", "HCW", "CHW"),
    4: (
        "WHDC", "HWDC", "WDHC", "DWHC", "HDWC", "DHWC", "WHCD", "HWCD", "WCHD", "CWHD", "HCWD", "CHWD",
        "WDCH", "DWCH", "WCDH", "CWDH", "DCWH", "CDWH", "HDCW", "DHCW", "HCDW", "CHDW", "DCHW", "CDHW",
    ),
}  # fmt: skip


def fan_out(ctx: Context, layer: Layer) -> None:
    """Split: the same blob under several names."""
    blob = layer.inputs[0] if layer.inputs else ""
    if blob in ctx.caches:
        ctx.caches.update(layer.outputs)
        return
    ctx.bind(layer, *[ctx.x(layer)] * len(layer.outputs))


def same(ctx: Context, layer: Layer) -> None:
    """Noop and Packing: nothing runs. A Noop over several blobs marks them as outputs."""
    for blob, source in zip(layer.outputs, layer.inputs, strict=False):
        ctx.blobs[blob] = ctx.blobs[source]


def memory_data(ctx: Context, layer: Layer) -> None:
    names = [name for name in ("w", "h", "d", "c") if layer.whole(KEYS[name])]
    shape = [layer.count(KEYS[name]) for name in EXTENTS.get(len(names), ()) if name in names]
    if not shape:
        raise layer.problem("has no size")
    ctx.bind(layer, ctx.weight(layer, "data", (1, *shape)))


def reshape(ctx: Context, layer: Layer) -> None:
    """0 keeps an extent, one -1 takes what is left, a missing one drops the dimension."""
    x = ctx.x(layer)
    if isinstance(layer.parameters.get(6), str):
        raise layer.problem("a shape computed from other blobs (parameter 6) is not supported")
    names = [name for name in ("w", "h", "d", "c") if layer.whole(KEYS[name], WHOLE) != WHOLE]
    dims = len(names)
    if tuple(sorted(names)) != tuple(sorted(EXTENTS.get(dims, ()))):
        raise layer.problem(f"gives {', '.join(names) or 'no extent'}; a blob has w, then h, then c, then d")
    shape = ctx.shape(x)
    have = dict(zip(EXTENTS.get(len(shape), ()), shape, strict=False))
    target = [layer.whole(KEYS[name]) or have.get(name, 1) for name in EXTENTS[dims]]
    if layer.whole(3) and len(shape) == 3:  # elements are taken in the order h, w, c
        x = ctx.one(layer, "Transpose", [x], {"perm": [0, 2, 3, 1]}, suffix="hwc")
    if target.count(-1) == 1:
        known = -prod(target)
        target[target.index(-1)] = prod(shape) // known if known > 0 else 0
    ctx.bind(layer, ctx.view(layer, x, target, ""))


def permute(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    dims = len(ctx.shape(x))
    orders = _ORDERS[dims]
    number = layer.whole(0)
    if not 0 <= number < len(orders):
        raise layer.problem(f"order {number} of a blob of {dims} dimensions")
    before, after = orders[0][::-1], orders[number][::-1]
    perm = [0, *(1 + before.index(name) for name in after)]
    ctx.bind(layer, x if number == 0 else ctx.one(layer, "Transpose", [x], {"perm": perm}))


def flatten(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    ctx.bind(layer, ctx.view(layer, x, (prod(ctx.shape(x)),), ""))


def _named_axes(layer: Layer, dims: int) -> list[int]:
    """Axes given by flags for w, h, d, c, or listed (parameter 3)."""
    flags = [axis for axis, name in enumerate(EXTENTS.get(dims, ())) if layer.whole(KEYS[name])]
    listed = [axis % dims for axis in layer.wholes(3) if -dims <= axis < dims]
    if len(listed) != len(layer.wholes(3)):
        raise layer.problem(f"axes {layer.wholes(3)} of a blob of {dims} dimensions")
    return listed or flags


def squeeze(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    shape = ctx.shape(x)
    drop = {axis for axis in _named_axes(layer, len(shape)) if shape[axis] == 1}
    ctx.bind(layer, ctx.view(layer, x, [extent for axis, extent in enumerate(shape) if axis not in drop] or [1], ""))


def expand_dims(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    shape = list(ctx.shape(x))
    count = len(layer.wholes(3)) or sum(bool(layer.whole(key)) for key in KEYS.values())
    for axis in sorted(_named_axes(layer, len(shape) + count)):
        shape.insert(axis, 1)
    ctx.bind(layer, ctx.view(layer, x, shape, ""))


def concat(ctx: Context, layer: Layer) -> None:
    inputs = [ctx.x(layer, i) for i in range(len(layer.inputs))]
    axis = ctx.axis(layer, layer.whole(0), len(ctx.shape(ctx.x(layer))))
    ctx.bind(layer, ctx.one(layer, "Concat", inputs, {"axis": axis}))


def slice_(ctx: Context, layer: Layer) -> None:
    """Sizes along an axis; -233 takes an equal part of what is left. Or (parameter 2) positions between the parts."""
    x = ctx.x(layer)
    axis = ctx.axis(layer, layer.whole(1), len(ctx.shape(x)))
    extent = ctx.shape(x)[axis - 1]
    sizes: list[int] = []
    if layer.has(2):
        cuts = [cut if cut >= 0 else cut + extent for cut in layer.wholes(2)]
        sizes = [end - begin for begin, end in zip([0, *cuts], [*cuts, extent], strict=True)]
    else:
        wanted = layer.wholes(0)
        for position, size in enumerate(wanted):
            sizes.append((extent - sum(sizes)) // (len(wanted) - position) if size == WHOLE else size)
    if len(sizes) != len(layer.outputs) or min(sizes, default=0) < 0:
        raise layer.problem(f"cuts an extent of {extent} into {sizes} for {len(layer.outputs)} outputs")
    ctx.bind(layer, *ctx.add(layer, "Split", [x], {"axis": axis, "sizes": sizes}, outputs=len(sizes)))


def crop(ctx: Context, layer: Layer) -> None:
    """Begins and ends like a slice of an array, or offsets and sizes, or the size of a second blob."""
    x = ctx.x(layer)
    shape = ctx.shape(x)
    bounds = [(0, extent) for extent in shape]
    if layer.has(9):
        begins, ends = layer.wholes(9), layer.wholes(10)
        axes = [ctx.axis(layer, axis, len(shape)) - 1 for axis in layer.wholes(11)] or list(range(len(begins)))
        for begin, end, axis in zip(begins, ends, axes, strict=True):
            extent = shape[axis]
            bounds[axis] = (0 if begin == WHOLE else begin + extent * (begin < 0), min(extent if end == WHOLE else end + extent * (end <= 0), extent))
    else:
        bounds = _offsets(ctx, layer, shape)
    if any(not 0 <= begin < end <= extent for (begin, end), extent in zip(bounds, shape, strict=True)):
        raise layer.problem(f"keeps {[list(pair) for pair in bounds]} of a blob of shape {list(shape)}")
    attributes = {"starts": [begin for begin, _ in bounds], "ends": [end for _, end in bounds], "axes": list(range(1, len(shape) + 1))}
    ctx.bind(layer, ctx.one(layer, "Slice", [x], attributes))


def _offsets(ctx: Context, layer: Layer, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Ids of (offset, size, offset from the end) of w, h, d, c."""
    keys = {"w": (0, 3, 6), "h": (1, 4, 7), "d": (13, 14, 15), "c": (2, 5, 8)}
    wanted = ctx.shape(ctx.x(layer, 1)) if len(layer.inputs) > 1 else None
    bounds = []
    for axis, name in enumerate(EXTENTS.get(len(shape), ())):
        offset, size, behind = keys[name]
        begin, end = layer.whole(offset), shape[axis] - layer.whole(behind)
        if wanted is not None and len(wanted) == len(shape):
            end = begin + wanted[axis]
        elif wanted is None and layer.whole(size, WHOLE) not in (WHOLE, 0):
            end = min(end, begin + layer.whole(size))
        bounds.append((begin, end))
    return bounds


def padding(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    keys = {"w": (2, 3), "h": (0, 1), "d": (7, 8), "c": (7, 8)}
    names = EXTENTS[len(ctx.shape(x))]
    if len(names) == 4:  # front and behind are of depth then
        keys["c"] = (-1, -1)
    pairs = [tuple(max(layer.whole(key), 0) if key >= 0 else 0 for key in keys[name]) for name in names]
    if not any(any(pair) for pair in pairs):  # no padding: the blob is passed on
        ctx.bind(layer, x)
        return
    inputs = [x, ctx.weight(layer, "values", (layer.count(6),), role="constant")] if layer.whole(6) else [x]
    ctx.bind(layer, ctx.one(layer, "Pad", inputs, {"pads": [0, *(begin for begin, _ in pairs), 0, *(end for _, end in pairs)]}))


def interp(ctx: Context, layer: Layer) -> None:
    """To a size, by factors, or (parameter 5) to the size of the second blob."""
    x = ctx.x(layer)
    if len(ctx.shape(x)) == 1:
        x = ctx.view(layer, x, (*ctx.shape(x), 1, 1), "image")
    height, width = ctx.shape(x)[-2:] if len(ctx.shape(x)) > 2 else (1, ctx.shape(x)[-1])
    if len(layer.inputs) > 1:
        sizes = list(ctx.shape(ctx.x(layer, 1))[-2:])
    else:
        sizes = [layer.whole(3) or int(height * layer.number(1, 1.0)), layer.whole(4) or int(width * layer.number(2, 1.0))]
    if len(ctx.shape(x)) == 2:
        sizes = sizes[1:]
    if min(sizes, default=0) < 1:
        raise layer.problem(f"resizes to {sizes}")
    mode = {1: "nearest", 2: "linear", 3: "cubic"}.get(layer.whole(0), "nearest")
    ctx.bind(layer, ctx.one(layer, "Resize", [x], {"mode": mode, "sizes": sizes}))


def pixel_shuffle(ctx: Context, layer: Layer) -> None:
    ctx.bind(layer, ctx.one(layer, "DepthToSpace", [ctx.x(layer)], {"block": layer.count(0, 1)}))


def reorg(ctx: Context, layer: Layer) -> None:
    ctx.bind(layer, ctx.one(layer, "SpaceToDepth", [ctx.x(layer)], {"block": layer.count(0, 1)}))


def shuffle_channel(ctx: Context, layer: Layer) -> None:
    x = ctx.x(layer)
    channels, group = ctx.shape(x)[0], layer.count(0, 1)
    if channels % group:
        raise layer.problem(f"{channels} channels in {group} groups")
    ctx.bind(layer, ctx.one(layer, "ChannelShuffle", [x], {"group": channels // group if layer.whole(1) else group}))


def tile(ctx: Context, layer: Layer) -> None:
    """``tiles`` times along an axis, or a list of repeats aligned with the innermost dimension."""
    x = ctx.x(layer)
    shape = ctx.shape(x)
    if layer.has(2):
        repeats = layer.wholes(2)
        dims = max(len(shape), len(repeats))
        x = ctx.view(layer, x, (*(1,) * (dims - len(shape)), *shape), "dims")
        repeats = [1] * (dims - len(repeats)) + repeats
    else:
        repeats = [1] * len(shape)
        repeats[ctx.axis(layer, layer.whole(0), len(shape)) - 1] = layer.count(1, 1)
    if min(repeats) < 1:
        raise layer.problem(f"repeats {repeats}")
    ctx.bind(layer, ctx.one(layer, "Tile", [x], {"repeats": [1, *repeats]}))


def prior_box(ctx: Context, layer: Layer) -> None:
    """Anchors of a feature map: (h 2, w 4 per anchor). They depend on shapes alone, not on values."""
    x = ctx.x(layer)
    shape = ctx.shape(x)
    ratios = len(layer.wholes(2)) * (2 if layer.whole(7, 1) else 1)
    anchors = len(layer.array(0)) * (1 + ratios) + len(layer.array(1))
    if len(shape) != 3 or not anchors:
        raise layer.problem(f"{anchors} anchors on a blob of shape {list(shape)}")
    ctx.bind(layer, ctx.one(layer, "Range", [], {"original": "PriorBox"}, shapes=[(2, 4 * shape[1] * shape[2] * anchors)]))


def detection_output(ctx: Context, layer: Layer) -> None:
    """Boxes that survive suppression: at most ``keep_top_k`` rows of 6; their number depends on the image, this is the bound."""
    inputs = [ctx.x(layer, i) for i in range(len(layer.inputs))]
    ctx.bind(layer, ctx.one(layer, "DetectionOutput", inputs, {"original": layer.type}, shapes=[(layer.count(3, 100), 6)]))


def yolo_detection_output(ctx: Context, layer: Layer) -> None:
    """Every anchor of every cell may give a box (a row of 6): the bound, their number depends on the image."""
    inputs = [ctx.x(layer, i) for i in range(len(layer.inputs))]
    per_box = layer.count(0, 20) + 5
    shapes = [ctx.shape(name) for name in inputs]
    if any(len(shape) != 3 for shape in shapes):
        raise layer.problem("needs blobs of three dimensions")
    boxes = sum(shape[0] // per_box * shape[1] * shape[2] for shape in shapes)
    ctx.bind(layer, ctx.one(layer, "DetectionOutput", inputs, {"original": layer.type}, shapes=[(max(boxes, 1), 6)]))


def embed(ctx: Context, layer: Layer) -> None:
    """Rows of a table ``[input_dim, num_output]``."""
    x = ctx.x(layer)
    table = ctx.weight(layer, "weight", (layer.count(1), layer.count(0)), DType.I8 if layer.whole(18) else DType.F32)
    y = ctx.one(layer, "Gather", [table, x], {"axis": 0, "out_dtype": DType.F32})
    ctx.bind(layer, ctx.one(layer, "Add", [y, ctx.weight(layer, "bias", (layer.count(0),))], suffix="bias") if layer.whole(2) else y)


def flip(ctx: Context, layer: Layer) -> None:
    ctx.bind(layer, ctx.one(layer, "Reverse", [ctx.x(layer)]))


HANDLERS: dict[str, Any] = {
    "Split": fan_out,
    "Noop": same,
    "Packing": same,
    "MemoryData": memory_data,
    "Reshape": reshape,
    "Permute": permute,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "ExpandDims": expand_dims,
    "Concat": concat,
    "Slice": slice_,
    "Crop": crop,
    "Padding": padding,
    "Interp": interp,
    "PixelShuffle": pixel_shuffle,
    "Reorg": reorg,
    "ShuffleChannel": shuffle_channel,
    "Tile": tile,
    "Flip": flip,
    "PriorBox": prior_box,
    "DetectionOutput": detection_output,
    "YoloDetectionOutput": yolo_detection_output,
    "Yolov3DetectionOutput": yolo_detection_output,
    "Embed": embed,
}
