"""VGG (Simonyan & Zisserman 2014, arXiv 1409.1556), without batch norm."""

from __future__ import annotations

from sim.frontends.zoo.net import Net

CHANNELS = (64, 128, 256, 512, 512)


def vgg(net: Net, *, depths: tuple[int, ...], batch: int, resolution: int, classes: int) -> str:
    """3x3 convolutions in five stages, each halved by max pooling, and three dense layers; the first dense layer grows with the resolution."""
    x = net.image(batch, 3, resolution)
    for stage, (channels, depth) in enumerate(zip(CHANNELS, depths, strict=True), 1):
        with net.scope(f"stage{stage}"):
            for _ in range(depth):
                x = net.add("Relu", [net.conv(x, channels, 3, bias=True)])
            x = net.pool(x, "MaxPool", 2, 2)
    x = net.add("Flatten", [x], {"axis": 1})
    for name in ("hidden1", "hidden2"):
        x = net.add("Relu", [net.dense(x, 4096, name=name)])
    return net.dense(x, classes, name="classifier")
