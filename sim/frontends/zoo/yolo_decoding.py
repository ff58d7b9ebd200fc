"""From the maps of an anchor-free YOLO to the boxes of all cells, each with its likeliest class; suppression is left to the host."""

from __future__ import annotations

from collections.abc import Sequence

from device_models.work import DType
from sim.frontends.zoo.net import Net

BINS = 16  # of the distribution predicted for each side of a box
MOST_ROWS = 5000  # that one search for the likeliest class goes through


def flat(net: Net, maps: Sequence[str]) -> str:
    """``[batch, values, height, width]`` of several extents -> ``[batch, values, cells]``."""
    parts = []
    for x in maps:
        batch, values, height, width = net.shape(x)
        parts.append(net.reshape(x, batch, values, height * width))
    return net.concat(parts, 2)


def distributed_head(net: Net, maps: Sequence[str], classes: int, *, separable: bool) -> tuple[str, str, str]:
    """Ultralytics' head: each box side is the mean of a softmax over 16 bins. Corners ``[batch, cells, 4]``, best scores and classes ``[batch, cells]``.

    ``separable``: the class branch is of depthwise and 1x1 convolutions.
    """
    sides, kinds = [], []
    channels = net.shape(maps[0])[1]
    for index, feature in enumerate(maps, 1):
        with net.scope(f"head{index}"):
            sides.append(_branch(net, feature, max(16, channels // 4, 4 * BINS), 4 * BINS, separable=False))
            kinds.append(_branch(net, feature, max(channels, min(classes, 100)), classes, separable=separable))
    x, scores = flat(net, sides), net.add("Sigmoid", [flat(net, kinds)])
    batch, _, cells = net.shape(x)
    x = net.add("Softmax", [net.transpose(net.reshape(x, batch, 4, BINS, cells), 0, 2, 1, 3)], {"axis": 1})
    x = net.reshape(net.add("Conv", [x, net.constant("bins", (1, BINS, 1, 1))], name="mean_of_bins"), batch, 4, cells)
    start, end = net.add_many("Split", [x], {"axis": 1, "sizes": (2, 2)}, outputs=2)
    cell = net.constant("cells", (1, 2, cells))
    start, end = net.add("Sub", [cell, start]), net.add("Add", [end, cell])
    centre = net.add("Div", [net.add("Add", [start, end]), net.constant("two", ())])
    boxes = net.add("Mul", [net.concat([centre, net.add("Sub", [end, start])]), net.constant("strides", (1, cells))])
    return (corners(net, net.transpose(boxes, 0, 2, 1)), *best_class(net, net.transpose(scores, 0, 2, 1)))


def _branch(net: Net, x: str, inner: int, values: int, *, separable: bool) -> str:
    for _ in range(2):
        x = net.conv_bn(net.depthwise(x, 3, 1, "Swish"), inner, 1, 1, "Swish") if separable else net.conv_bn(x, inner, 3, 1, "Swish")
    return net.conv(x, values, 1, bias=True, name="predict")


def corners(net: Net, boxes: str) -> str:
    """Centre, width and height ``[batch, cells, 4]`` -> two corners."""
    x, y, *size = net.add_many("Split", [boxes], {"axis": -1, "sizes": (1, 1, 1, 1)}, outputs=4)
    w, h = (net.add("Mul", [part, net.constant("half", ())]) for part in size)
    return net.concat([net.add(kind, pair) for kind, pair in (("Sub", [x, w]), ("Sub", [y, h]), ("Add", [x, w]), ("Add", [y, h]))], -1)


def best_class(net: Net, scores: str) -> tuple[str, str]:
    """``[batch, cells, classes]`` -> the largest score and its class, ``[batch, cells]`` each."""
    rows = net.shape(scores)[1]
    sizes = tuple(min(MOST_ROWS, rows - start) for start in range(0, rows, MOST_ROWS))
    parts = net.add_many("Split", [scores], {"axis": 1, "sizes": sizes}, outputs=len(sizes)) if len(sizes) > 1 else [scores]
    best = [net.add("Reduce", [part], {"mode": "max", "axes": (2,), "keepdims": False}) for part in parts]
    kinds = [net.add("ArgMax", [part], {"axis": 2, "keepdims": False, "out_dtype": DType.I32}) for part in parts]
    return (net.concat(best), net.concat(kinds)) if len(sizes) > 1 else (best[0], kinds[0])
