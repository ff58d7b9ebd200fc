"""RegNet X and Y (Radosavovic et al. 2020, arXiv 2003.13678): stage widths follow a quantized linear rule."""

from __future__ import annotations

from math import log

from sim.frontends.zoo.net import Net


def stages(depth: int, first: int, slope: float, step: float, group_width: int) -> list[tuple[int, int]]:
    """(width, blocks) of each stage: widths ``first + slope i`` rounded to ``first * step**k``, then to 8, then to whole groups."""
    widths = []
    for i in range(depth):
        level = round(log((first + slope * i) / first) / log(step))
        widths.append(round(first * step**level / 8) * 8)
    counted = [(width, widths.count(width)) for width in dict.fromkeys(widths)]
    return [(_whole_groups(width, group_width), blocks) for width, blocks in counted]


def _whole_groups(width: int, group_width: int) -> int:
    group = min(group_width, width)
    whole = max(group, int(width + group / 2) // group * group)
    return whole + group if whole < 0.9 * width else whole


def regnet(
    net: Net, *, depth: int, first: int, slope: float, step: float, group_width: int, batch: int, resolution: int, classes: int, excite: str = ""
) -> str:
    """Bottlenecks without a bottleneck: 1x1, grouped 3x3, (squeeze-and-excite by a quarter of the block's input), 1x1."""
    x = net.conv_bn(net.image(batch, 3, resolution), 32, 3, 2, name="stem")
    for stage, (channels, blocks) in enumerate(stages(depth, first, slope, step, group_width), 1):
        for index in range(blocks):
            with net.scope(f"stage{stage}/block{index + 1}"):
                x = _block(net, x, channels, 2 if index == 0 else 1, channels // min(group_width, channels), excite)
    return net.dense(net.global_pool(x), classes, name="classifier")


def _block(net: Net, x: str, channels: int, stride: int, groups: int, excite: str) -> str:
    wide = net.shape(x)[1]
    y = net.conv_bn(x, channels, 1, name="conv1")
    y = net.conv_bn(y, channels, 3, stride, groups=groups, name="conv2")
    if excite:
        y = net.squeeze_excite(y, round(0.25 * wide), layers=excite)
    y = net.conv_bn(y, channels, 1, 1, None, name="conv3")
    shortcut = x if stride == 1 and wide == channels else net.conv_bn(x, channels, 1, stride, None, name="shortcut")
    return net.add("Relu", [net.add("Add", [shortcut, y])])
