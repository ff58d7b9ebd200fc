"""MobileNet V3 large as in the paper's first print (Howard et al. 2019, arXiv 1905.02244v1), which early ports to engines follow."""

from __future__ import annotations

from sim.frontends.zoo.mobilenet import V3_LARGE
from sim.frontends.zoo.net import Net

# the stride is in the second of the blocks with 160 channels, the first of which expands to 672
BLOCKS = (*V3_LARGE[:12], (5, 672, 160, True, "HardSwish", 1), (5, 672, 160, True, "HardSwish", 2), (5, 960, 160, True, "HardSwish", 1))


def mobilenet_v3_first(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Squeeze-and-excite reduces by exactly 4 on dense layers and stands before the activation; the pooled vector is activated, too.

    The first hard swish is written out as a hard sigmoid and a product.
    """
    x = net.conv_bn(net.image(batch, 3, resolution), 16, 3, 2, None, name="stem")
    x = net.add("Mul", [x, net.add("HardSigmoid", [x])])
    for index, (kernel, expanded, channels, excited, act, stride) in enumerate(BLOCKS, 1):
        with net.scope(f"block{index}"):
            x = _block(net, x, kernel, expanded, channels, excited, act, stride)
    x = net.conv_bn(x, 960, 1, 1, "HardSwish", name="head")
    x = net.dense(net.add("HardSwish", [net.global_pool(x)]), 1280, name="hidden")
    return net.dense(net.add("HardSwish", [x]), classes, name="classifier")


def _block(net: Net, x: str, kernel: int, expanded: int, channels: int, excited: bool, act: str, stride: int) -> str:
    narrow = net.shape(x)[1]
    y = net.conv_bn(x, expanded, 1, 1, act, name="expand") if expanded != narrow else x
    y = net.depthwise(y, kernel, stride, None)
    if excited:
        y = net.squeeze_excite(y, expanded // 4, "Relu", "HardSigmoid", layers="dense")
    y = net.conv_bn(net.activate(y, act), channels, 1, 1, None, name="project")
    return net.add("Add", [x, y]) if stride == 1 and narrow == channels else y
