"""SqueezeNet 1.0 and 1.1 (Iandola et al. 2016, arXiv 1602.07360)."""

from __future__ import annotations

from sim.frontends.zoo.net import Net

POOL = 0
FIRES = {  # squeeze channels; each side expands fourfold; POOL between
    "1.0": (POOL, 16, 16, 32, POOL, 32, 48, 48, 64, POOL, 64),
    "1.1": (POOL, 16, 16, POOL, 32, 32, POOL, 48, 48, 64, 64),
}


def squeezenet(net: Net, *, version: str, batch: int, resolution: int, classes: int, classifier_padding: int) -> str:
    """Fire modules, no batch norm; the classifier is a 1x1 convolution before the global average."""
    channels, kernel = (96, 7) if version == "1.0" else (64, 3)
    x = net.add("Relu", [net.conv(net.image(batch, 3, resolution), channels, kernel, 2, bias=True, pads=0, name="stem")])
    fires = 0
    for squeeze in FIRES[version]:
        if squeeze == POOL:
            x = net.pool(x, "MaxPool", 3, 2, ceil_mode=True)
            continue
        fires += 1
        with net.scope(f"fire{fires}"):
            x = fire(net, x, squeeze)
    x = net.add("Relu", [net.conv(x, classes, 1, bias=True, pads=classifier_padding, name="classifier")])
    return net.global_pool(x)


def fire(net: Net, x: str, squeeze: int) -> str:
    """Squeeze by a 1x1 convolution, expand by a 1x1 and a 3x3 one to four times ``squeeze`` each."""
    x = net.add("Relu", [net.conv(x, squeeze, 1, bias=True, name="squeeze")])
    return net.concat([net.add("Relu", [net.conv(x, 4 * squeeze, kernel, bias=True, name=f"expand{kernel}")]) for kernel in (1, 3)])
