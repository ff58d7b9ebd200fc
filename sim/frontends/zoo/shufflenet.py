"""ShuffleNet V1 (Zhang et al. 2017, arXiv 1707.01083) and V2 (Ma et al. 2018, 1807.11164)."""

from __future__ import annotations

from collections.abc import Sequence

from sim.frontends.zoo.net import Net

V1_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}  # of the first stage, for each number of groups
V2_CHANNELS = {0.5: (48, 96, 192, 1024), 1.0: (116, 232, 464, 1024), 1.5: (176, 352, 704, 1024), 2.0: (244, 488, 976, 2048)}
REPEATS = (4, 8, 4)


def shufflenet_v1(net: Net, *, batch: int, resolution: int, groups: int, classes: int, inner: str) -> str:
    """Grouped 1x1 convolutions with a channel shuffle between them.

    ``inner``: the bottleneck's width is a quarter of the channels of the unit's output, or of those its convolutions make (fewer where it halves).
    """
    x = net.conv_bn(net.image(batch, 3, resolution), 24, 3, 2, name="stem")
    x = net.pool(x, "MaxPool", 3, 2, 1)
    for stage, repeats in enumerate(REPEATS):
        channels = V1_CHANNELS[groups] * 2**stage
        for index in range(repeats):
            with net.scope(f"stage{stage + 2}/block{index + 1}"):
                x = _v1_unit(net, x, channels, 1 if stage == 0 and index == 0 else groups, groups, 2 if index == 0 else 1, inner)
    return net.dense(net.global_pool(x), classes, name="classifier")


def _v1_unit(net: Net, x: str, channels: int, first_groups: int, groups: int, stride: int, inner: str) -> str:
    made = channels if stride == 1 else channels - net.shape(x)[1]
    y = net.conv_bn(x, (made if inner == "made" else channels) // 4, 1, groups=first_groups, name="reduce")
    if groups > 1 and not (inner == "made" and first_groups == 1):
        y = net.add("ChannelShuffle", [y], {"group": groups})
    y = net.depthwise(y, 3, stride, None)
    y = net.conv_bn(y, made, 1, 1, None, groups=groups, name="expand")
    joined = net.add("Add", [x, y]) if stride == 1 else net.concat([net.pool(x, "AveragePool", 3, 2, 1), y])
    return net.add("Relu", [joined])


def shufflenet_v2(net: Net, *, batch: int, resolution: int, width: float, classes: int) -> str:
    """Channels are split in half, one half convolved, both joined and shuffled."""
    *stages, head = V2_CHANNELS[width]
    x = v2_features(net, net.image(batch, 3, resolution), stages)[-1]
    x = net.conv_bn(x, head, 1, name="head")
    return net.dense(net.global_pool(x), classes, name="classifier")


def v2_features(net: Net, x: str, stages: Sequence[int], act: str = "Relu", *, cut: str = "split", shuffle: str = "after") -> list[str]:
    """Outputs of the three stages, at strides 8, 16 and 32.

    ``cut``: halves are made by one ``split`` or by two slices (``slice``). ``shuffle``: at the end of a unit (``after``), or of the halves
    before a unit that keeps the extent (``before``, as the authors' own code has it).
    """
    x = net.pool(net.conv_bn(x, 24, 3, 2, act, name="stem"), "MaxPool", 3, 2, 1)
    outputs = []
    for stage, (channels, repeats) in enumerate(zip(stages, REPEATS, strict=True), 2):
        for index in range(repeats):
            with net.scope(f"stage{stage}/block{index + 1}"):
                if shuffle == "before" and index > 0:
                    x = net.add("ChannelShuffle", [x], {"group": channels // 2})
                x = _v2_unit(net, x, channels, 2 if index == 0 else 1, act, cut)
                if shuffle == "after":
                    x = net.add("ChannelShuffle", [x], {"group": 2})
        outputs.append(x)
    return outputs


def _v2_unit(net: Net, x: str, channels: int, stride: int, act: str, cut: str) -> str:
    half = channels // 2
    if stride > 1:
        left, right = net.conv_bn(net.depthwise(x, 3, stride, None), half, 1, 1, act, name="left"), x
    elif cut == "slice":
        left, right = net.channels(x, 0, half), net.channels(x, half, channels)
    else:
        left, right = net.add_many("Split", [x], {"axis": 1, "sizes": (half, half)}, outputs=2)
    right = net.conv_bn(right, half, 1, 1, act, name="reduce")
    right = net.depthwise(right, 3, stride, None)
    right = net.conv_bn(right, half, 1, 1, act, name="expand")
    return net.concat([left, right])
