"""YOLOv5n and YOLOv8n (Ultralytics), decoding and suppression included."""

from __future__ import annotations

from collections.abc import Sequence

from sim.frontends.zoo.net import Net
from sim.frontends.zoo.yolo_decoding import BINS
from sim.frontends.zoo.yolo_tiny import ANCHORS, suppress


def yolov5n(net: Net, *, batch: int, resolution: int, classes: int, detections: int) -> str:
    """Selected boxes ``[detections, 3]`` (batch, class, box)."""
    x = conv(net, net.image(batch, 3, resolution), 16, 6, 2, pads=2)
    taps = []
    for channels, repeats in ((32, 1), (64, 2), (128, 3), (256, 1)):
        x = csp3(net, conv(net, x, channels, 3, 2), channels, repeats, True)
        taps.append(x)
    top = conv(net, pyramid_pool(net, x), 128, 1)
    middle = conv(net, csp3(net, net.concat([double(net, top), taps[2]]), 128, 1, False), 64, 1)
    fine = csp3(net, net.concat([double(net, middle), taps[1]]), 64, 1, False)
    medium = csp3(net, net.concat([conv(net, fine, 64, 3, 2), middle]), 128, 1, False)
    coarse = csp3(net, net.concat([conv(net, medium, 128, 3, 2), top]), 256, 1, False)
    boxes, scores = zip(*(_anchored(net, part, classes, f"decode{index}") for index, part in enumerate((fine, medium, coarse), 1)), strict=True)
    return suppress(net, net.concat(boxes), net.concat(scores), detections)


def yolov8n(net: Net, *, batch: int, resolution: int, classes: int, detections: int) -> str:
    """Selected boxes ``[detections, 3]`` (batch, class, box)."""
    x = conv(net, net.image(batch, 3, resolution), 16, 3, 2)
    taps = []
    for channels, repeats in ((32, 1), (64, 2), (128, 2), (256, 1)):
        x = _csp2(net, conv(net, x, channels, 3, 2), channels, repeats, True)
        taps.append(x)
    top = pyramid_pool(net, x)
    middle = _csp2(net, net.concat([double(net, top), taps[2]]), 128, 1, False)
    fine = _csp2(net, net.concat([double(net, middle), taps[1]]), 64, 1, False)
    medium = _csp2(net, net.concat([conv(net, fine, 64, 3, 2), middle]), 128, 1, False)
    coarse = _csp2(net, net.concat([conv(net, medium, 128, 3, 2), top]), 256, 1, False)
    return _distributed(net, (fine, medium, coarse), classes, detections)


def conv(net: Net, x: str, channels: int, kernel: int, stride: int = 1, **more: int) -> str:
    """Convolution, batch norm, Swish."""
    return net.conv_bn(x, channels, kernel, stride, "Swish", **more)


def double(net: Net, x: str) -> str:
    """Twice the extent, by repetition."""
    return net.add("Resize", [x], {"scales": (2, 2), "mode": "nearest"})


def csp3(net: Net, x: str, channels: int, repeats: int, shortcut: bool) -> str:
    """YOLOv5's C3: one half through bottlenecks, the other past them."""
    half = channels // 2
    y = conv(net, x, half, 1)
    for _ in range(repeats):
        inner = conv(net, conv(net, y, half, 1), half, 3)
        y = net.add("Add", [y, inner]) if shortcut else inner
    return conv(net, net.concat([y, conv(net, x, half, 1)]), channels, 1)


def _csp2(net: Net, x: str, channels: int, repeats: int, shortcut: bool) -> str:
    """YOLOv8's C2f: every bottleneck's output is joined."""
    half = channels // 2
    parts = net.add_many("Split", [conv(net, x, channels, 1)], {"axis": 1, "sizes": (half, half)}, outputs=2)
    for _ in range(repeats):
        inner = conv(net, conv(net, parts[-1], half, 3), half, 3)
        parts.append(net.add("Add", [parts[-1], inner]) if shortcut else inner)
    return conv(net, net.concat(parts), channels, 1)


def pyramid_pool(net: Net, x: str) -> str:
    """Three max pools in a row, all joined with what they began from."""
    channels = net.shape(x)[1]
    parts = [conv(net, x, channels // 2, 1)]
    for _ in range(3):
        parts.append(net.pool(parts[-1], "MaxPool", 5, 1, 2))
    return conv(net, net.concat(parts), channels, 1)


def _anchored(net: Net, x: str, classes: int, name: str) -> tuple[str, str]:
    """YOLOv5's decoding of one map: boxes ``[batch, cells * anchors, 4]``, scores ``[..., classes]``."""
    with net.scope(name):
        x = net.conv(x, ANCHORS * (5 + classes), 1, bias=True, name="head")
        batch, _, height, width = net.shape(x)
        rows = ANCHORS * height * width
        x = net.transpose(net.reshape(x, batch, ANCHORS, 5 + classes, height, width), 0, 1, 3, 4, 2)
        centre, size, objects, kinds = net.add_many("Split", [net.add("Sigmoid", [x])], {"axis": -1, "sizes": (2, 2, 1, classes)}, outputs=4)
        two = net.constant("two", ())
        centre = net.add("Add", [net.add("Mul", [centre, two]), net.constant("grid", (1, ANCHORS, height, width, 2))])
        centre = net.add("Mul", [centre, net.constant("stride", ())])
        size = net.add("Mul", [net.add("Square", [net.add("Mul", [size, two])]), net.constant("anchors", (1, ANCHORS, 1, 1, 2))])
        boxes = net.reshape(net.concat([centre, size], -1), batch, rows, 4)
        return boxes, net.reshape(net.add("Mul", [kinds, objects]), batch, rows, classes)


def _distributed(net: Net, maps: Sequence[str], classes: int, detections: int) -> str:
    """YOLOv8's anchor-free head: each box side is the mean of a softmax over 16 bins, counted from the cell's centre."""
    sides: list[str] = []
    kinds: list[str] = []
    box_width, class_width = max(16, net.shape(maps[0])[1] // 4, 4 * BINS), max(net.shape(maps[0])[1], min(classes, 100))
    for index, feature in enumerate(maps, 1):
        batch, _, height, width = net.shape(feature)
        for name, inner, outputs, parts in (("box", box_width, 4 * BINS, sides), ("class", class_width, classes, kinds)):
            with net.scope(f"head{index}/{name}"):
                x = conv(net, conv(net, feature, inner, 3), inner, 3)
                parts.append(net.reshape(net.conv(x, outputs, 1, bias=True), batch, outputs, height * width))
    x, scores = net.concat(sides, 2), net.add("Sigmoid", [net.concat(kinds, 2)])
    batch, _, rows = net.shape(x)
    x = net.add("Softmax", [net.transpose(net.reshape(x, batch, 4, BINS, rows), 0, 2, 1, 3)], {"axis": 1})
    x = net.add("Conv", [x, net.constant("bins", (1, BINS, 1, 1))], name="mean_of_bins")
    start, end = net.add_many("Split", [net.reshape(x, batch, 4, rows)], {"axis": 1, "sizes": (2, 2)}, outputs=2)
    centres = net.constant("centres", (1, 2, rows))
    boxes = net.concat([net.add("Sub", [centres, start]), net.add("Add", [centres, end])])
    boxes = net.transpose(net.add("Mul", [boxes, net.constant("strides", (1, 1, rows))]), 0, 2, 1)
    return suppress(net, boxes, net.transpose(scores, 0, 2, 1), detections)
