"""Multi-head attention as exporters write it: dense, reshape, transpose, matrix products, softmax."""

from __future__ import annotations

from sim.frontends.zoo.net import Net


def heads_of(net: Net, x: str, heads: int, *, keys: bool = False) -> str:
    """``[batch, rows, features]`` -> ``[batch, heads, rows, width]``; ``keys``: ``[batch, heads, width, rows]``."""
    batch, rows, features = net.shape(x)
    return net.transpose(net.reshape(x, batch, rows, heads, features // heads), *((0, 2, 3, 1) if keys else (0, 2, 1, 3)))


def attend(net: Net, q: str, k: str, v: str, heads: int, mask: str | None = None) -> str:
    """Scaled dot-product attention of ``[batch, rows, features]`` operands; ``mask`` is added to the scores."""
    batch, rows, features = net.shape(q)
    scores = net.add("MatMul", [heads_of(net, q, heads), heads_of(net, k, heads, keys=True)], name="scores")
    scores = net.add("Mul", [scores, net.constant("scale", ())])
    if mask:
        scores = net.add("Add", [scores, mask])
    mixed = net.add("MatMul", [net.add("Softmax", [scores], {"axis": -1}), heads_of(net, v, heads)], name="mix")
    return net.reshape(net.transpose(mixed, 0, 2, 1, 3), batch, rows, features)


def self_attention(net: Net, x: str, heads: int) -> str:
    """One dense layer makes queries, keys and values; one dense layer follows."""
    features = net.shape(x)[-1]
    q, k, v = net.add_many("Split", [net.dense(x, 3 * features, name="qkv")], {"axis": -1, "sizes": (features,) * 3}, outputs=3)
    return net.dense(attend(net, q, k, v, heads), features, name="attention_output")


def fused_attention(net: Net, x: str, heads: int) -> str:
    """Self-attention as engines with a layer for it have it: three dense layers, one attention operator, one dense layer."""
    batch, rows, features = net.shape(x)
    q, k, v = (heads_of(net, net.dense(x, features, name=name), heads) for name in ("query", "key", "value"))
    mixed = net.add("Attention", [q, k, v], {"causal": False, "scale": (features // heads) ** -0.5})
    return net.dense(net.reshape(net.transpose(mixed, 0, 2, 1, 3), batch, rows, features), features, name="attention_output")


def encoder_block(net: Net, x: str, heads: int, feed_forward: int, act: str, *, fused: bool = False) -> str:
    """A pre-norm transformer block; ``fused``: attention is one operator."""
    features = net.shape(x)[-1]
    attended = fused_attention if fused else self_attention
    x = net.add("Add", [x, attended(net, net.layer_norm(x, "norm1"), heads)])
    y = net.add(act, [net.dense(net.layer_norm(x, "norm2"), feed_forward, name="feed_forward1")])
    return net.add("Add", [x, net.dense(y, features, name="feed_forward2")])
