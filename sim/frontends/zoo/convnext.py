"""ConvNeXt (Liu et al. 2022, arXiv 2201.03545)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net


def convnext(net: Net, *, depths: tuple[int, ...], first: int, batch: int, resolution: int, classes: int) -> str:
    """Depthwise 7x7, layer norm and an inverted bottleneck in channels-last order, scaled residuals."""
    x = net.conv(net.image(batch, 3, resolution), first, 4, 4, bias=True, pads=0, name="stem")
    x = _channel_norm(net, x)
    for stage, depth in enumerate(depths):
        if stage > 0:
            with net.scope(f"downsample{stage}"):
                x = net.conv(_channel_norm(net, x), first * 2**stage, 2, 2, bias=True, pads=0)
        for index in range(depth):
            with net.scope(f"stage{stage + 1}/block{index + 1}"):
                x = _block(net, x)
    return net.dense(net.layer_norm(net.global_pool(x)), classes, name="classifier")


def _channel_norm(net: Net, x: str) -> str:
    return net.transpose(net.layer_norm(net.transpose(x, 0, 2, 3, 1)), 0, 3, 1, 2)


def _block(net: Net, x: str) -> str:
    channels = net.shape(x)[1]
    y = net.conv(x, channels, 7, groups=channels, bias=True, name="dw")
    y = net.layer_norm(net.transpose(y, 0, 2, 3, 1))
    y = net.add("Gelu", [net.dense(y, 4 * channels, name="expand")])
    y = net.transpose(net.dense(y, channels, name="project"), 0, 3, 1, 2)
    y = net.add("Mul", [y, net.weight("scale", (channels, 1, 1))])
    return net.add("Add", [x, y])
