"""BEiT (Bao et al. 2021, arXiv 2106.08254): a vision transformer with relative positions and scaled residuals, classified by the mean of its patches."""

from __future__ import annotations

from sim.frontends.zoo.attention import heads_of
from sim.frontends.zoo.net import Net


def beit(net: Net, *, layers: int, hidden: int, heads: int, patch: int, batch: int, resolution: int, classes: int) -> str:
    """The bias of each layer's attention is stored for every pair of positions, as exported."""
    x = net.conv(net.image(batch, 3, resolution), hidden, patch, patch, bias=True, pads=0, name="patches")
    rows = net.shape(x)[2] * net.shape(x)[3]
    x = net.transpose(net.reshape(x, batch, hidden, rows), 0, 2, 1)
    token = net.weight("class_token", (1, 1, hidden))
    if batch > 1:
        token = net.add("Expand", [token], {"shape": (batch, 1, hidden)}, name="class_tokens")
    x = net.concat([token, x], 1)
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = _scaled(net, x, _attention(net, net.layer_norm(x, "norm1"), heads), "scale1")
            y = net.add("Gelu", [net.dense(net.layer_norm(x, "norm2"), 4 * hidden, name="feed_forward1")])
            x = _scaled(net, x, net.dense(y, hidden, name="feed_forward2"), "scale2")
    x = net.add("Slice", [x], {"starts": (1,), "ends": (rows + 1,), "axes": (1,)}, name="without_token")
    x = net.add("Reduce", [x], {"mode": "mean", "axes": (1,), "keepdims": False})
    return net.dense(net.layer_norm(x), classes, name="classifier")


def _scaled(net: Net, x: str, y: str, name: str) -> str:
    return net.add("Add", [net.add("Mul", [y, net.weight(name, net.shape(y)[-1:])]), x])


def _attention(net: Net, x: str, heads: int) -> str:
    batch, rows, features = net.shape(x)
    q, k, v = (net.dense(x, features, bias=name != "key", name=name) for name in ("query", "key", "value"))
    scores = net.add("MatMul", [heads_of(net, q, heads), heads_of(net, k, heads, keys=True)], name="scores")
    scores = net.add("Div", [scores, net.constant("scale", ())])
    scores = net.add("Add", [scores, net.weight("position_bias", (1, heads, rows, rows))])
    mixed = net.add("MatMul", [net.add("Softmax", [scores], {"axis": -1}), heads_of(net, v, heads)], name="mix")
    return net.dense(net.reshape(net.transpose(mixed, 0, 2, 1, 3), batch, rows, features), features, name="attention_output")
