"""Super-resolution: QuickSRNet (Berger et al. 2023, arXiv 2303.04336), SESR (Bhardwaj et al. 2021, 2103.09404), Real-ESRGAN's compact VGG (2107.10833).

All work at the small image's extent; the last convolution makes every pixel of a large one's block.
"""

from __future__ import annotations

from sim.frontends.zoo.net import Net

EXPANDED = 256  # channels inside SESR's linear blocks


def quicksrnet(net: Net, *, layers: int, channels: int, shortcut: bool, batch: int, height: int, width: int, scale: int) -> str:
    """A row of 3x3 convolutions clipped to 0 ... 1; with ``shortcut`` the image is repeated and added before the last clip."""
    image = net.image(batch, 3, (height, width))
    x = image
    for _ in range(layers + 1):
        x = _clip(net, net.conv(x, channels, 3, bias=True))
    x = net.conv(x, 3 * scale**2, 3, bias=True, name="last")
    if shortcut:
        x = net.add("Add", [_repeated(net, image, scale), x])
    return _pixels(net, _clip(net, x), scale)


def sesr(net: Net, *, layers: int, channels: int, batch: int, height: int, width: int, scale: int) -> str:
    """Linear blocks (a convolution to 256 channels and a 1x1 back) as trained, not yet collapsed into one convolution each."""
    image = net.image(batch, 3, (height, width))
    first = net.add("Relu", [_linear(net, image, channels, 5, "first")])
    x = first
    for index in range(layers):
        x = net.add("Relu", [net.add("Add", [_linear(net, x, channels, 3, f"block{index + 1}"), x])])
    x = _linear(net, net.add("Add", [x, first]), 3 * scale**2, 5, "last")
    return _pixels(net, net.add("Add", [x, _repeated(net, image, scale)]), scale)


def compact_vgg(net: Net, *, layers: int, channels: int, batch: int, height: int, width: int, scale: int) -> str:
    """A row of 3x3 convolutions with PReLU; the image, enlarged, is added at the end."""
    image = net.image(batch, 3, (height, width))
    x = image
    for index in range(layers + 1):
        x = net.conv(x, channels, 3, bias=True)
        x = net.add("PRelu", [x, net.weight(f"slope{index}", (channels, 1, 1))])
    x = _pixels(net, net.conv(x, 3 * scale**2, 3, bias=True, name="last"), scale)
    return net.add("Add", [x, net.add("Resize", [image], {"scales": (scale, scale), "mode": "nearest"})])


def _clip(net: Net, x: str) -> str:
    return net.add("Clip", [x], {"min": 0.0, "max": 1.0})


def _pixels(net: Net, x: str, scale: int) -> str:
    return net.add("DepthToSpace", [x], {"block": scale, "mode": "CRD"})


def _repeated(net: Net, image: str, scale: int) -> str:
    """Every colour ``scale`` squared times, by a 1x1 convolution of fixed weights."""
    return net.conv(image, 3 * scale**2, 1, name="anchor")


def _linear(net: Net, x: str, channels: int, kernel: int, name: str) -> str:
    with net.scope(name):
        return net.conv(net.conv(x, EXPANDED, kernel, name="expand"), channels, 1, bias=True, name="collapse")
