"""BlazeFace for front cameras (Bazarevsky et al. 2019, arXiv 1907.05047): single blocks with 3x3 kernels, as commonly ported."""

from __future__ import annotations

from sim.frontends.zoo.net import Net

# channels, stride
BLOCKS = (
    (24, 1), (28, 1), (32, 2), (36, 1), (42, 1), (48, 2), (56, 1), (64, 1), (72, 1), (80, 1), (88, 1), (96, 2), (96, 1), (96, 1), (96, 1), (96, 1),
)  # fmt: skip
FINE = 10  # the block whose output is the finer map
FINE_ANCHORS, COARSE_ANCHORS, BOX_VALUES = 2, 6, 16  # a box and six points of the face


def blazeface(net: Net, *, batch: int, resolution: int, heads: bool) -> str | tuple[str, ...]:
    """Boxes ``[batch, anchors, 16]`` and scores ``[batch, anchors, 1]``, or without ``heads`` the last feature map."""
    x = _padded(net, net.image(batch, 3, resolution), (1, 2))
    x = net.add("Relu", [net.conv(x, 24, 5, 2, bias=True, pads=0, name="stem")])
    fine = x
    for index, (channels, stride) in enumerate(BLOCKS):
        with net.scope(f"block{index + 1}"):
            x = _block(net, x, channels, stride)
        fine = x if index == FINE else fine
    if not heads:
        return x
    maps = ((fine, FINE_ANCHORS), (x, COARSE_ANCHORS))
    return tuple(net.concat([_predict(net, part, anchors, values, name) for part, anchors in maps]) for name, values in (("box", BOX_VALUES), ("score", 1)))


def _padded(net: Net, x: str, pads: tuple[int, int]) -> str:
    """Rows and columns of zeros before and after."""
    return net.add("Pad", [x], {"pads": (0, 0, pads[0], pads[0], 0, 0, pads[1], pads[1])})


def _block(net: Net, x: str, channels: int, stride: int) -> str:
    narrow = net.shape(x)[1]
    shortcut = net.pool(x, "MaxPool", 2, 2) if stride == 2 else x
    if channels > narrow:
        shortcut = net.add("Pad", [shortcut], {"pads": (0, 0, 0, 0, 0, channels - narrow, 0, 0)})
    y = net.conv(_padded(net, x, (0, 2)) if stride == 2 else x, narrow, 3, stride, groups=narrow, bias=True, pads=0 if stride == 2 else 1, name="dw")
    y = net.conv(y, channels, 1, bias=True, name="pw")
    return net.add("Relu", [net.add("Add", [y, shortcut])])


def _predict(net: Net, x: str, anchors: int, values: int, name: str) -> str:
    batch, _, height, width = net.shape(x)
    x = net.transpose(net.conv(x, anchors * values, 1, bias=True, name=name), 0, 2, 3, 1)
    return net.reshape(x, batch, height * width * anchors, values)
