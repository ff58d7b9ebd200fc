"""Nomic Embed (Nussbaum et al. 2024, arXiv 2402.01613): a BERT with rotary positions and gated feed-forward layers, for text embeddings."""

from __future__ import annotations

from device_models.work import DType
from sim.frontends.zoo.llama import merge_heads, split_heads
from sim.frontends.zoo.net import Net

VOCABULARY = 30528


def nomic(net: Net, *, layers: int, hidden: int, heads: int, feed_forward: int, kept: int, batch: int, sequence: int) -> str:
    """Embeddings ``[batch, kept]`` of unit length, from the mean of the states of the words that ``attention_mask`` keeps."""
    tokens = net.input("tokens", (batch, sequence), DType.I32)
    x = net.add("Gather", [net.weight("words.weight", (VOCABULARY, hidden)), tokens], {"axis": 0}, name="words")
    x = net.layer_norm(net.add("Add", [x, net.weight("segment.weight", (1, hidden))]), "embedding_norm")
    mask = net.input("attention_mask", (batch, sequence))
    scores_mask = net.reshape(mask, batch, 1, 1, sequence)
    rotary = tuple(net.constant(f"rotary.{name}", (sequence, hidden // heads)) for name in ("cos", "sin"))
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = net.layer_norm(net.add("Add", [_attention(net, x, heads, rotary, scores_mask), x]), "norm1")
            x = net.layer_norm(net.add("Add", [_feed_forward(net, x, feed_forward), x]), "norm2")
    return _pooled(net, x, mask, kept)


def _attention(net: Net, x: str, heads: int, rotary: tuple[str, ...], mask: str) -> str:
    hidden = net.shape(x)[-1]
    parts = net.add_many("Split", [net.dense(x, 3 * hidden, bias=False, name="qkv")], {"axis": -1, "sizes": (hidden,) * 3}, outputs=3)
    q, k, v = (split_heads(net, part, heads) for part in parts)
    q, k = (net.add("RotaryEmbedding", [part, *rotary], name=name) for part, name in ((q, "query_rotary"), (k, "key_rotary")))
    scores = net.add("MatMul", [q, net.transpose(k, 0, 1, 3, 2)], name="scores")
    scores = net.add("Add", [net.add("Div", [scores, net.constant("scale", ())]), mask])
    mixed = net.add("MatMul", [net.add("Softmax", [scores], {"axis": -1}), v], name="mix")
    return net.dense(merge_heads(net, mixed), hidden, bias=False, name="attention_output")


def _feed_forward(net: Net, x: str, width: int) -> str:
    hidden = net.shape(x)[-1]
    gate = net.add("Swish", [net.dense(x, width, bias=False, name="gate")])
    return net.dense(net.add("Mul", [net.dense(x, width, bias=False, name="up"), gate]), hidden, bias=False, name="down")


def _pooled(net: Net, x: str, mask: str, kept: int) -> str:
    batch, rows = net.shape(mask)
    weights = net.reshape(mask, batch, rows, 1)
    total = net.add("Reduce", [net.add("Mul", [x, weights])], {"mode": "sum", "axes": (1,), "keepdims": False})
    x = net.add("Div", [total, net.add("Reduce", [weights], {"mode": "sum", "axes": (1,), "keepdims": False})])
    x = net.layer_norm(x, "last_norm")
    x = net.add("Slice", [x], {"starts": (0,), "ends": (kept,), "axes": (1,)})
    return net.add("Div", [x, net.add("Reduce", [x], {"mode": "l2", "axes": (1,), "keepdims": True})])
