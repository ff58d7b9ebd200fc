"""EfficientNet (Tan & Le 2019, arXiv 1905.11946), its Lite variants without squeeze-and-excite, and EfficientNet V2-S (2104.00298)."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from sim.frontends.zoo.net import Net, divisible


class Stage(NamedTuple):
    """Blocks of one extent; ``fused``: the expansion and the depthwise convolution are one dense convolution."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    repeats: int
    fused: bool = False


B0 = (
    Stage(1, 3, 1, 16, 1), Stage(6, 3, 2, 24, 2), Stage(6, 5, 2, 40, 2), Stage(6, 3, 2, 80, 3), Stage(6, 5, 1, 112, 3), Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)  # fmt: skip
V2_S = (
    Stage(1, 3, 1, 24, 2, True), Stage(4, 3, 2, 48, 4, True), Stage(4, 3, 2, 64, 4, True), Stage(4, 3, 2, 128, 6), Stage(6, 3, 1, 160, 9),
    Stage(6, 3, 2, 256, 15),
)  # fmt: skip


def efficientnet(net: Net, *, depth: float, batch: int, resolution: int, width: float, classes: int) -> str:
    """The B series: channels times ``width``, repeats times ``depth``, Swish, squeeze-and-excite by a quarter of the block's input."""
    stages = [stage._replace(channels=divisible(stage.channels * width), repeats=ceil(stage.repeats * depth)) for stage in B0]
    stem, head = divisible(32 * width), 4 * stages[-1].channels
    return _network(net, stages, net.image(batch, 3, resolution), stem, head, classes, "Swish", True)


def efficientnet_lite(net: Net, *, depth: float, batch: int, resolution: int, width: float, classes: int) -> str:
    """The Lite series: ReLU6, no squeeze-and-excite; stem, head, and the repeats of the first and last stage are not scaled."""
    repeats = [B0[0].repeats, *(ceil(stage.repeats * depth) for stage in B0[1:-1]), B0[-1].repeats]
    stages = [stage._replace(channels=divisible(stage.channels * width), repeats=times) for stage, times in zip(B0, repeats, strict=True)]
    return _network(net, stages, net.image(batch, 3, resolution), 32, 1280, classes, "Relu6", False)


def efficientnet_v2_s(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Fused blocks first, squeeze-and-excite in the others."""
    return _network(net, list(V2_S), net.image(batch, 3, resolution), 24, 1280, classes, "Swish", True)


def _network(net: Net, stages: list[Stage], x: str, stem: int, head: int, classes: int, act: str, excite: bool) -> str:
    x = net.conv_bn(x, stem, 3, 2, act, name="stem")
    for number, stage in enumerate(stages, 1):
        for index in range(stage.repeats):
            with net.scope(f"stage{number}/block{index + 1}"):
                block = _fused_block if stage.fused else _block
                x = block(net, x, stage._replace(stride=stage.stride if index == 0 else 1), act, excite)
    x = net.conv_bn(x, head, 1, 1, act, name="head")
    return net.dense(net.global_pool(x), classes, name="classifier")


def _block(net: Net, x: str, stage: Stage, act: str, excite: bool) -> str:
    narrow = net.shape(x)[1]
    y = net.conv_bn(x, narrow * stage.expansion, 1, 1, act, name="expand") if stage.expansion != 1 else x
    y = net.depthwise(y, stage.kernel, stage.stride, act)
    if excite:
        y = net.squeeze_excite(y, max(1, narrow // 4), "Swish")
    y = net.conv_bn(y, stage.channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stage.stride == 1 and narrow == stage.channels else y


def _fused_block(net: Net, x: str, stage: Stage, act: str, excite: bool) -> str:
    narrow = net.shape(x)[1]
    if stage.expansion == 1:
        y = net.conv_bn(x, stage.channels, stage.kernel, stage.stride, act)
    else:
        y = net.conv_bn(x, narrow * stage.expansion, stage.kernel, stage.stride, act, name="expand")
        y = net.conv_bn(y, stage.channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stage.stride == 1 and narrow == stage.channels else y
