"""Single-shot detectors of Caffe (Liu et al. 2016, arXiv 1512.02325) for the 20 classes of VOC: on MobileNet V1 and on SqueezeNet 1.1.

Every map's predictions are permuted and flattened, its anchors are computed by a layer of their own, and one layer decodes and suppresses.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_models.work import DType
from sim.frontends.zoo.mobilenet import v1_features
from sim.frontends.zoo.net import Net
from sim.frontends.zoo.squeezenet import POOL, fire

Map = tuple[str, int]  # a feature map and its anchors for each cell
SQUEEZENET = (POOL, 16, 16, POOL, 32, 32, POOL, 48, 48, 64, 64, POOL, 96, POOL, 96)
SQUEEZENET_TAPS = (5, 10, 12, 14)


def mobilenet_ssd_voc(net: Net, *, batch: int, resolution: int, classes: int, detections: int) -> str:
    """Boxes ``[batch, detections, 6]``; 1x1 predictors on strides 16 and 32 and four further maps."""
    taps = v1_features(net, net.image(batch, 3, resolution), 1.0)
    maps = [taps[11], taps[13]]
    for index, channels in enumerate((512, 256, 256, 128), 1):
        with net.scope(f"extra{index}"):
            maps.append(net.conv_bn(net.conv_bn(maps[-1], channels // 2, 1, name="reduce"), channels, 3, 2))
    return _detect(net, list(zip(maps, (3, 6, 6, 6, 6, 6), strict=True)), 1, classes, detections)


def squeezenet_ssd_voc(net: Net, *, batch: int, resolution: int, classes: int, detections: int) -> str:
    """Boxes ``[batch, detections, 6]``; 3x3 predictors on strides 8 to 64 and two further maps, the finest batch-normalised."""
    x = net.add("Relu", [net.conv(net.image(batch, 3, resolution), 64, 3, 2, bias=True, pads=0, name="stem")])
    maps = []
    for position, squeeze in enumerate(SQUEEZENET):
        if squeeze == POOL:
            x = net.pool(x, "MaxPool", 3, 2, ceil_mode=True)
        else:
            with net.scope(f"fire{position}"):
                x = fire(net, x, squeeze)
        if position in SQUEEZENET_TAPS:
            maps.append(x)
    for index, channels in enumerate((256, 128), 1):
        with net.scope(f"extra{index}"):
            y = net.add("Relu", [net.conv(maps[-1], channels // 2, 1, bias=True, name="reduce")])
            maps.append(net.add("Relu", [net.conv(y, channels, 3, 2, bias=True)]))
    maps[0] = net.batch_norm(maps[0], "norm")
    return _detect(net, list(zip(maps, (4, 6, 6, 6, 6, 4), strict=True)), 3, classes, detections)


def _detect(net: Net, maps: Sequence[Map], kernel: int, classes: int, detections: int) -> str:
    boxes, scores, anchors = [], [], []
    for index, (feature, number) in enumerate(maps, 1):
        height, width = net.shape(feature)[2:]
        with net.scope(f"predict{index}"):
            boxes.append(_flat(net, net.conv(feature, 4 * number, kernel, bias=True, name="box")))
            scores.append(_flat(net, net.conv(feature, (classes + 1) * number, kernel, bias=True, name="class")))
            anchors.append(net.add("Range", [], name="anchors", shapes=[((1, 2, 4 * height * width * number), DType.F32)]))
    operands = [net.concat(boxes), _probabilities(net, scores, classes), net.concat(anchors, 2)]
    return net.add("DetectionOutput", operands, name="detections", shapes=[((net.shape(operands[0])[0], detections, 6), DType.F32)])


def _flat(net: Net, x: str) -> str:
    return net.add("Flatten", [net.transpose(x, 0, 2, 3, 1)], {"axis": 1})


def _probabilities(net: Net, scores: Sequence[str], classes: int) -> str:
    """Probabilities of all anchors, as one row."""
    x = net.concat(scores)
    batch, values = net.shape(x)
    probabilities = net.add("Softmax", [net.reshape(x, batch, values // (classes + 1), classes + 1)], {"axis": 2})
    return net.reshape(probabilities, batch, values)
