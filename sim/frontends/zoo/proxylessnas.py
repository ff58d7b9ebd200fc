"""ProxylessNAS for mobile phones (Cai et al. 2018, arXiv 1812.00332)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net, divisible

# channels, then (kernel, expansion) of each block, the first of which has the stride
STAGES = (
    (32, 2, ((5, 3), (3, 3))),
    (40, 2, ((7, 3), (3, 3), (5, 3), (5, 3))),
    (80, 2, ((7, 6), (5, 3), (5, 3), (5, 3))),
    (96, 1, ((5, 6), (5, 3), (5, 3), (5, 3))),
    (192, 2, ((7, 6), (7, 6), (7, 3), (7, 3))),
    (320, 1, ((7, 6),)),
)


def proxylessnas_mobile(net: Net, *, batch: int, resolution: int, width: float, classes: int, separable_first: str) -> str:
    """Inverted residuals whose kernels and expansions were searched for latency on a phone.

    ``separable_first``: the first separable block halves the channels (``narrowed``), or keeps them while what follows is as wide as before
    (``kept``).
    """
    x = net.conv_bn(net.image(batch, 3, resolution), divisible(32 * width), 3, 2, "Relu6", name="stem")
    x = net.depthwise(x, 3, 1, "Relu6")
    narrow = divisible(16 * width)
    x = net.conv_bn(x, narrow if separable_first == "narrowed" else net.shape(x)[1], 1, 1, None, name="project")
    for number, (channels, first_stride, blocks) in enumerate(STAGES, 1):
        for index, (kernel, expansion) in enumerate(blocks):
            with net.scope(f"stage{number}/block{index + 1}"):
                x = _block(net, x, narrow * expansion, divisible(channels * width), kernel, first_stride if index == 0 else 1)
            narrow = net.shape(x)[1]
    x = net.conv_bn(x, divisible(1280 * max(1.0, width)), 1, 1, "Relu6", name="head")
    return net.dense(net.global_pool(x), classes, name="classifier")


def _block(net: Net, x: str, expanded: int, channels: int, kernel: int, stride: int) -> str:
    y = net.conv_bn(x, expanded, 1, 1, "Relu6", name="expand")
    y = net.depthwise(y, kernel, stride, "Relu6")
    y = net.conv_bn(y, channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stride == 1 and net.shape(x)[1] == channels else y
