"""DenseNet-BC with growth 32 (Huang et al. 2016, arXiv 1608.06993)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net

GROWTH = 32


def densenet(net: Net, *, depths: tuple[int, ...], batch: int, resolution: int, classes: int) -> str:
    """Every layer sees all before it in its block; transitions halve channels and extent."""
    x = net.conv_bn(net.image(batch, 3, resolution), 2 * GROWTH, 7, 2, name="stem")
    x = net.pool(x, "MaxPool", 3, 2, 1)
    for block, depth in enumerate(depths, 1):
        for layer in range(depth):
            with net.scope(f"block{block}/layer{layer + 1}"):
                y = net.conv(_bn_relu(net, x), 4 * GROWTH, 1, name="reduce")
                x = net.concat([x, net.conv(_bn_relu(net, y), GROWTH, 3)])
        if block < len(depths):
            with net.scope(f"transition{block}"):
                x = net.conv(_bn_relu(net, x), net.shape(x)[1] // 2, 1)
                x = net.pool(x, "AveragePool", 2, 2)
    return net.dense(net.global_pool(_bn_relu(net, x)), classes, name="classifier")


def _bn_relu(net: Net, x: str) -> str:
    return net.add("Relu", [net.batch_norm(x)])
