"""MiDaS 2.1 small (Ranftl et al. 2019, arXiv 1907.01341): depth of every pixel, on EfficientNet Lite3."""

from __future__ import annotations

from sim.frontends.zoo.efficientnet import lite_features
from sim.frontends.zoo.net import Net

WIDTHS = (64, 128, 256, 512)  # of the four maps, finest first
STAGES = (1, 2, 4, 6)  # stages of the backbone whose outputs they are made from


def midas_small(net: Net, *, batch: int, resolution: int) -> str:
    """Inverse depth ``[batch, resolution, resolution]``: maps at strides 4 to 32, fused from the coarsest up."""
    features = lite_features(net, net.image(batch, 3, resolution), 1.2, 1.4)
    maps = [net.conv(features[stage], width, 3, name="reassemble") for stage, width in zip(STAGES, WIDTHS, strict=True)]
    x = ""
    for index in reversed(range(4)):
        with net.scope(f"fusion{index + 1}"):
            skip = maps[index]
            x = net.add("Add", [x, _residual(net, skip)]) if x else skip
            x = _doubled(net, _residual(net, x))
            x = net.conv(x, WIDTHS[max(index - 1, 0)], 1, bias=True, name="out")
    x = _doubled(net, net.conv(x, 32, 3, bias=True, name="head1"))
    x = net.add("Relu", [net.conv(x, 32, 3, bias=True, name="head2")])
    x = net.add("Relu", [net.conv(x, 1, 1, bias=True, name="head3")])
    return net.reshape(x, batch, *net.shape(x)[2:])


def _residual(net: Net, x: str) -> str:
    y = x
    for _ in range(2):
        y = net.conv(net.add("Relu", [y]), net.shape(x)[1], 3, bias=True)
    return net.add("Add", [y, x])


def _doubled(net: Net, x: str) -> str:
    return net.add("Resize", [x], {"scales": (2, 2), "mode": "linear"})
