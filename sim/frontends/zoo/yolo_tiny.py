"""YOLO V3-tiny (Redmon & Farhadi 2018, arXiv 1804.02767) and V4-tiny (Wang et al. 2020, 2011.08036), decoding and suppression included."""

from __future__ import annotations

from collections.abc import Sequence

from device_models.work import DType
from sim.frontends.zoo.net import Net
from sim.frontends.zoo.yolo_mobile import detection_layer

ANCHORS = 3


def yolov3_tiny(net: Net, *, batch: int, resolution: int, classes: int, detections: int) -> str:
    """Selected boxes ``[detections, 3]`` (batch, class, box)."""
    x = net.image(batch, 3, resolution)
    for channels in (16, 32, 64, 128):
        x = net.pool(_conv(net, x, channels, 3), "MaxPool", 2, 2)
    middle = _conv(net, x, 256, 3)
    x = _conv(net, net.pool(middle, "MaxPool", 2, 2), 512, 3)
    x = net.add("MaxPool", [x], {"kernel": (2, 2), "strides": (1, 1), "auto_pad": "SAME_UPPER"})
    x = _conv(net, _conv(net, x, 1024, 3), 256, 1)
    coarse = _head(net, _conv(net, x, 512, 3), classes)
    fine = _head(net, _conv(net, net.concat([_double(net, _conv(net, x, 128, 1)), middle]), 256, 3), classes)
    return _detect(net, [coarse, fine], classes, detections)


def yolov4_tiny(net: Net, *, batch: int, resolution: int, classes: int, detections: int, decoding: str) -> str:
    """Selected boxes ``[detections, 3]`` (batch, class, box); ``decoding`` as one ``layer``: ``[batch, cells * anchors, 6]``."""
    x = net.image(batch, 3, resolution)
    x = _conv(net, _conv(net, x, 32, 3, 2), 64, 3, 2)
    middle = x
    for channels in (64, 128, 256):
        with net.scope(f"csp{channels}"):
            middle, x = _cross_stage(net, x, channels)
    x = _conv(net, _conv(net, x, 512, 3), 256, 1)
    coarse = _head(net, _conv(net, x, 512, 3), classes)
    fine = _head(net, _conv(net, net.concat([_double(net, _conv(net, x, 128, 1)), middle]), 256, 3), classes)
    if decoding == "layer":
        return detection_layer(net, [coarse, fine], ANCHORS)
    return _detect(net, [coarse, fine], classes, detections)


def _conv(net: Net, x: str, channels: int, kernel: int, stride: int = 1) -> str:
    return net.conv_bn(x, channels, kernel, stride, "LeakyRelu")


def _double(net: Net, x: str) -> str:
    return net.add("Resize", [x], {"scales": (2, 2), "mode": "nearest"})


def _cross_stage(net: Net, x: str, channels: int) -> tuple[str, str]:
    """A cross-stage-partial block: the joined features before the last concatenation, and the pooled output of twice the channels."""
    whole = _conv(net, x, channels, 3)
    first = _conv(net, net.channels(whole, channels // 2, channels), channels // 2, 3)
    joined = _conv(net, net.concat([_conv(net, first, channels // 2, 3), first]), channels, 1)
    return joined, net.pool(net.concat([whole, joined]), "MaxPool", 2, 2)


def _head(net: Net, x: str, classes: int) -> str:
    return net.conv(x, ANCHORS * (5 + classes), 1, bias=True, name="head")


def _detect(net: Net, maps: Sequence[str], classes: int, detections: int) -> str:
    boxes, scores = zip(*(_decode(net, x, classes, f"decode{index}") for index, x in enumerate(maps, 1)), strict=True)
    return suppress(net, net.concat(boxes), net.concat(scores), detections)


def _decode(net: Net, x: str, classes: int, name: str) -> tuple[str, str]:
    """Boxes ``[batch, cells * anchors, 4]`` and scores ``[..., classes]`` of one map: sigmoid centres on the grid, exponential sizes of the anchors."""
    batch, _, height, width = net.shape(x)
    rows, kept = height * width * ANCHORS, (batch, height * width, ANCHORS)
    with net.scope(name):
        x = net.reshape(net.transpose(x, 0, 2, 3, 1), *kept, 5 + classes)
        centre, size, rest = net.add_many("Split", [x], {"axis": -1, "sizes": (2, 2, 1 + classes)}, outputs=3)
        centre = net.add("Add", [net.add("Sigmoid", [centre]), net.constant("grid", (1, height * width, 1, 2))])
        size = net.add("Mul", [net.add("Exp", [size]), net.constant("anchors", (1, 1, ANCHORS, 2))])
        object_score, class_score = net.add_many("Split", [net.add("Sigmoid", [rest])], {"axis": -1, "sizes": (1, classes)}, outputs=2)
        boxes = net.reshape(net.concat([centre, size], -1), batch, rows, 4)
        return boxes, net.reshape(net.add("Mul", [class_score, object_score]), batch, rows, classes)


def suppress(net: Net, boxes: str, scores: str, detections: int) -> str:
    """Non-maximum suppression; ``detections`` rows of (batch, class, box) for each image."""
    batch = net.shape(boxes)[0]
    return net.add("NonMaxSuppression", [boxes, scores], {"detections": detections}, name="detections", shapes=[((batch * detections, 3), DType.I64)])
