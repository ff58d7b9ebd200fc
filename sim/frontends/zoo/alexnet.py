"""AlexNet (Krizhevsky et al. 2012) as the Caffe reference model has it: two groups, response normalisation, 227 x 227."""

from __future__ import annotations

from sim.frontends.zoo.net import Net


def alexnet(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Five convolutions and three dense layers; the first dense layer grows with the resolution."""
    x = net.add("Relu", [net.conv(net.image(batch, 3, resolution), 96, 11, 4, bias=True, pads=0, name="conv1")])
    x = net.pool(net.response_norm(x, "norm1"), "MaxPool", 3, 2, ceil_mode=True)
    x = net.add("Relu", [net.conv(x, 256, 5, groups=2, bias=True, name="conv2")])
    x = net.pool(net.response_norm(x, "norm2"), "MaxPool", 3, 2, ceil_mode=True)
    for number, (channels, groups) in enumerate(((384, 1), (384, 2), (256, 2)), 3):
        x = net.add("Relu", [net.conv(x, channels, 3, groups=groups, bias=True, name=f"conv{number}")])
    x = net.add("Flatten", [net.pool(x, "MaxPool", 3, 2, ceil_mode=True)], {"axis": 1})
    for name in ("hidden1", "hidden2"):
        x = net.add("Relu", [net.dense(x, 4096, name=name)])
    return net.dense(x, classes, name="classifier")
