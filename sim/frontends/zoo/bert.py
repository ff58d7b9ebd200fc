"""Text encoders: BERT (Devlin et al. 2018, arXiv 1810.04805), DistilBERT (1910.01108), MobileBERT (2004.02984)."""

from __future__ import annotations

from device_models.work import DType
from sim.frontends.zoo.attention import attend
from sim.frontends.zoo.net import Net
from sim.frontends.zoo.text_heads import answer_span, masked_word, replaced_words

VOCABULARY, POSITIONS = 30522, 512


def bert(net: Net, *, layers: int, hidden: int, heads: int, segments: int, pooler: bool, batch: int, sequence: int, head: str) -> str:
    """Hidden states ``[batch, sequence, hidden]``, or with ``pooler`` the first token's ``[batch, hidden]``; with ``head`` what that tells."""
    x, words = _embeddings(net, batch, sequence, hidden, hidden, segments)
    x = net.layer_norm(x, "embedding_norm")
    mask = net.input("attention_mask", (batch, 1, 1, sequence))
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = _block(net, x, heads, mask)
    if head == "masked_word":
        return masked_word(net, x, words)
    if head == "replaced_words":
        return replaced_words(net, x)
    if head == "answer_span":
        return answer_span(net, x)
    return _pooled(net, x) if pooler else x


def _embeddings(net: Net, batch: int, sequence: int, width: int, hidden: int, segments: int) -> tuple[str, str]:
    """Words, positions and (where the network has them) segments; words of another ``width`` are mixed over three neighbours to ``hidden``.

    Also the words' table.
    """
    tokens = net.input("tokens", (batch, sequence), DType.I32)
    words = net.weight("words.weight", (VOCABULARY, width))
    x = net.add("Gather", [words, tokens], {"axis": 0}, name="words")
    if width != hidden:
        before, after = (net.add("Slice", [x], {"starts": (start,), "ends": (start + sequence - 1,), "axes": (1,)}) for start in (1, 0))
        parts = [net.add("Pad", [before], {"pads": (0, 0, 0, 0, 1, 0)}), x, net.add("Pad", [after], {"pads": (0, 1, 0, 0, 0, 0)})]
        x = net.dense(net.concat(parts, 2), hidden, name="trigrams")
    if segments:
        kinds = net.input("segments", (batch, sequence), DType.I32)
        x = net.add("Add", [x, net.add("Gather", [net.weight("segments.weight", (segments, hidden)), kinds], {"axis": 0}, name="segment")])
    rows = net.add("Slice", [net.weight("positions.weight", (POSITIONS, hidden))], {"starts": (0,), "ends": (sequence,), "axes": (0,)}, name="positions")
    return net.add("Add", [x, rows]), words


def _pooled(net: Net, x: str) -> str:
    batch, _, hidden = net.shape(x)
    first = net.reshape(net.add("Slice", [x], {"starts": (0,), "ends": (1,), "axes": (1,)}, name="first"), batch, hidden)
    return net.add("Tanh", [net.dense(first, hidden, name="pooler")])


def _block(net: Net, x: str, heads: int, mask: str) -> str:
    hidden = net.shape(x)[-1]
    q, k, v = (net.dense(x, hidden, name=name) for name in ("query", "key", "value"))
    y = net.dense(attend(net, q, k, v, heads, mask), hidden, name="attention_output")
    x = net.layer_norm(net.add("Add", [y, x]), "attention_norm")
    y = net.add("Gelu", [net.dense(x, 4 * hidden, name="feed_forward1")])
    return net.layer_norm(net.add("Add", [net.dense(y, hidden, name="feed_forward2"), x]), "feed_forward_norm")


def mobilebert(net: Net, *, layers: int, batch: int, sequence: int, head: str) -> str:
    """Hidden states ``[batch, sequence, 512]``, or with ``head`` what that tells.

    Every layer works on 128 features between two bottlenecks, with four feed-forward pairs and scale-and-shift norms.
    """
    embedded, words = _embeddings(net, batch, sequence, 128, 512, 2)
    x = _scale_shift(net, embedded, "embedding_norm")
    mask = net.input("attention_mask", (batch, 1, 1, sequence))
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = _bottleneck_block(net, x, mask)
    if head == "masked_word":
        return masked_word(net, x, words, "Relu", extra=512 - 128)
    return answer_span(net, x) if head == "answer_span" else x


def _scale_shift(net: Net, x: str, name: str) -> str:
    """MobileBERT's "NoNorm": a trained product and sum."""
    width = net.shape(x)[-1:]
    return net.add("Add", [net.add("Mul", [x, net.weight(f"{name}.weight", width)]), net.weight(f"{name}.bias", width)], name=name)


def _bottleneck_block(net: Net, x: str, mask: str, inner: int = 128) -> str:
    hidden = net.shape(x)[-1]
    narrow = _scale_shift(net, net.dense(x, inner, name="bottleneck_in"), "bottleneck_norm")
    shared = _scale_shift(net, net.dense(x, inner, name="bottleneck_attention"), "bottleneck_attention_norm")
    q, k = (net.dense(shared, inner, name=name) for name in ("query", "key"))
    y = net.dense(attend(net, q, k, net.dense(x, inner, name="value"), 4, mask), inner, name="attention_output")
    y = _scale_shift(net, net.add("Add", [y, narrow]), "attention_norm")
    for index in range(4):
        with net.scope(f"feed_forward{index + 1}"):
            wide = net.add("Relu", [net.dense(y, 4 * inner, name="widen")])
            y = _scale_shift(net, net.add("Add", [net.dense(wide, inner, name="narrow"), y]), "norm")
    return _scale_shift(net, net.add("Add", [net.dense(y, hidden, name="bottleneck_out"), x]), "norm")
