"""MobileViT (Mehta & Rastegari 2021, arXiv 2110.02178): inverted residuals, and transformers over the patches of a feature map."""

from __future__ import annotations

from typing import NamedTuple

from sim.frontends.zoo.attention import encoder_block
from sim.frontends.zoo.net import Net

PATCH, HEADS = 2, 4


class Size(NamedTuple):
    """Channels of the five stages, transformer widths of the last three, expansion of the inverted residuals, channels before the classifier."""

    channels: tuple[int, int, int, int, int]
    hidden: tuple[int, int, int]
    expansion: int
    head: int


SIZES = {
    "s": Size((32, 64, 96, 128, 160), (144, 192, 240), 4, 640),
    "xs": Size((32, 48, 64, 80, 96), (96, 120, 144), 4, 384),
    "xxs": Size((16, 24, 48, 64, 80), (64, 80, 96), 2, 320),
}
LAYERS = (2, 4, 3)


def mobilevit(net: Net, *, size: str, batch: int, resolution: int, classes: int) -> str:
    """Stages 3 to 5 halve the extent and then mix patches with 2, 4 and 3 transformer layers."""
    shape = SIZES[size]
    x = net.conv_bn(net.image(batch, 3, resolution), 16, 3, 2, "Swish", name="stem")
    for index, stride in enumerate((1, 2, 1, 1)):
        with net.scope(f"block{index + 1}"):
            x = _residual(net, x, shape.channels[0 if index == 0 else 1], stride, shape.expansion)
    for stage in range(3):
        with net.scope(f"stage{stage + 3}"):
            x = _residual(net, x, shape.channels[stage + 2], 2, shape.expansion)
            x = _transformer(net, x, shape.hidden[stage], LAYERS[stage])
    x = net.conv_bn(x, shape.head, 1, 1, "Swish", name="head")
    return net.dense(net.global_pool(x), classes, name="classifier")


def _residual(net: Net, x: str, channels: int, stride: int, expansion: int) -> str:
    narrow = net.shape(x)[1]
    y = net.conv_bn(x, narrow * expansion, 1, 1, "Swish", name="expand")
    y = net.depthwise(y, 3, stride, "Swish")
    y = net.conv_bn(y, channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stride == 1 and narrow == channels else y


def _transformer(net: Net, x: str, hidden: int, layers: int) -> str:
    batch, channels, height, width = net.shape(x)
    rows, columns = height // PATCH, width // PATCH
    y = net.conv(net.conv_bn(x, channels, 3, 1, "Swish", name="local"), hidden, 1, name="widen")
    # pixels at the same place of every patch form one sequence
    y = net.reshape(y, batch * hidden * rows, PATCH, columns, PATCH)
    y = net.reshape(net.transpose(y, 0, 2, 1, 3), batch, hidden, rows * columns, PATCH * PATCH)
    y = net.reshape(net.transpose(y, 0, 3, 2, 1), batch * PATCH * PATCH, rows * columns, hidden)
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            y = encoder_block(net, y, HEADS, 2 * hidden, "Swish")
    y = net.reshape(net.layer_norm(y), batch, PATCH * PATCH, rows * columns, hidden)
    y = net.reshape(net.transpose(y, 0, 3, 2, 1), batch * hidden * rows, columns, PATCH, PATCH)
    y = net.reshape(net.transpose(y, 0, 2, 1, 3), batch, hidden, height, width)
    y = net.conv_bn(y, channels, 1, 1, "Swish", name="narrow")
    return net.conv_bn(net.concat([x, y]), channels, 3, 1, "Swish", name="fuse")
