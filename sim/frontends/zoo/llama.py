"""Decoder-only language models of the Llama kind (Touvron et al. 2023, arXiv 2302.13971).

One graph runs the prompt (prefill), another each token after it (decode).
"""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.errors import EdgesimError
from sim.frontends.zoo.net import Net


@dataclass(frozen=True)
class Decoder:
    """A decoder's shape, as in its published ``config.json``."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    head_width: int
    tied: bool = False  # the output matrix is the embedding
    qkv_bias: bool = False
    activation: str = "Swish"
    scaled_embedding: bool = False
    qk_norm: bool = False  # each head's queries and keys are normalised
    post_norms: bool = False  # what a block adds to the residual is normalised too
    gated: bool = True  # False: a plain feed-forward, in parallel with the attention, with biases and layer norms (Phi-2)


@dataclass(frozen=True)
class Cache:
    """Positions a layer's keys and values have room for, and their format (None: that of the activations)."""

    capacity: int
    dtype: DType | None


CACHE_FORMATS: dict[str, DType | None] = {"activations": None, "float16": DType.F16, "int8": DType.I8, "int4": DType.I4}
CONFIGS = {
    "tinyllama_1.1b": Decoder(22, 2048, 32, 4, 5632, 32000, 64),
    "llama2_7b": Decoder(32, 4096, 32, 32, 11008, 32000, 128),
    "llama3.2_1b": Decoder(16, 2048, 32, 8, 8192, 128256, 64, tied=True),
    "llama3.2_3b": Decoder(28, 3072, 24, 8, 8192, 128256, 128, tied=True),
    "llama3_8b": Decoder(32, 4096, 32, 8, 14336, 128256, 128),
    "mistral_7b": Decoder(32, 4096, 32, 8, 14336, 32768, 128),
    "baichuan2_7b": Decoder(32, 4096, 32, 32, 11008, 125696, 128),
    "falcon3_7b": Decoder(28, 3072, 12, 4, 23040, 131072, 256),
    "granite3.1_8b": Decoder(40, 4096, 32, 8, 12800, 49155, 128, tied=True),
    "smollm2_135m": Decoder(30, 576, 9, 3, 1536, 49152, 64, tied=True),
    "smollm2_360m": Decoder(32, 960, 15, 5, 2560, 49152, 64, tied=True),
    "smollm2_1.7b": Decoder(24, 2048, 32, 32, 8192, 49152, 64, tied=True),
    "qwen2.5_0.5b": Decoder(24, 896, 14, 2, 4864, 151936, 64, tied=True, qkv_bias=True),
    "qwen2.5_1.5b": Decoder(28, 1536, 12, 2, 8960, 151936, 128, tied=True, qkv_bias=True),
    "qwen2.5_3b": Decoder(36, 2048, 16, 2, 11008, 151936, 128, tied=True, qkv_bias=True),
    "qwen2.5_7b": Decoder(28, 3584, 28, 4, 18944, 152064, 128, qkv_bias=True),
    "qwen2.5_14b": Decoder(48, 5120, 40, 8, 13824, 152064, 128, qkv_bias=True),
    "qwen3_0.6b": Decoder(28, 1024, 16, 8, 3072, 151936, 128, tied=True, qk_norm=True),
    "qwen3_1.7b": Decoder(28, 2048, 16, 8, 6144, 151936, 128, tied=True, qk_norm=True),
    "qwen3_4b": Decoder(36, 2560, 32, 8, 9728, 151936, 128, tied=True, qk_norm=True),
    "qwen3_8b": Decoder(36, 4096, 32, 8, 12288, 151936, 128, qk_norm=True),
    "gemma_2b": Decoder(18, 2048, 8, 1, 16384, 256000, 256, tied=True, activation="Gelu", scaled_embedding=True),
    "gemma2_2b": Decoder(26, 2304, 8, 4, 9216, 256000, 256, tied=True, activation="Gelu", scaled_embedding=True, post_norms=True),
    "gemma2_9b": Decoder(42, 3584, 16, 8, 14336, 256000, 256, tied=True, activation="Gelu", scaled_embedding=True, post_norms=True),
    "gemma3_1b": Decoder(26, 1152, 4, 1, 6912, 262144, 256, tied=True, activation="Gelu", scaled_embedding=True, post_norms=True, qk_norm=True),
    "phi2": Decoder(32, 2560, 32, 32, 10240, 51200, 80, qkv_bias=True, activation="Gelu", gated=False),
    "phi3.5_mini": Decoder(32, 3072, 32, 32, 8192, 32064, 96),
    "phi4_mini": Decoder(32, 3072, 24, 8, 8192, 200064, 128, tied=True),
}


def decoder(net: Net, *, config: str, batch: int, phase: str, sequence: int, context: int, capacity: int, kv_cache: str) -> str:
    """Logits ``[batch, 1, vocabulary]`` of the last position.

    ``prefill`` runs ``sequence`` tokens after ``context`` cached ones; ``decode`` runs one token after ``context`` cached ones, or after
    ``sequence`` of them where ``context`` is 0. Caches hold ``capacity`` positions in the format ``kv_cache`` and are tensors of role ``state``.
    """
    model = CONFIGS[config]
    tokens, cached = (sequence, context) if phase == "prefill" else (1, context or sequence)
    if tokens + cached > capacity:
        what = f"{cached} cached positions and {tokens} new ones do not fit a cache of {capacity}"
        raise EdgesimError(f"model {config!r}: {what}; lower options 'sequence' or 'context', or raise 'capacity'")
    embedding = net.weight("embedding.weight", (model.vocabulary, model.hidden))
    x = net.add("Gather", [embedding, net.input("tokens", (batch, tokens), DType.I32)], {"axis": 0}, name="embedding")
    if model.scaled_embedding:
        x = net.add("Mul", [x, net.constant("embedding.scale", ())])
    # rows for the positions of this run only: what a run reads of the tables
    rotary = tuple(net.constant(f"rotary.{name}", (tokens, model.head_width)) for name in ("cos", "sin"))
    for index in range(model.layers):
        with net.scope(f"layer{index}"):
            x = _block(net, x, model, rotary, cached + tokens, Cache(capacity, CACHE_FORMATS[kv_cache]))
    x = _norm(net, x, "norm") if model.gated else net.layer_norm(x)
    if tokens > 1:
        x = net.add("Slice", [x], {"starts": (tokens - 1,), "ends": (tokens,), "axes": (1,)}, name="last")
    output = embedding if model.tied else net.weight("output.weight", (model.vocabulary, model.hidden))
    return net.add("Dense", [x, output] if model.gated else [x, output, net.weight("output.bias", (model.vocabulary,))], name="logits")


def _block(net: Net, x: str, model: Decoder, rotary: tuple[str, ...], length: int, cache: Cache) -> str:
    """A layer of the decoder on ``x`` ``[batch, tokens, hidden]``, ``length`` positions cached with these."""
    if not model.gated:
        y = net.layer_norm(x, "norm")
        both = net.add("Add", [_attention(net, y, model, rotary, length, cache), _plain_feed_forward(net, y, model)])
        return net.add("Add", [x, both])
    y = _attention(net, _norm(net, x, "attention_norm"), model, rotary, length, cache)
    x = net.add("Add", [x, _norm(net, y, "attention_post_norm") if model.post_norms else y])
    y = _feed_forward(net, _norm(net, x, "feed_forward_norm"), model)
    return net.add("Add", [x, _norm(net, y, "feed_forward_post_norm") if model.post_norms else y])


def _norm(net: Net, x: str, name: str) -> str:
    return net.add("RMSNorm", [x, net.weight(f"{name}.weight", net.shape(x)[-1:])], name=name)


def split_heads(net: Net, x: str, heads: int) -> str:
    """``[batch, tokens, heads * width]`` -> ``[batch, heads, tokens, width]``; no data moves for a single token."""
    batch, tokens, features = net.shape(x)
    if tokens == 1:
        return net.reshape(x, batch, heads, 1, features // heads)
    return net.transpose(net.reshape(x, batch, tokens, heads, features // heads), 0, 2, 1, 3)


def merge_heads(net: Net, x: str) -> str:
    """The inverse of :func:`split_heads`."""
    batch, heads, tokens, width = net.shape(x)
    return net.reshape(x if tokens == 1 else net.transpose(x, 0, 2, 1, 3), batch, tokens, heads * width)


def append_to_cache(net: Net, x: str, name: str, length: int, capacity: int, dtype: DType | None = None) -> str:
    """Append ``x`` ``[batch, heads, tokens, width]`` to a cache of its own; the first ``length`` positions.

    ``dtype``: of the cache; that of the activations if None.
    """
    batch, heads, _, width = net.shape(x)
    cache = net.tensor(f"{name}.cache", (batch, heads, capacity, width), dtype, role="state")
    return net.add("CacheAppend", [cache, x], {"length": length}, name=name)


def _attention(net: Net, x: str, model: Decoder, rotary: tuple[str, ...], length: int, cache: Cache) -> str:
    q, k, v = (
        split_heads(net, net.dense(x, heads * model.head_width, bias=model.qkv_bias, name=name), heads)
        for name, heads in (("query", model.heads), ("key", model.kv_heads), ("value", model.kv_heads))
    )
    if model.qk_norm:
        q, k = _norm(net, q, "query_norm"), _norm(net, k, "key_norm")
    q, k = (net.add("RotaryEmbedding", [part, *rotary], name=name) for part, name in ((q, "query_rotary"), (k, "key_rotary")))
    k, v = (append_to_cache(net, part, f"{name}_cache", length, cache.capacity, cache.dtype) for part, name in ((k, "key"), (v, "value")))
    y = net.add("Attention", [q, k, v], {"causal": True, "scale": model.head_width**-0.5})
    return net.dense(merge_heads(net, y), model.hidden, bias=not model.gated, name="attention_output")


def _feed_forward(net: Net, x: str, model: Decoder) -> str:
    gate = net.add(model.activation, [net.dense(x, model.feed_forward, bias=False, name="gate")])
    up = net.dense(x, model.feed_forward, bias=False, name="up")
    return net.dense(net.add("Mul", [gate, up]), model.hidden, bias=False, name="down")


def _plain_feed_forward(net: Net, x: str, model: Decoder) -> str:
    return net.dense(net.add(model.activation, [net.dense(x, model.feed_forward, name="up")]), model.hidden, name="down")
