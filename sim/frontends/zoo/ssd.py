"""Single-shot detectors on MobileNet (Liu et al. 2016, arXiv 1512.02325), with their post-processing.

Anchors and predictors are those of the TensorFlow detection models.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_models.work import DType
from sim.frontends.zoo.mobilenet import v1_features, v2_features
from sim.frontends.zoo.net import Net, divisible

EXTRA = (512, 256, 256, 128)  # channels of the feature maps below the backbone, each half as large as the one before
LOWEST_ANCHORS, ANCHORS = 3, 6  # boxes per cell on the finest map and on the others


def ssd_mobilenet_v1(net: Net, *, batch: int, resolution: int, width: float, classes: int, detections: int) -> tuple[str, ...]:
    """Maps at strides 16, 32 and four dense extra maps; 1x1 predictors."""
    taps = v1_features(net, net.image(batch, 3, resolution), width)
    maps = [taps[11], taps[13]]
    for index, channels in enumerate(EXTRA):
        with net.scope(f"extra{index + 1}"):
            x = net.conv_bn(maps[-1], channels // 2, 1, 1, "Relu6", name="reduce")
            maps.append(net.conv_bn(x, channels, 3, 2, "Relu6"))
    return _heads(net, maps, classes, detections, kernel=1, separable=False)


def ssd_mobilenet_v2(net: Net, *, batch: int, resolution: int, width: float, classes: int, detections: int, head: str) -> tuple[str, ...]:
    """Maps: the expanded input of block 14 at stride 16, the last features at stride 32, four separable extra maps.

    ``head``: ``ssd`` has dense 3x3 predictors, ``ssdlite`` separable ones.
    """
    outputs, expanded = v2_features(net, net.image(batch, 3, resolution), width)
    maps = [expanded[13], net.conv_bn(outputs[-1], divisible(1280 * max(1.0, width)), 1, 1, "Relu6", name="head")]
    for index, channels in enumerate(EXTRA):
        with net.scope(f"extra{index + 1}"):
            x = net.conv_bn(maps[-1], channels // 2, 1, 1, "Relu6", name="reduce")
            x = net.depthwise(x, 3, 2, "Relu6")
            maps.append(net.conv_bn(x, channels, 1, 1, "Relu6"))
    return _heads(net, maps, classes, detections, kernel=3, separable=head == "ssdlite")


def _heads(net: Net, maps: Sequence[str], classes: int, detections: int, *, kernel: int, separable: bool) -> tuple[str, ...]:
    boxes, scores = [], []
    for index, feature in enumerate(maps):
        anchors = LOWEST_ANCHORS if index == 0 else ANCHORS
        with net.scope(f"predict{index + 1}"):
            boxes.append(_predict(net, feature, anchors, 4, kernel, separable, "box"))
            scores.append(_predict(net, feature, anchors, classes + 1, kernel, separable, "class"))
    return detect(net, net.concat(boxes), net.add("Sigmoid", [net.concat(scores)]), detections)


def _predict(net: Net, x: str, anchors: int, values: int, kernel: int, separable: bool, name: str) -> str:
    """``values`` numbers for each anchor of each cell: ``[batch, cells * anchors, values]``."""
    with net.scope(name):
        if separable:
            x, kernel = net.depthwise(x, kernel, 1, "Relu6"), 1
        x = net.conv(x, anchors * values, kernel, bias=True)
        batch, _, height, width = net.shape(x)
        return net.reshape(net.transpose(x, 0, 2, 3, 1), batch, height * width * anchors, values)


def detect(net: Net, boxes: str, scores: str, detections: int) -> tuple[str, ...]:
    """Box decoding against the anchors and non-maximum suppression: boxes ``[batch, detections, 4]``, classes, scores, and their number."""
    batch, anchors, _ = net.shape(boxes)
    table = net.constant("anchors", (anchors, 4))
    kept = (batch, detections)
    shapes = [((*kept, 4), DType.F32), (kept, DType.F32), (kept, DType.F32), ((batch,), DType.F32)]
    return tuple(net.add_many("DetectionOutput", [boxes, scores, table], {"detections": detections}, name="detections", outputs=4, shapes=shapes))
