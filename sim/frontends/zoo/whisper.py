"""Whisper speech recognition (Radford et al. 2022, arXiv 2212.04356): encoder and decoder are graphs of their own."""

from __future__ import annotations

from device_models.work import DType
from sim.errors import EdgesimError
from sim.frontends.zoo.attention import attend
from sim.frontends.zoo.llama import append_to_cache, merge_heads, split_heads
from sim.frontends.zoo.net import Net

MELS, VOCABULARY, MOST_TOKENS = 80, 51865, 448


def encoder(net: Net, *, layers: int, hidden: int, heads: int, batch: int, frames: int, cross_cache: bool) -> str | tuple[str, ...]:
    """``frames`` of 10 ms with 80 mel bands -> audio features ``[batch, frames / 2, hidden]``.

    ``cross_cache``: instead the keys and values ``[batch, heads, frames / 2, width]`` of the decoder's cross-attention, for each of its layers.
    """
    x = net.input("mel", (batch, MELS, frames))
    for index, stride in enumerate((1, 2), 1):
        weights = [net.weight(f"conv{index}.weight", (hidden, net.shape(x)[1], 3)), net.weight(f"conv{index}.bias", (hidden,))]
        x = net.add("Gelu", [net.add("Conv", [x, *weights], {"strides": (stride,), "pads": (1, 1)}, name=f"conv{index}")])
    x = net.transpose(x, 0, 2, 1)
    x = net.add("Add", [x, net.weight("positions", net.shape(x)[1:])])
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            y = net.layer_norm(x, "norm1")
            q, k, v = (net.dense(y, hidden, bias=name != "key", name=name) for name in ("query", "key", "value"))
            x = net.add("Add", [x, net.dense(attend(net, q, k, v, heads), hidden, name="attention_output")])
            x = _feed_forward(net, x)
    x = net.layer_norm(x)
    if not cross_cache:
        return x
    return tuple(
        split_heads(net, net.dense(x, hidden, bias=name != "cross_key", name=f"layer{index + 1}/{name}"), heads)
        for index in range(layers)
        for name in ("cross_key", "cross_value")
    )


def decoder(net: Net, *, layers: int, hidden: int, heads: int, batch: int, phase: str, sequence: int, context: int, frames: int) -> str:
    """Logits ``[batch, 1, vocabulary]`` of the last position, for a prompt (prefill) or one token (decode) after ``context`` cached ones.

    The audio enters as the keys and values of cross-attention, made by the prefill run from the encoder's features and kept as state.
    """
    tokens, before = (sequence, context) if phase == "prefill" else (1, context or sequence)
    if tokens + before > MOST_TOKENS:
        what = f"{before} cached positions and {tokens} new ones exceed the decoder's {MOST_TOKENS}"
        raise EdgesimError(f"model {net.graph.name!r}: {what}; lower options 'sequence' or 'context'")
    embedding = net.weight("embedding.weight", (VOCABULARY, hidden))
    x = net.add("Gather", [embedding, net.input("tokens", (batch, tokens), DType.I32)], {"axis": 0}, name="embedding")
    table = net.weight("positions.weight", (MOST_TOKENS, hidden))
    x = net.add("Add", [x, net.add("Slice", [table], {"starts": (before,), "ends": (before + tokens,), "axes": (0,)}, name="positions")])
    audio = net.input("audio", (batch, frames // 2, hidden)) if phase == "prefill" else ""
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = net.add("Add", [x, _self_attention(net, net.layer_norm(x, "norm1"), heads, before + tokens)])
            x = net.add("Add", [x, _cross_attention(net, net.layer_norm(x, "norm2"), audio, heads, frames // 2)])
            x = _feed_forward(net, x)
    x = net.layer_norm(x)
    if tokens > 1:
        x = net.add("Slice", [x], {"starts": (tokens - 1,), "ends": (tokens,), "axes": (1,)}, name="last")
    return net.add("Dense", [x, embedding], name="logits")


def _self_attention(net: Net, x: str, heads: int, length: int) -> str:
    hidden = net.shape(x)[-1]
    q, k, v = (split_heads(net, net.dense(x, hidden, bias=name != "key", name=name), heads) for name in ("query", "key", "value"))
    k, v = append_to_cache(net, k, "key_cache", length, MOST_TOKENS), append_to_cache(net, v, "value_cache", length, MOST_TOKENS)
    y = net.add("Attention", [q, k, v], {"causal": True, "scale": (hidden // heads) ** -0.5})
    return net.dense(merge_heads(net, y), hidden, name="attention_output")


def _cross_attention(net: Net, x: str, audio: str, heads: int, rows: int) -> str:
    batch, _, hidden = net.shape(x)
    q = split_heads(net, net.dense(x, hidden, name="cross_query"), heads)
    if audio:
        k, v = (split_heads(net, net.dense(audio, hidden, bias=name != "cross_key", name=name), heads) for name in ("cross_key", "cross_value"))
        k, v = append_to_cache(net, k, "cross_key_cache", rows, rows), append_to_cache(net, v, "cross_value_cache", rows, rows)
    else:
        k, v = (net.tensor(f"{name}.cache", (batch, heads, rows, hidden // heads), role="state") for name in ("cross_key", "cross_value"))
    y = net.add("Attention", [q, k, v], {"causal": False, "scale": (hidden // heads) ** -0.5}, name="cross_attention")
    return net.dense(merge_heads(net, y), hidden, name="cross_attention_output")


def _feed_forward(net: Net, x: str) -> str:
    hidden = net.shape(x)[-1]
    y = net.add("Gelu", [net.dense(net.layer_norm(x, "norm3"), 4 * hidden, name="feed_forward1")])
    return net.add("Add", [x, net.dense(y, hidden, name="feed_forward2")])
