"""GoogLeNet (Szegedy et al. 2014, arXiv 1409.4842; with batch norm) and Inception V3 (2015, 1512.00567).

Auxiliary classifiers serve training only and are left out.
"""

from __future__ import annotations

from sim.frontends.zoo.net import Extent, Net

POOL = ()
# 1x1, (reduce, 3x3), (reduce, second 3x3), pool projection
GOOGLENET = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), POOL,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), POOL,
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


def googlenet(net: Net, *, batch: int, resolution: int, classes: int, form: str) -> str:
    """Nine inception modules; the ``paper`` 's form has 5x5 convolutions where torchvision's has 3x3, and response normalisation."""
    paper = form == "paper"
    x = net.conv_bn(net.image(batch, 3, resolution), 64, 7, 2, name="stem")
    x = net.pool(x, "MaxPool", 3, 2, ceil_mode=True)
    x = net.response_norm(x) if paper else x
    x = net.conv_bn(net.conv_bn(x, 64, 1, name="stem2"), 192, 3, name="stem3")
    x = net.response_norm(x) if paper else x
    x = net.pool(x, "MaxPool", 3, 2, ceil_mode=True)
    modules = 0
    for module in GOOGLENET:
        if not module:
            x = net.pool(x, "MaxPool", 3 if modules < 3 or paper else 2, 2, ceil_mode=True)
            continue
        modules += 1
        with net.scope(f"inception{modules}"):
            x = _module(net, x, 5 if paper else 3, *module)
    return net.dense(net.global_pool(x), classes, name="classifier")


def _module(net: Net, x: str, kernel: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int) -> str:
    return net.concat([
        net.conv_bn(x, one, 1, name="one"),
        net.conv_bn(net.conv_bn(x, reduce3, 1, name="reduce3"), three, 3, name="three"),
        net.conv_bn(net.conv_bn(x, reduce5, 1, name="reduce5"), five, kernel, name="five"),
        net.conv_bn(net.pool(x, "MaxPool", 3, 1, 1, ceil_mode=True), pool, 1, name="pool"),
    ])  # fmt: skip


def inception_v3(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Factorised convolutions; 299 x 299 by default."""
    x = net.image(batch, 3, resolution)
    for index, (channels, kernel, stride, pads) in enumerate(((32, 3, 2, 0), (32, 3, 1, 0), (64, 3, 1, 1)), 1):
        x = net.conv_bn(x, channels, kernel, stride, pads=pads, name=f"stem{index}")
    x = net.pool(x, "MaxPool", 3, 2)
    x = net.conv_bn(net.conv_bn(x, 80, 1, name="stem4"), 192, 3, pads=0, name="stem5")
    x = net.pool(x, "MaxPool", 3, 2)
    for index, pool in enumerate((32, 64, 64), 1):
        with net.scope(f"a{index}"):
            x = _inception_a(net, x, pool)
    with net.scope("b"):
        x = net.concat([net.conv_bn(x, 384, 3, 2, pads=0, name="three"), _chain(net, x, (64, 1), (96, 3), (96, 3), stride=2), net.pool(x, "MaxPool", 3, 2)])
    for index, width in enumerate((128, 160, 160, 192), 1):
        with net.scope(f"c{index}"):
            x = _inception_c(net, x, width)
    with net.scope("d"):
        seven = _chain(net, x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), stride=2)
        x = net.concat([_chain(net, x, (192, 1), (320, 3), stride=2), seven, net.pool(x, "MaxPool", 3, 2)])
    for index in (1, 2):
        with net.scope(f"e{index}"):
            x = _inception_e(net, x)
    return net.dense(net.global_pool(x), classes, name="classifier")


def _chain(net: Net, x: str, *layers: tuple[int, Extent], stride: int = 1) -> str:
    """Convolutions in a row; a stride sits in the last, which then has no padding."""
    for index, (channels, kernel) in enumerate(layers):
        reduces = stride > 1 and index == len(layers) - 1
        x = net.conv_bn(x, channels, kernel, stride if reduces else 1, pads=0 if reduces else None)
    return x


def _pooled(net: Net, x: str, channels: int) -> str:
    return net.conv_bn(net.pool(x, "AveragePool", 3, 1, 1), channels, 1, name="pool")


def _inception_a(net: Net, x: str, pool: int) -> str:
    return net.concat([_chain(net, x, (64, 1)), _chain(net, x, (48, 1), (64, 5)), _chain(net, x, (64, 1), (96, 3), (96, 3)), _pooled(net, x, pool)])


def _inception_c(net: Net, x: str, width: int) -> str:
    seven = _chain(net, x, (width, 1), (width, (1, 7)), (192, (7, 1)))
    double = _chain(net, x, (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7)))
    return net.concat([_chain(net, x, (192, 1)), seven, double, _pooled(net, x, 192)])


def _inception_e(net: Net, x: str) -> str:
    three = _chain(net, x, (384, 1))
    double = _chain(net, x, (448, 1), (384, 3))
    split = [net.concat([net.conv_bn(part, 384, (1, 3), name="row"), net.conv_bn(part, 384, (3, 1), name="column")]) for part in (three, double)]
    return net.concat([_chain(net, x, (320, 1)), *split, _pooled(net, x, 192)])
