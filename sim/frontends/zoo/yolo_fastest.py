"""Detectors for phones and boards: YOLO-Fastest 1.1 and V2, FastestDet (github.com/dog-qiuqiu)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net
from sim.frontends.zoo.shufflenet import v2_features
from sim.frontends.zoo.yolo_mobile import detection_layer

# expanded channels, channels, stride, repeats
BLOCKS = (
    (8, 4, 1, 2), (24, 8, 2, 1), (32, 8, 1, 2), (32, 8, 2, 1), (48, 8, 1, 2), (48, 16, 1, 1), (96, 16, 1, 4), (96, 24, 2, 1), (136, 24, 1, 4),
    (136, 48, 2, 1), (224, 48, 1, 5),
)  # fmt: skip
FINE = 8  # the group of blocks whose output the finer map is made of
STAGES = (48, 96, 192)
LEAKY = "LeakyRelu"


def yolo_fastest(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Boxes ``[batch, cells * 3, 6]``: inverted residuals, pyramid pooling, two maps with separable 5x5 heads."""
    x = net.conv_bn(net.image(batch, 3, resolution), 8, 3, 2, LEAKY, name="stem")
    fine = x
    for number, (expanded, channels, stride, repeats) in enumerate(BLOCKS):
        for index in range(repeats):
            with net.scope(f"stage{number + 1}/block{index + 1}"):
                x = _inverted_residual(net, x, expanded, channels, stride)
        fine = x if number == FINE else fine
    pooled = [net.pool(x, "MaxPool", kernel, 1, kernel // 2) for kernel in (9, 5, 3)]
    coarse = net.conv_bn(net.concat([*pooled, x]), 96, 1, 1, LEAKY, name="join")
    doubled = net.add("Resize", [coarse], {"scales": (2, 2), "mode": "nearest"})
    maps = []
    for name, feature in (("coarse", coarse), ("fine", net.concat([doubled, fine]))):
        with net.scope(name):
            maps.append(net.conv(_light_head(net, feature, LEAKY), 3 * (5 + classes), 1, bias=True, name="predict"))
    return detection_layer(net, maps, 3)


def _inverted_residual(net: Net, x: str, expanded: int, channels: int, stride: int) -> str:
    y = net.conv_bn(x, expanded, 1, 1, LEAKY, name="expand")
    y = net.conv_bn(net.depthwise(y, 3, stride, LEAKY), channels, 1, 1, None, name="project")
    return net.add("Add", [y, x]) if stride == 1 and net.shape(x)[1] == channels else y


def _light_head(net: Net, x: str, act: str) -> str:
    """Twice a depthwise 5x5 and a linear 1x1 convolution."""
    for _ in range(2):
        x = net.conv_bn(net.depthwise(x, 5, 1, act), net.shape(x)[1], 1, 1, None, name="pw")
    return x


def yolo_fastest_v2(net: Net, *, batch: int, resolution: int, classes: int) -> tuple[str, ...]:
    """Two maps ``[batch, height, width, 15 + classes]``: ShuffleNet V2 and a pyramid of 72 channels; classes share the objects' branch."""
    features = v2_features(net, net.image(batch, 3, resolution), STAGES, shuffle="before")
    doubled = net.add("Resize", [features[2]], {"scales": (2, 2), "mode": "nearest"})
    outputs = []
    for name, feature in (("coarse", features[2]), ("fine", net.concat([doubled, features[1]]))):
        with net.scope(name):
            x = net.conv_bn(feature, 72, 1, name="reduce")
            objects, boxes = _light_head(net, x, "Relu"), _light_head(net, x, "Relu")
            parts = [net.add("Sigmoid", [net.conv(part, channels, 1, bias=True)]) for part, channels in ((boxes, 12), (objects, 3))]
            kinds = net.transpose(net.conv(objects, classes, 1, bias=True, name="class"), 0, 3, 2, 1)
            parts.append(net.transpose(net.add("Softmax", [kinds], {"axis": 3}), 0, 3, 2, 1))
            outputs.append(net.transpose(net.concat(parts), 0, 2, 3, 1))
    return tuple(outputs)


def fastestdet(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """One map ``[batch, 5 + classes, height, width]`` at stride 16, of ShuffleNet V2's three stages; no anchors."""
    features = v2_features(net, net.image(batch, 3, resolution), STAGES, shuffle="before")
    doubled = net.add("Resize", [features[2]], {"scales": (2, 2), "mode": "nearest"})
    x = net.concat([net.pool(features[0], "AveragePool", 3, 2, 1), features[1], doubled])
    x = _pyramid(net, net.conv_bn(x, 96, 1, name="reduce"))
    x = net.conv_bn(x, 96, 1, name="head")
    parts = [net.conv(net.depthwise(x, 5), channels, 1, bias=True) for channels in (1, 4, classes)]
    return net.concat([net.add("Sigmoid", parts[:1]), parts[1], net.add("Softmax", parts[2:], {"axis": 1})])


def _pyramid(net: Net, x: str) -> str:
    """One, two and three depthwise 5x5 convolutions in a row side by side, joined; a shortcut."""
    branches = []
    for depth in (1, 2, 3):
        y = x
        for _ in range(depth):
            y = net.depthwise(y, 5)
        branches.append(y)
    y = net.conv_bn(net.concat(branches), net.shape(x)[1], 1, 1, None, name="join")
    return net.add("Relu", [net.add("Add", [x, y])])
