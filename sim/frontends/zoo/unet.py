"""U-Net (Ronneberger et al. 2015, arXiv 1505.04597), with padding and batch norm as commonly exported."""

from __future__ import annotations

from sim.frontends.zoo.net import Net


def unet(net: Net, *, levels: int, first: int, batch: int, height: int, width: int, classes: int) -> str:
    """``levels`` halvings down, as many transposed convolutions up, skips joined; a score for each class and pixel."""
    x = net.image(batch, 3, (height, width))
    skips = []
    for level in range(levels):
        with net.scope(f"down{level + 1}"):
            skips.append(_double(net, x, first * 2**level))
            x = net.pool(skips[-1], "MaxPool", 2, 2)
    with net.scope("bottom"):
        x = _double(net, x, first * 2**levels)
    for level in reversed(range(levels)):
        with net.scope(f"up{level + 1}"):
            channels = first * 2**level
            weights = [net.weight("raise.weight", (2 * channels, channels, 2, 2)), net.weight("raise.bias", (channels,))]
            x = net.add("ConvTranspose", [x, *weights], {"strides": (2, 2)}, name="raise")
            x = _double(net, net.concat([x, skips[level]]), channels)
    return net.conv(x, classes, 1, bias=True, name="scores")


def _double(net: Net, x: str, channels: int) -> str:
    return net.conv_bn(net.conv_bn(x, channels, 3, name="conv1"), channels, 3, name="conv2")
