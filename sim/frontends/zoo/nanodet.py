"""NanoDet-m (github.com/RangiLyu/nanodet): ShuffleNet V2 with leaky ReLU, a path-aggregation pyramid without convolutions, separable heads."""

from __future__ import annotations

from sim.frontends.zoo.net import Net
from sim.frontends.zoo.shufflenet import V2_CHANNELS, v2_features

WIDTH, BINS = 96, 8  # channels of the pyramid; bins of the distribution of each box side
LEAKY = "LeakyRelu"


def nanodet_m(net: Net, *, batch: int, resolution: int, classes: int) -> tuple[str, ...]:
    """For strides 8, 16 and 32: class scores ``[batch, cells, classes]`` and distributions of box sides ``[batch, cells, 4 * BINS]``."""
    features = v2_features(net, net.image(batch, 3, resolution), V2_CHANNELS[1.0][:3], LEAKY, cut="slice")
    fine, middle, coarse = (net.conv(x, WIDTH, 1, bias=True, name="lateral") for x in features)
    middle = net.add("Add", [middle, _resized(net, coarse, middle)])
    fine = net.add("Add", [fine, _resized(net, middle, fine)])
    middle = net.add("Add", [middle, _resized(net, fine, middle)])
    coarse = net.add("Add", [coarse, _resized(net, middle, coarse)])
    outputs: list[str] = []
    for name, x in (("fine", fine), ("middle", middle), ("coarse", coarse)):
        with net.scope(name):
            outputs += _head(net, x, classes)
    return tuple(outputs)


def _resized(net: Net, x: str, like: str) -> str:
    return net.add("Resize", [x], {"sizes": net.shape(like)[2:], "mode": "linear"})


def _head(net: Net, x: str, classes: int) -> list[str]:
    for _ in range(2):
        x = net.conv_bn(net.depthwise(x, 3, 1, LEAKY), WIDTH, 1, 1, LEAKY, name="pw")
    x = net.conv(x, classes + 4 * BINS, 1, bias=True, name="predict")
    scores, sides = net.add_many("Split", [x], {"axis": 1, "sizes": (classes, 4 * BINS)}, outputs=2)
    return [_rows(net, net.add("Sigmoid", [scores])), _rows(net, sides)]


def _rows(net: Net, x: str) -> str:
    batch, channels, height, width = net.shape(x)
    return net.transpose(net.reshape(x, batch, channels, height * width), 0, 2, 1)
