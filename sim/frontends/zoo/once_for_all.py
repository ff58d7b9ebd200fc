"""Subnets of the once-for-all network on MobileNet V3 (Cai et al. 2020, arXiv 1908.09791), as mit-han-lab/once-for-all builds them."""

from __future__ import annotations

from collections.abc import Sequence

from sim.frontends.zoo.mobilenet import v3_block
from sim.frontends.zoo.net import Net, divisible

KERNELS, EXPANSIONS, DEPTHS = (3, 5, 7), (3, 4, 6), (2, 3, 4)
WIDTHS = (1.0, 1.2)  # of the two supernets that were trained
FIRST, LAST, HIDDEN = 16, 960, 1280
BLOCKS = max(DEPTHS)  # of a stage in the supernet; a subnet runs the first ones of them
# channels, stride of the first block, squeeze-and-excite, activation
STAGES = ((24, 2, False, "Relu"), (40, 2, True, "Relu"), (80, 2, False, "HardSwish"), (112, 1, True, "HardSwish"), (160, 2, True, "HardSwish"))


def once_for_all(
    net: Net,
    *,
    batch: int,
    resolution: int,
    classes: int,
    width: float,
    depths: Sequence[int],
    kernels: Sequence[int],
    expansions: Sequence[int],
    excite: str,
) -> str:
    """``depths``: blocks that run in each of the five stages. ``kernels``, ``expansions``: of each of the supernet's 20 blocks, stage after stage;
    those of blocks that do not run say nothing. The last hidden layer follows the pooling; it and the expansion before shrink and grow with ``width``.
    """
    x = net.conv_bn(net.image(batch, 3, resolution), divisible(FIRST * width), 3, 2, "HardSwish", name="stem")
    with net.scope("first"):
        x = v3_block(net, x, 3, net.shape(x)[1], divisible(FIRST * width), "", "Relu", 1)
    for stage, (channels, first_stride, excited, act) in enumerate(STAGES):
        for index in range(depths[stage]):
            block = stage * BLOCKS + index
            with net.scope(f"stage{stage + 1}/block{index + 1}"):
                inner, stride = divisible(net.shape(x)[1] * expansions[block]), first_stride if index == 0 else 1
                x = v3_block(net, x, kernels[block], inner, divisible(channels * width), excite if excited else "", act, stride)
    x = net.conv_bn(x, divisible(LAST * width), 1, 1, "HardSwish", name="head")
    x = net.activate(net.conv(net.add("GlobalAveragePool", [x]), divisible(HIDDEN * width), 1, name="mix"), "HardSwish")
    return net.dense(net.add("Flatten", [x], {"axis": 1}), classes, name="classifier")
