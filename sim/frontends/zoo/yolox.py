"""YOLOX-s (Ge et al. 2021, arXiv 2107.08430): anchor-free, with separate branches for classes and boxes. Boxes of all cells, not suppressed."""

from __future__ import annotations

from collections.abc import Sequence

from sim.frontends.zoo.net import Net
from sim.frontends.zoo.yolo import conv, csp3, double
from sim.frontends.zoo.yolo_decoding import best_class, corners, flat

WIDTH = 128  # of the head


def yolox_s(net: Net, *, batch: int, resolution: int, classes: int) -> tuple[str, ...]:
    """Corners ``[batch, cells, 4]``, scores and classes ``[batch, cells]``."""
    x = net.add("Mul", [net.image(batch, 3, resolution), net.constant("brightest", ())])
    x = csp3(net, conv(net, conv(net, _focus(net, x), 32, 3), 64, 3, 2), 64, 1, True)
    eighth = csp3(net, conv(net, x, 128, 3, 2), 128, 3, True)
    sixteenth = csp3(net, conv(net, eighth, 256, 3, 2), 256, 3, True)
    x = csp3(net, _pyramid_pool(net, conv(net, sixteenth, 512, 3, 2)), 512, 1, False)
    top = conv(net, x, 256, 1)
    middle = conv(net, csp3(net, net.concat([double(net, top), sixteenth]), 256, 1, False), 128, 1)
    fine = csp3(net, net.concat([double(net, middle), eighth]), 128, 1, False)
    medium = csp3(net, net.concat([conv(net, fine, 128, 3, 2), middle]), 256, 1, False)
    coarse = csp3(net, net.concat([conv(net, medium, 256, 3, 2), top]), 512, 1, False)
    return _detect(net, (fine, medium, coarse), classes)


def _focus(net: Net, x: str) -> str:
    """Every second pixel of every second row, four times over."""
    window = {"ends": net.shape(x)[2:], "axes": (2, 3), "steps": (2, 2)}
    return net.concat([net.add("Slice", [x], {"starts": start, **window}) for start in ((0, 0), (1, 0), (0, 1), (1, 1))])


def _pyramid_pool(net: Net, x: str) -> str:
    channels = net.shape(x)[1]
    x = conv(net, x, channels // 2, 1)
    return conv(net, net.concat([x, *(net.pool(x, "MaxPool", kernel, 1, kernel // 2) for kernel in (5, 9, 13))]), channels, 1)


def _detect(net: Net, maps: Sequence[str], classes: int) -> tuple[str, ...]:
    boxes, scores = [], []
    for index, feature in enumerate(maps, 1):
        with net.scope(f"head{index}"):
            x = conv(net, feature, WIDTH, 1)
            kinds = conv(net, conv(net, x, WIDTH, 3), WIDTH, 3)
            kinds = net.conv(kinds, classes, 1, bias=True, name="class")
            sides = conv(net, conv(net, x, WIDTH, 3), WIDTH, 3)
            boxes.append(net.conv(sides, 4, 1, bias=True, name="box"))
            objects = net.add("Sigmoid", [net.conv(sides, 1, 1, bias=True, name="object")])
            scores.append(net.concat([objects, net.add("Sigmoid", [kinds])]))
    x = net.transpose(flat(net, boxes), 0, 2, 1)
    cells = net.shape(x)[1]
    centre, size = net.add_many("Split", [x], {"axis": -1, "sizes": (2, 2)}, outputs=2)
    strides = net.constant("strides", (1, cells, 1))
    centre = net.add("Mul", [net.add("Add", [centre, net.constant("cells", (1, cells, 2))]), strides])
    size = net.add("Mul", [net.add("Exp", [size]), strides])
    found = net.transpose(flat(net, scores), 0, 2, 1)
    objects, kinds = net.add_many("Split", [found], {"axis": -1, "sizes": (1, classes)}, outputs=2)
    best, kind = best_class(net, kinds)
    return corners(net, net.concat([centre, size], -1)), net.add("Mul", [best, net.reshape(objects, *net.shape(best))]), kind
