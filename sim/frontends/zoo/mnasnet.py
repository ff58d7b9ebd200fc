"""MnasNet-B1 (Tan et al. 2018, arXiv 1807.11626)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net, divisible

# channels, kernel, stride, expansion, repeats
STAGES = ((24, 3, 2, 3, 3), (40, 5, 2, 3, 3), (80, 5, 2, 6, 3), (96, 3, 1, 6, 2), (192, 5, 2, 6, 4), (320, 3, 1, 6, 1))


def mnasnet(net: Net, *, batch: int, resolution: int, width: float, classes: int) -> str:
    """Inverted residuals with ReLU and mixed kernels; channels are multiples of 8."""
    x = net.conv_bn(net.image(batch, 3, resolution), divisible(32 * width), 3, 2, name="stem")
    x = net.depthwise(x)
    x = net.conv_bn(x, divisible(16 * width), 1, 1, None, name="project")
    for number, (channels, kernel, stride, expansion, repeats) in enumerate(STAGES, 1):
        for index in range(repeats):
            with net.scope(f"stage{number}/block{index + 1}"):
                x = _block(net, x, divisible(channels * width), kernel, stride if index == 0 else 1, expansion)
    x = net.conv_bn(x, 1280, 1, name="head")
    return net.dense(net.global_pool(x), classes, name="classifier")


def _block(net: Net, x: str, channels: int, kernel: int, stride: int, expansion: int) -> str:
    narrow = net.shape(x)[1]
    y = net.conv_bn(x, narrow * expansion, 1, name="expand")
    y = net.depthwise(y, kernel, stride)
    y = net.conv_bn(y, channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stride == 1 and narrow == channels else y
