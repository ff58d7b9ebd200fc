"""Ultralytics' anchor-free detectors: YOLOv5u and YOLOv3-tinyu (the older networks with YOLOv8's head) and YOLO11. Boxes of all cells, not suppressed."""

from __future__ import annotations

from sim.frontends.zoo.net import Net
from sim.frontends.zoo.yolo import conv, csp3, double, pyramid_pool
from sim.frontends.zoo.yolo_decoding import distributed_head


def yolov5u(net: Net, *, width: float, depth: float, batch: int, resolution: int, classes: int) -> tuple[str, ...]:
    """Corners ``[batch, cells, 4]``, scores and classes ``[batch, cells]``; ``width`` and ``depth`` are multiples of the large network's."""
    channels = [int(base * width) for base in (64, 128, 256, 512, 1024)]
    x = conv(net, net.image(batch, 3, resolution), channels[0], 6, 2, pads=2)
    taps = []
    for made, repeats in zip(channels[1:], (3, 6, 9, 3), strict=True):
        x = csp3(net, conv(net, x, made, 3, 2), made, round(repeats * depth), True)
        taps.append(x)
    repeats = round(3 * depth)
    top = conv(net, pyramid_pool(net, x), channels[3], 1)
    middle = conv(net, csp3(net, net.concat([double(net, top), taps[2]]), channels[3], repeats, False), channels[2], 1)
    fine = csp3(net, net.concat([double(net, middle), taps[1]]), channels[2], repeats, False)
    medium = csp3(net, net.concat([conv(net, fine, channels[2], 3, 2), middle]), channels[3], repeats, False)
    coarse = csp3(net, net.concat([conv(net, medium, channels[3], 3, 2), top]), channels[4], repeats, False)
    return distributed_head(net, (fine, medium, coarse), classes, separable=False)


def yolov3_tinyu(net: Net, *, batch: int, resolution: int, classes: int) -> tuple[str, ...]:
    """Corners ``[batch, cells, 4]``, scores and classes ``[batch, cells]`` of two maps."""
    x = net.image(batch, 3, resolution)
    for channels in (16, 32, 64, 128):
        x = net.pool(conv(net, x, channels, 3), "MaxPool", 2, 2)
    middle = conv(net, x, 256, 3)
    x = conv(net, net.pool(middle, "MaxPool", 2, 2), 512, 3)
    x = net.pool(net.add("Pad", [x], {"pads": (0, 0, 0, 0, 0, 0, 1, 1)}), "MaxPool", 2, 1)
    x = conv(net, conv(net, x, 1024, 3), 256, 1)
    fine = conv(net, net.concat([double(net, conv(net, x, 128, 1)), middle]), 256, 3)
    return distributed_head(net, (fine, conv(net, x, 512, 3)), classes, separable=False)


def yolo11n(net: Net, *, batch: int, resolution: int, classes: int) -> tuple[str, ...]:
    """Corners ``[batch, cells, 4]``, scores and classes ``[batch, cells]``."""
    x = conv(net, conv(net, net.image(batch, 3, resolution), 16, 3, 2), 32, 3, 2)
    x = _c3k2(net, x, 64, 16, deep=False)
    eighth = _c3k2(net, conv(net, x, 64, 3, 2), 128, 32, deep=False)
    sixteenth = _c3k2(net, conv(net, eighth, 128, 3, 2), 128, 64, deep=True)
    x = _c3k2(net, conv(net, sixteenth, 256, 3, 2), 256, 128, deep=True)
    top = _attended(net, pyramid_pool(net, x))
    middle = _c3k2(net, net.concat([double(net, top), sixteenth]), 128, 64, deep=False)
    fine = _c3k2(net, net.concat([double(net, middle), eighth]), 64, 32, deep=False)
    medium = _c3k2(net, net.concat([conv(net, fine, 64, 3, 2), middle]), 128, 64, deep=False)
    coarse = _c3k2(net, net.concat([conv(net, medium, 128, 3, 2), top]), 256, 128, deep=True)
    return distributed_head(net, (fine, medium, coarse), classes, separable=True)


def _c3k2(net: Net, x: str, channels: int, inner: int, *, deep: bool) -> str:
    """Halves and what a block makes of one of them, joined; a ``deep`` block is itself cross-stage-partial."""
    parts = net.add_many("Split", [conv(net, x, 2 * inner, 1)], {"axis": 1, "sizes": (inner, inner)}, outputs=2)
    made = _c3k(net, parts[1], inner) if deep else _bottleneck(net, parts[1], inner // 2)
    return conv(net, net.concat([*parts, made]), channels, 1)


def _c3k(net: Net, x: str, channels: int) -> str:
    y = conv(net, x, channels // 2, 1)
    for _ in range(2):
        y = _bottleneck(net, y, channels // 2)
    return conv(net, net.concat([y, conv(net, x, channels // 2, 1)]), channels, 1)


def _bottleneck(net: Net, x: str, inner: int) -> str:
    return net.add("Add", [x, conv(net, conv(net, x, inner, 3), net.shape(x)[1], 3)])


def _attended(net: Net, x: str) -> str:
    """One half of the channels through attention over all positions and two 1x1 convolutions."""
    channels = net.shape(x)[1]
    half = channels // 2
    with net.scope("attention"):
        kept, y = net.add_many("Split", [conv(net, x, channels, 1)], {"axis": 1, "sizes": (half, half)}, outputs=2)
        y = net.add("Add", [y, _attention(net, y, max(1, half // 64))])
        y = net.add("Add", [y, net.conv_bn(conv(net, y, 2 * half, 1), half, 1, 1, None)])
        return conv(net, net.concat([kept, y]), channels, 1)


def _attention(net: Net, x: str, heads: int) -> str:
    """Keys half as wide as values; a depthwise convolution of the values tells positions."""
    batch, channels, height, width = net.shape(x)
    value, key = channels // heads, channels // heads // 2
    y = net.reshape(net.conv_bn(x, channels + 2 * key * heads, 1, 1, None, name="qkv"), batch, heads, 2 * key + value, height * width)
    q, k, v = net.add_many("Split", [y], {"axis": 2, "sizes": (key, key, value)}, outputs=3)
    scores = net.add("Mul", [net.add("MatMul", [net.transpose(q, 0, 1, 3, 2), k], name="scores"), net.constant("scale", ())])
    scores = net.transpose(net.add("Softmax", [scores], {"axis": -1}), 0, 1, 3, 2)
    mixed = net.reshape(net.add("MatMul", [v, scores], name="mix"), batch, channels, height, width)
    places = net.depthwise(net.reshape(v, batch, channels, height, width), 3, 1, None)
    return net.conv_bn(net.add("Add", [mixed, places]), channels, 1, 1, None, name="project")
