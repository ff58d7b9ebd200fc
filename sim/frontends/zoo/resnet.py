"""Residual networks: ResNet (He et al. 2015, arXiv 1512.03385), ResNeXt (1611.05431), WideResNet (1605.07146), and the ResNet 8 of MLPerf Tiny."""

from __future__ import annotations

from sim.frontends.zoo.net import Net


def resnet(
    net: Net,
    *,
    depths: tuple[int, ...],
    bottleneck: bool,
    groups: int = 1,
    group_width: int = 64,
    batch: int,
    resolution: int,
    classes: int,
    stride_in: str = "3x3",
    project_all: bool = False,
) -> str:
    """Four stages of basic or bottleneck blocks.

    ``stride_in``: the 3x3 convolution of a bottleneck has the stride (the "v1.5" of torchvision), or the 1x1 before it (the paper's).
    ``project_all``: the first block of the first stage has a projection even where the shapes would not need it.
    """
    x = net.conv_bn(net.image(batch, 3, resolution), 64, 7, 2, name="stem")
    x = net.pool(x, "MaxPool", 3, 2, 1)
    for stage, depth in enumerate(depths):
        for index in range(depth):
            stride = 2 if stage > 0 and index == 0 else 1
            with net.scope(f"stage{stage + 1}/block{index + 1}"):
                if bottleneck:
                    x = _bottleneck(net, x, 64 * 2**stage * group_width // 64 * groups, 256 * 2**stage, stride, groups, stride_in)
                else:
                    x = _basic(net, x, 64 * 2**stage, stride, project=project_all and index == 0)
    return net.dense(net.global_pool(x), classes, name="classifier")


def _shortcut(net: Net, x: str, channels: int, stride: int, project: bool = False) -> str:
    if not project and stride == 1 and net.shape(x)[1] == channels:
        return x
    return net.conv_bn(x, channels, 1, stride, None, name="shortcut")


def _basic(net: Net, x: str, channels: int, stride: int, project: bool) -> str:
    y = net.conv_bn(x, channels, 3, stride, name="conv1")
    y = net.conv_bn(y, channels, 3, 1, None, name="conv2")
    return net.add("Relu", [net.add("Add", [y, _shortcut(net, x, channels, stride, project)])])


def _bottleneck(net: Net, x: str, inner: int, channels: int, stride: int, groups: int, stride_in: str) -> str:
    first, second = (stride, 1) if stride_in == "1x1" else (1, stride)
    y = net.conv_bn(x, inner, 1, first, name="conv1")
    y = net.conv_bn(y, inner, 3, second, groups=groups, name="conv2")
    y = net.conv_bn(y, channels, 1, 1, None, name="conv3")
    return net.add("Relu", [net.add("Add", [y, _shortcut(net, x, channels, stride)])])


def resnet8(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """MLPerf Tiny's image classifier: three stages of one block, 16, 32 and 64 channels; every convolution has a bias."""
    x = net.conv_bn(net.image(batch, 3, resolution), 16, 3, bias=True, name="stem")
    for stage, channels in enumerate((16, 32, 64)):
        stride = 1 if stage == 0 else 2
        with net.scope(f"stage{stage + 1}"):
            y = net.conv_bn(x, channels, 3, stride, bias=True, name="conv1")
            y = net.conv_bn(y, channels, 3, 1, None, bias=True, name="conv2")
            shortcut = x if stage == 0 else net.conv(x, channels, 1, stride, bias=True, name="shortcut")
            x = net.add("Relu", [net.add("Add", [shortcut, y])])
    return net.dense(net.global_pool(x), classes, name="classifier")
