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

V2_B0 = (
    Stage(1, 3, 1, 16, 1, True), Stage(4, 3, 2, 32, 2, True), Stage(4, 3, 2, 48, 2, True), Stage(4, 3, 2, 96, 3), Stage(6, 3, 1, 112, 5),
    Stage(6, 3, 2, 192, 8),
)  # fmt: skip


def efficientnet(net: Net, *, depth: float, batch: int, resolution: int, width: float, classes: int, excite: str) -> str:
    """The B series: channels times ``width``, repeats times ``depth``, Swish, squeeze-and-excite by a quarter of the block's input."""
    stages = [stage._replace(channels=divisible(stage.channels * width), repeats=ceil(stage.repeats * depth)) for stage in B0]
    stem, head = divisible(32 * width), 4 * stages[-1].channels
    return _network(net, stages, net.image(batch, 3, resolution), stem, head, classes, "Swish", excite)


def efficientnet_lite(net: Net, *, depth: float, batch: int, resolution: int, width: float, classes: int) -> str:
    """The Lite series: ReLU6, no squeeze-and-excite; stem, head, and the repeats of the first and last stage are not scaled."""
    return _classified(net, lite_features(net, net.image(batch, 3, resolution), width, depth)[-1], 1280, classes, "Relu6")


def lite_features(net: Net, x: str, width: float, depth: float) -> list[str]:
    """Outputs of the seven stages of a Lite network."""
    repeats = [B0[0].repeats, *(ceil(stage.repeats * depth) for stage in B0[1:-1]), B0[-1].repeats]
    stages = [stage._replace(channels=divisible(stage.channels * width), repeats=times) for stage, times in zip(B0, repeats, strict=True)]
    return _stages(net, stages, x, 32, "Relu6", "", False)


def efficientnet_v2_s(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Fused blocks first, squeeze-and-excite in the others."""
    return _network(net, list(V2_S), net.image(batch, 3, resolution), 24, 1280, classes, "Swish", "convolution")


def efficientnet_v2_b0(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """The smallest of the second series, as TensorFlow's converter leaves it: the batch norm of a block with a shortcut is a sum after it."""
    return _network(net, list(V2_B0), net.image(batch, 3, resolution), 32, 1280, classes, "Swish", "reduction", late_shift=True)


def _network(net: Net, stages: list[Stage], x: str, stem: int, head: int, classes: int, act: str, excite: str, *, late_shift: bool = False) -> str:
    return _classified(net, _stages(net, stages, x, stem, act, excite, late_shift)[-1], head, classes, act)


def _stages(net: Net, stages: list[Stage], x: str, stem: int, act: str, excite: str, late_shift: bool) -> list[str]:
    x = net.conv_bn(x, stem, 3, 2, act, name="stem")
    outputs = []
    for number, stage in enumerate(stages, 1):
        for index in range(stage.repeats):
            with net.scope(f"stage{number}/block{index + 1}"):
                block = _fused_block if stage.fused else _block
                x = block(net, x, stage._replace(stride=stage.stride if index == 0 else 1), act, excite, late_shift)
        outputs.append(x)
    return outputs


def _classified(net: Net, x: str, head: int, classes: int, act: str) -> str:
    return net.dense(net.global_pool(net.conv_bn(x, head, 1, 1, act, name="head")), classes, name="classifier")


def _block(net: Net, x: str, stage: Stage, act: str, excite: str, late_shift: bool) -> str:
    narrow = net.shape(x)[1]
    y = net.conv_bn(x, narrow * stage.expansion, 1, 1, act, name="expand") if stage.expansion != 1 else x
    y = net.depthwise(y, stage.kernel, stage.stride, act)
    if excite:
        y = net.squeeze_excite(y, max(1, narrow // 4), "Swish", layers=excite)
    return _joined(net, x, y, stage, late_shift)


def _joined(net: Net, x: str, y: str, stage: Stage, late_shift: bool) -> str:
    """The projection, and the shortcut where the shapes allow one; ``late_shift``: the projection's bias is added after the shortcut."""
    residual = stage.stride == 1 and net.shape(x)[1] == stage.channels
    if residual and late_shift:
        y = net.add("Add", [x, net.conv(y, stage.channels, 1, name="project")])
        return net.add("Add", [y, net.weight("project.bias", (1, stage.channels, 1, 1))], name="shift")
    y = net.conv_bn(y, stage.channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if residual else y


def _fused_block(net: Net, x: str, stage: Stage, act: str, excite: str, late_shift: bool) -> str:
    narrow = net.shape(x)[1]
    if stage.expansion == 1:
        y = net.conv_bn(x, stage.channels, stage.kernel, stage.stride, act)
        return net.add("Add", [x, y]) if stage.stride == 1 and narrow == stage.channels else y
    y = net.conv_bn(x, narrow * stage.expansion, stage.kernel, stage.stride, act, name="expand")
    return _joined(net, x, y, stage, late_shift)
