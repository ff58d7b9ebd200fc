"""LeViT-128S (Graham et al. 2021, arXiv 2104.01136): convolutions, then attention over three shrinking grids; every dense layer is batch-normalised."""

from __future__ import annotations

from sim.frontends.zoo.net import Net

STEM = (16, 32, 64, 128)
WIDTHS, HEADS, DEPTHS = (128, 256, 384), (4, 6, 8), (2, 3, 4)
KEY = 16  # width of a head's keys; its values are twice, where the grid shrinks four times as wide


def levit_128s(net: Net, *, batch: int, resolution: int, classes: int) -> str:
    """Scores of one classifier (training has a second, for a teacher's labels)."""
    x = net.image(batch, 3, resolution)
    for index, channels in enumerate(STEM):
        x = net.conv_bn(x, channels, 3, 2, "HardSwish" if index < len(STEM) - 1 else None, name="stem")
    extent = net.shape(x)[2]
    x = net.transpose(net.reshape(x, batch, WIDTHS[0], extent**2), 0, 2, 1)
    for stage, (width, heads, depth) in enumerate(zip(WIDTHS, HEADS, DEPTHS, strict=True)):
        if stage > 0:
            with net.scope(f"shrink{stage}"):
                x, extent = _shrink(net, x, extent, width)
                x = _feed_forward(net, x)
        for index in range(depth):
            with net.scope(f"stage{stage + 1}/block{index + 1}"):
                x = _feed_forward(net, net.add("Add", [x, _attention(net, x, heads)]))
    x = net.add("Reduce", [x], {"mode": "mean", "axes": (1,), "keepdims": False})
    return net.dense(net.batch_norm(x), classes, name="classifier")


def _dense(net: Net, x: str, features: int, name: str) -> str:
    """Over rows of all images together, batch-normalised."""
    batch, rows, width = net.shape(x)
    y = net.batch_norm(net.dense(net.reshape(x, batch * rows, width), features, bias=False, name=name))
    return net.reshape(y, batch, rows, features)


def _feed_forward(net: Net, x: str) -> str:
    width = net.shape(x)[-1]
    y = net.add("HardSwish", [_dense(net, x, 2 * width, "widen")])
    return net.add("Add", [x, _dense(net, y, width, "narrow")])


def _attention(net: Net, x: str, heads: int) -> str:
    batch, rows, width = net.shape(x)
    value = 2 * KEY
    y = net.reshape(_dense(net, x, heads * (2 * KEY + value), "qkv"), batch, rows, heads, 2 * KEY + value)
    q, k, v = net.add_many("Split", [y], {"axis": 3, "sizes": (KEY, KEY, value)}, outputs=3)
    return _mix(net, q, k, v, width)


def _shrink(net: Net, x: str, extent: int, width: int) -> tuple[str, int]:
    """Queries of every second row and column attend to all; the result and its extent."""
    batch, rows, narrow = net.shape(x)
    heads, value, smaller = narrow // KEY, 4 * KEY, (extent + 1) // 2
    y = net.reshape(_dense(net, x, heads * (KEY + value), "kv"), batch, rows, heads, KEY + value)
    k, v = net.add_many("Split", [y], {"axis": 3, "sizes": (KEY, value)}, outputs=2)
    grid = net.reshape(x, batch, extent, extent, narrow)
    chosen = net.add("Slice", [grid], {"starts": (0, 0), "ends": (extent, extent), "axes": (1, 2), "steps": (2, 2)}, name="every_second")
    q = _dense(net, net.reshape(chosen, batch, smaller**2, narrow), heads * KEY, "q")
    return _mix(net, net.reshape(q, batch, smaller**2, heads, KEY), k, v, width), smaller


def _mix(net: Net, q: str, k: str, v: str, width: int) -> str:
    """Attention with a trained bias for every pair of positions, stored as used; hard swish; a dense layer."""
    batch, rows, heads, _ = net.shape(q)
    columns, value = net.shape(v)[1], net.shape(v)[3]
    scores = net.add("MatMul", [net.transpose(q, 0, 2, 1, 3), net.transpose(k, 0, 2, 3, 1)], name="scores")
    scores = net.add("Mul", [scores, net.constant("scale", ())])
    scores = net.add("Add", [scores, net.weight("position_bias", (1, heads, rows, columns))])
    mixed = net.add("MatMul", [net.add("Softmax", [scores], {"axis": -1}), net.transpose(v, 0, 2, 1, 3)], name="mix")
    mixed = net.reshape(net.transpose(mixed, 0, 2, 1, 3), batch, rows, heads * value)
    return _dense(net, net.add("HardSwish", [mixed]), width, "project")
