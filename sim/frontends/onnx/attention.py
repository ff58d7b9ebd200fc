"""Attention in its standard form and those of ONNX Runtime, rotary and other embeddings.

All become ``Attention`` over ``[batch, heads, positions, size]``, with projections, splits and transpositions as operators of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from device_models.work import DType
from sim.frontends.onnx.contraction import dense
from sim.frontends.onnx.elements import INT4, INT32
from sim.frontends.onnx.elementwise import parameters
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.quantization import quantization_of
from sim.frontends.onnx.stored import Stored
from sim.frontends.onnx.table import CONTRIB, handles


def _apart(node: Node, x: str, heads: int) -> str:
    """``[B, S, heads * D]`` -> ``[B, heads, S, D]``."""
    shape = node.tensor(x).shape
    if len(shape) == 4:
        return x
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise node.refuse(f"cannot split shape {list(shape)} among {heads} heads")
    split = node.step("Reshape", [x], {"shape": [shape[0], shape[1], heads, shape[2] // heads], "allowzero": True})[0]
    return node.step("Transpose", [split], {"perm": (0, 2, 1, 3)})[0]


def _together(node: Node, y: str) -> str:
    """``[B, heads, S, D]`` -> ``[B, S, heads * D]``."""
    batch, heads, steps, size = node.tensor(y).shape
    moved = node.step("Transpose", [y], {"perm": (0, 2, 1, 3)})[0]
    return node.step("Reshape", [moved], {"shape": [batch, steps, heads * size], "allowzero": True})[0]


def _attend(node: Node, q: str, k: str, v: str, past: tuple[int, int] | None, mask: int | None, present: tuple[int, int] = (1, 2), flat: bool = True) -> None:
    """Append to the cache, attend, and bind output 0 and the grown cache (outputs ``present``)."""
    if past is not None and node.has(past[0]):
        k = node.step("Concat", [node.operand(past[0]), k], {"axis": 2})[0]
        v = node.step("Concat", [node.operand(past[1]), v], {"axis": 2})[0]
    causal = {"causal": True} if node.attribute("is_causal", 0) or node.attribute("unidirectional", 0) or node.type == "GroupQueryAttention" else {}
    masks = [node.operand(mask)] if mask is not None and node.has(mask) else []
    y = node.step("Attention", [q, k, v, *masks], {**parameters(node, "scale", "softcap"), **causal}, name=node.name)[0]
    node.bind_step(0, _together(node, y) if flat else y)
    node.bind_step(present[0], k)
    node.bind_step(present[1], v)


@handles("Attention")
def _attention(node: Node) -> None:
    """q, k, v of 3 or 4 dimensions, mask, past key and value."""
    flat = len(node.shape(0)) == 3
    heads, kv_heads = int(node.attribute("q_num_heads", 0)), int(node.attribute("kv_num_heads", 0))
    q, k, v = _apart(node, node.operand(0), heads), _apart(node, node.operand(1), kv_heads), _apart(node, node.operand(2), kv_heads)
    if len(node.outputs) > 3 and node.outputs[3]:
        raise node.refuse("gives its scores as an output, which is not supported")
    _attend(node, q, k, v, (4, 5), 3, flat=flat)


@handles("MultiHeadAttention", domain=CONTRIB)
def _multi_head(node: Node) -> None:
    """query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value; key and value may be packed with others."""
    heads = int(node.attribute("num_heads", 0))
    if len(node.shape(0)) == 5:
        q, k, v = _unpacked(node, node.operand(0), 3)
    else:
        q = node.operand(0)
        k, v = _unpacked(node, node.operand(1), 2) if node.has(1) and len(node.shape(1)) == 5 else (node.operand(1) or q, node.operand(2) or q)
        if node.has(3):
            q, k, v = _biased(node, [q, k, v])
    _attend(node, _apart(node, q, heads), _apart(node, k, heads), _apart(node, v, heads), (6, 7), 5)


def _biased(node: Node, parts: list[str]) -> list[str]:
    """Query, key and value of three dimensions with their parts of the packed bias."""
    bias, start, made = node.stored(3), 0, []
    if bias is None:
        raise node.refuse("needs a stored bias")
    for name, x in zip(("query", "key", "value"), parts, strict=True):
        width = node.tensor(x).shape[-1]
        part = replace(bias, name=f"{bias.name}.{name}", shape=(width,), read=_part(bias, start, width))
        made.append(node.step("Add", [x, node.enter(part, "weight")])[0])
        start += width
    if start != bias.elements:
        raise node.refuse(f"has a bias of {bias.elements} for {start} values")
    return made


def _part(bias: Stored, start: int, width: int) -> Callable[[], np.ndarray]:
    return lambda: bias.read()[start : start + width]


def _unpacked(node: Node, x: str, parts: int) -> list[str]:
    """``[B, S, heads, parts, D]`` -> parts of ``[B, heads, S, D]``."""
    shape = node.tensor(x).shape
    if shape[3] != parts:
        raise node.refuse(f"has packed shape {list(shape)}")
    moved = node.step("Transpose", [x], {"perm": (3, 0, 2, 1, 4)})[0]
    pieces = node.step("Split", [moved], {"axis": 0, "sizes": [1] * parts}, outputs=parts)
    return [node.step("Squeeze", [piece], {"axes": [0]})[0] for piece in pieces]


@handles("GroupQueryAttention", domain=CONTRIB)
def _group_query(node: Node) -> None:
    """query (perhaps packed with key and value), key, value, past_key, past_value, seqlens_k, total length, cos, sin, position ids."""
    heads, kv_heads = int(node.attribute("num_heads", 0)), int(node.attribute("kv_num_heads", 0))
    q = node.operand(0)
    if node.has(1):
        k, v = node.operand(1), node.operand(2)
    else:
        width = node.tensor(q).shape[-1]
        if heads + 2 * kv_heads < 1 or width % (heads + 2 * kv_heads):
            raise node.refuse(f"cannot split {width} values among {heads} query and {kv_heads} key and value heads")
        size = width // (heads + 2 * kv_heads)
        q, k, v = node.step("Split", [q], {"axis": 2, "sizes": [heads * size, kv_heads * size, kv_heads * size]}, outputs=3)
    q, k, v = _apart(node, q, heads), _apart(node, k, kv_heads), _apart(node, v, kv_heads)
    if node.attribute("do_rotary", 0):
        tables = [node.operand(7, "constant"), node.operand(8, "constant")]
        q, k = (node.step("RotaryEmbedding", [x, *tables])[0] for x in (q, k))
    _attend(node, q, k, v, (3, 4), 10)


@handles("Attention", "QAttention", domain=CONTRIB)
def _projected(node: Node) -> None:
    """input ``[B, S, E]``, weights ``[E, q + k + v]``, bias, then mask and past; QAttention's weights have 8 bits and scales."""
    heads, quantized = int(node.attribute("num_heads", 0)), node.type == "QAttention"
    weight = node.stored(1)
    if weight is None or len(weight.shape) != 2:
        raise node.refuse("needs a stored weight matrix")
    attributes: dict[str, Any] = {}
    if quantized:
        weight = replace(weight, quantization=quantization_of(node, 4, 7, axis=1), real_dtype=node.dtype(3))
        attributes["out_dtype"] = node.dtype(3)
    sizes = [int(size) for size in node.attribute("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3]
    made = dense(node, node.operand(0), weight.transposed((1, 0)), node.operand(2, "weight"), attributes)
    q, k, v = (_apart(node, part, heads) for part in node.step("Split", [made], {"axis": 2, "sizes": sizes}, outputs=3))
    past = 8 if quantized else 4
    if node.has(past):
        joined = node.step("Split", [node.operand(past)], {"axis": 0, "sizes": [1, 1]}, outputs=2)
        old_k, old_v = (node.step("Squeeze", [part], {"axes": [0]})[0] for part in joined)
        k, v = node.step("Concat", [old_k, k], {"axis": 2})[0], node.step("Concat", [old_v, v], {"axis": 2})[0]
    if len(node.outputs) > 1 and node.outputs[1]:
        halves = [node.step("Unsqueeze", [part], {"axes": [0]})[0] for part in (k, v)]
        node.bind_step(1, node.step("Concat", halves, {"axis": 0})[0])
    _attend(node, q, k, v, None, None if quantized else 5, present=(99, 99))


@handles("RotaryEmbedding")
def _rotary(node: Node) -> None:
    node.emit("RotaryEmbedding", [node.operand(0), node.operand(1, "constant"), node.operand(2, "constant")])


@handles("RotaryEmbedding", domain=CONTRIB)
def _rotary_contrib(node: Node) -> None:
    """Inputs x, position ids, cos, sin."""
    node.emit("RotaryEmbedding", [node.operand(0), node.operand(2, "constant"), node.operand(3, "constant")])


@handles("EmbedLayerNormalization", domain=CONTRIB)
def _embedding_norm(node: Node) -> None:
    """input_ids, segment_ids, tables of words, positions and segments, scale, shift, mask: looked up, added, normalised; counts the mask."""
    total = node.step("Gather", [node.operand(2, "weight"), node.operand(0)], {"axis": 0})[0]
    steps, positions = node.shape(0)[1], node.stored(3)
    if positions is None:
        raise node.refuse("needs a stored table of positions")
    rows = node.step("Slice", [node.enter(positions, "weight")], {"starts": [0], "ends": [steps], "axes": [0]})[0]
    total = node.step("Add", [total, rows])[0]
    if node.has(1) and node.has(4):
        segments = node.step("Gather", [node.operand(4, "weight"), node.operand(1)], {"axis": 0})[0]
        total = node.step("Add", [total, segments])[0]
    node.bind_step(0, node.step("LayerNorm", [total, node.operand(5, "weight"), node.operand(6, "weight")], parameters(node, "epsilon"), name=node.name)[0])
    if node.has(7):
        node.bind_step(1, node.step("Reduce", [node.operand(7)], {"mode": "sum", "axes": [1], "keepdims": False})[0])
    else:
        node.bind_array(1, np.zeros(node.shape(0)[:1], np.int32), INT32)
    node.bind(2, total)


@handles("GatherBlockQuantized", domain=CONTRIB)
def _gather_blocks(node: Node) -> None:
    """Rows of a table of 4 or 8 bits with a scale for each block, looked up and dequantized. Inputs table, indices, scales, zero points."""
    table = node.stored(0)
    if table is None:
        raise node.refuse("needs a stored table")
    if table.dtype == DType.I8 and int(node.attribute("bits", 4)) == 4:  # two numbers a byte along the last axis
        wide = (*table.shape[:-1], table.shape[-1] * 2)
        octets = table.read
        table = replace(table, shape=wide, element=INT4, read=lambda: _nibbles(octets(), wide))
    entered = [node.enter(table, "weight"), node.operand(1, "constant"), node.operand(2, "constant"), node.operand(3, "constant")]
    node.emit("Gather", entered, {"axis": int(node.attribute("gather_axis", 0)), "out_dtype": node.dtype(2)})


def _nibbles(octets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The low half of each byte comes first."""
    return np.stack([octets & 15, octets >> 4], axis=-1).reshape(shape)
