"""YOLO detectors on MobileNet, as made for Caffe: V2-style anchors on MobileNet V1 and YOLOv3 on MobileNet V2 (20 classes of VOC)."""

from __future__ import annotations

from collections.abc import Sequence

from device_models.work import DType
from sim.frontends.zoo.mobilenet import v1_features, v2_features
from sim.frontends.zoo.net import Net


def mobilenet_yolo(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Boxes ``[batch, cells * 5, 6]`` of two maps, the finer joined with the coarser by a transposed convolution."""
    taps = v1_features(net, net.image(batch, 3, resolution), 1.0)
    with net.scope("coarse"):
        coarse = _separable(net, taps[13], 1024)
    with net.scope("fine"):
        raised = _raise(net, coarse, 512, 4, 1)
        fine = _separable(net, net.add("Add", [taps[11], raised]), 1024)
    return detection_layer(net, [_predict(net, x, 5, classes) for x in (coarse, fine)], 5)


def mobilenet_v2_yolov3(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Boxes ``[batch, cells * 3, 6]`` of two maps of 576 channels."""
    outputs, expanded = v2_features(net, net.image(batch, 3, resolution), 1.0)
    x = net.conv_bn(outputs[-1], 1280, 1, name="head")
    with net.scope("coarse"):
        coarse = _separable(net, x, 576)
    with net.scope("fine"):
        raised = net.pool(_raise(net, coarse, 576, 1, 0), "MaxPool", 2, 1, 1)
        fine = net.add("Add", [raised, _separable(net, expanded[13], 576)])
        fine = _separable(net, fine, 576)
    return detection_layer(net, [_predict(net, x, 3, classes) for x in (coarse, fine)], 3)


def _separable(net: Net, x: str, channels: int) -> str:
    return net.conv_bn(net.depthwise(x), channels, 1, name="pw")


def _raise(net: Net, x: str, channels: int, kernel: int, pads: int) -> str:
    """A transposed convolution of stride 2 in as many groups as it makes channels, without bias."""
    given = net.shape(x)[1]
    weight = net.weight("raise.weight", (given, 1, kernel, kernel))
    return net.add("ConvTranspose", [x, weight], {"strides": (2, 2), "pads": (pads,) * 4, "group": channels}, name="raise")


def _predict(net: Net, x: str, anchors: int, classes: int) -> str:
    return net.conv(x, anchors * (5 + classes), 1, bias=True, name="predict")


def detection_layer(net: Net, maps: Sequence[str], anchors: int) -> str:
    """One layer that decodes every anchor of every cell and suppresses: at most ``[batch, cells * anchors, 6]``."""
    rows = sum(net.shape(x)[2] * net.shape(x)[3] for x in maps) * anchors
    return net.add("DetectionOutput", maps, name="detections", shapes=[((net.shape(maps[0])[0], rows, 6), DType.F32)])
