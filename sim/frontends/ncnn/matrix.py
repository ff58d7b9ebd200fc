"""Matrix products, attention and recurrent layers."""

from __future__ import annotations

from typing import Any

from device_models.work import DType
from sim.frontends.ncnn.context import Context
from sim.frontends.ncnn.param import Layer, clean


def _weight_format(layer: Layer) -> tuple[DType, dict[str, Any]]:
    """Parameter 18: 0 float; 400 and more: blocks of 4, 6 or 8 bits, unpacked to float; else int8 with activations quantized at run time."""
    term = layer.whole(18)
    if not term:
        return DType.F32, {}
    if term >= 400:
        return (DType.I4 if term // 100 == 4 else DType.I8), {}
    return DType.I8, {"hybrid": True}


def gemm(ctx: Context, layer: Layer) -> None:
    """``alpha (A B + beta C)``; A, B and C are stored or blobs."""
    rows, columns, depth = layer.whole(7), layer.whole(8), layer.whole(9)
    blobs = [ctx.x(layer, i) for i in range(len(layer.inputs))]
    stored_a, stored_b = layer.whole(4), layer.whole(5)
    if len(blobs) < 2 - bool(stored_a) - bool(stored_b):
        raise layer.problem(f"has {len(blobs)} inputs for its matrices that are not stored")
    blobs = [_matrix(ctx, layer, name) for name in blobs]
    if stored_b and not stored_a and layer.whole(3) and not layer.whole(2):
        biased = bool(layer.whole(6)) and layer.whole(10) == 4  # C is one number per column
        y, used = _linear(ctx, layer, blobs[0], columns, depth, biased), 1
    else:
        biased = False
        y, used = _product(ctx, layer, blobs, (rows, columns, depth))
    if not biased:
        y = _plus_c(ctx, layer, y, blobs[used:])
    ctx.bind(layer, _output_form(ctx, layer, y))


def _matrix(ctx: Context, layer: Layer, name: str) -> str:
    """A vector is one row; a blob ``[M, 1, K]`` (an earlier result in that form) is a matrix of M rows."""
    shape = ctx.shape(name)
    if len(shape) == 1:
        return ctx.view(layer, name, (1, *shape), "row")
    return ctx.view(layer, name, (shape[0], shape[2]), "rows") if len(shape) == 3 and shape[1] == 1 else name


def _linear(ctx: Context, layer: Layer, x: str, columns: int, depth: int, biased: bool) -> str:
    """Stored weights ``[columns, depth]``: a fully connected layer."""
    dtype, attributes = _weight_format(layer)
    shape = ctx.shape(x)
    if len(shape) != 2 or shape[1] != depth or columns < 1:
        raise layer.problem(f"weights of {columns} x {depth} do not fit a blob of shape {list(shape)}")
    bias = [ctx.weight(layer, "bias", (columns,))] if biased else []
    return ctx.one(layer, "Dense", [x, ctx.weight(layer, "weight", (columns, depth), dtype), *bias], attributes)


def _product(ctx: Context, layer: Layer, blobs: list[str], sizes: tuple[int, int, int]) -> tuple[str, int]:
    """(result, number of blobs used)."""
    rows, columns, depth = sizes
    dtype, attributes = _weight_format(layer)
    transpose_a, transpose_b = bool(layer.whole(2)), bool(layer.whole(3))
    rest = list(blobs)
    a = ctx.weight(layer, "a", (depth, rows) if transpose_a else (rows, depth), dtype) if layer.whole(4) else rest.pop(0)
    b = ctx.weight(layer, "b", (columns, depth) if transpose_b else (depth, columns), dtype) if layer.whole(5) else rest.pop(0)
    y = ctx.one(layer, "MatMul", [a, b], {"transpose_a": transpose_a, "transpose_b": transpose_b, **attributes})
    if len(ctx.builder.shape(y)) == 2:  # both stored
        y = ctx.builder.add("Unsqueeze", [y], {"axes": [0]}, name=f"{y}/batch")
    return y, len(blobs) - len(rest)


def _plus_c(ctx: Context, layer: Layer, y: str, rest: list[str]) -> str:
    """C stored (its shape by parameter 10) or a blob."""
    rows, columns = ctx.shape(y)[-2:]
    if layer.whole(6):
        shapes = {0: (1,), 1: (rows, 1), 2: (rows, 1), 3: (rows, columns), 4: (columns,)}
        if layer.whole(10) not in (-1, *shapes):
            raise layer.problem(f"unknown broadcast type {layer.whole(10)}")
        return y if layer.whole(10) == -1 else ctx.one(layer, "Add", [y, ctx.weight(layer, "c", shapes[layer.whole(10)])], suffix="add")
    if not rest:
        return y
    c = rest[0]
    if ctx.shape(c) == (1, rows) and rows != columns:  # a vector with one number per row
        c = ctx.view(layer, c, (rows, 1), "column")
    return ctx.one(layer, "Add", [y, c], suffix="add")


def _output_form(ctx: Context, layer: Layer, y: str) -> str:
    if layer.whole(14):
        y = ctx.one(layer, "Transpose", [y], {"perm": [0, 2, 1]}, suffix="transposed")
    if layer.whole(11):
        y = ctx.view(layer, y, (ctx.shape(y)[0], 1, ctx.shape(y)[1]), "n1m")
    return y


def mat_mul(ctx: Context, layer: Layer) -> None:
    """NumPy's matmul; parameter 0: the second matrix is transposed."""
    a, b = ctx.x(layer), ctx.x(layer, 1)
    vector_a, vector_b = len(ctx.shape(a)) == 1, len(ctx.shape(b)) == 1
    a = ctx.view(layer, a, (1, *ctx.shape(a)), "row") if vector_a else a
    b = ctx.view(layer, b, (*ctx.shape(b), 1), "column") if vector_b else b
    y = ctx.one(layer, "MatMul", [a, b], {"transpose_b": bool(layer.whole(0)) and not vector_b})
    shape = list(ctx.shape(y))
    if vector_a:
        shape.pop(-2)
    if vector_b:
        shape.pop(-1)
    ctx.bind(layer, ctx.view(layer, y, shape or [1], "vector"))


def _cached(ctx: Context, layer: Layer, position: int, new: str, suffix: str) -> str:
    """Put new keys or values ``[1, heads, steps, size]`` behind those of earlier runs and return all of them."""
    if position >= len(layer.inputs) or layer.inputs[position] not in ctx.caches:
        raise layer.problem(f"input {position} must be a key or value cache that comes from an Input layer")
    _, heads, steps, size = ctx.builder.shape(new)
    length = ctx.context + steps
    cache = ctx.builder.tensor(clean(layer.inputs[position]), (1, heads, length, size), ctx.dtype(new), "state")
    return ctx.one(layer, "CacheAppend", [cache, new], {"length": length}, suffix=suffix)


def sdpa(ctx: Context, layer: Layer) -> None:
    """Inputs: query, key, value (blobs of heads, steps, size), mask (if parameter 5), past key and value (if 7); outputs: result, caches."""
    names = [ctx.x(layer, i) for i in range(3)]
    if any(len(ctx.shape(name)) != 3 for name in names):
        raise layer.problem(f"needs blobs of three dimensions, they have {[list(ctx.shape(name)) for name in names]}")
    masked = bool(layer.whole(5))
    mask = [ctx.x(layer, 3)] if masked else []
    kept: list[str] = []
    if layer.whole(7):
        kept = [_cached(ctx, layer, 3 + masked + i, names[1 + i], suffix) for i, suffix in enumerate(("key_cache", "value_cache"))]
        names[1:] = kept
        ctx.aside.update(layer.outputs[1:])
    attributes = {"scale": layer.number(6)} if layer.number(6) else {}
    ctx.bind(layer, ctx.one(layer, "Attention", [*names, *mask], attributes), *kept)


def multi_head_attention(ctx: Context, layer: Layer) -> None:
    """Projections of query, key and value, attention in ``num_head`` heads, projection of the result; blobs are (steps, features)."""
    embed, heads = layer.count(0), layer.count(1, 1)
    masked, cached = bool(layer.whole(5)), bool(layer.whole(7))
    sources = len(layer.inputs) - masked - 2 * cached
    if not 1 <= sources <= 3 or embed % heads:
        raise layer.problem(f"{len(layer.inputs)} inputs, {embed} features in {heads} heads")
    positions = {1: (0, 0, 0), 2: (0, 1, 1), 3: (0, 1, 2)}[sources]
    q_dim = layer.count(2) // embed
    names = []
    for part, position, features in zip("qkv", positions, (q_dim, layer.whole(3, embed), layer.whole(4, embed)), strict=True):
        projected = _projection(ctx, layer, ctx.x(layer, position), embed, features, part)
        split = ctx.view(layer, projected, (ctx.shape(projected)[0], heads, embed // heads), f"{part}_heads")
        names.append(ctx.one(layer, "Transpose", [split], {"perm": [0, 2, 1, 3]}, suffix=f"{part}_transposed"))
    kept: list[str] = []
    if cached:
        kept = [_cached(ctx, layer, sources + masked + i, names[1 + i], suffix) for i, suffix in enumerate(("key_cache", "value_cache"))]
        names[1:] = kept
        ctx.aside.update(layer.outputs[1:])
    mask = [ctx.x(layer, sources)] if masked else []
    attended = ctx.one(layer, "Attention", [*names, *mask])
    joined = ctx.one(layer, "Transpose", [attended], {"perm": [0, 2, 1, 3]}, suffix="joined")
    rows = ctx.view(layer, joined, (ctx.shape(joined)[0], embed), "rows")
    ctx.bind(layer, _projection(ctx, layer, rows, q_dim, embed, "out"), *kept)


def _projection(ctx: Context, layer: Layer, x: str, out: int, features: int, part: str) -> str:
    if len(ctx.shape(x)) != 2 or ctx.shape(x)[1] != features:
        raise layer.problem(f"{features} features do not fit a blob of shape {list(ctx.shape(x))}")
    dtype, attributes = _weight_format(layer)
    weights = [ctx.weight(layer, f"{part}_weight", (out, features), dtype), ctx.weight(layer, f"{part}_bias", (out,))]
    return ctx.one(layer, "Dense", [x, *weights], attributes, suffix=f"{part}_projection")


def rotary_embed(ctx: Context, layer: Layer) -> None:
    """Inputs: x, cosines, sines."""
    ctx.bind(layer, ctx.one(layer, "RotaryEmbedding", [ctx.x(layer, i) for i in range(3)], {"interleaved": bool(layer.whole(0))}))


_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(ctx: Context, layer: Layer) -> None:
    """A blob (steps, features) -> (steps, outputs); with states as further inputs and outputs."""
    x = ctx.x(layer)
    shape = ctx.shape(x)
    out, directions, gates = layer.count(0), 2 if layer.whole(2) == 2 else 1, _GATES[layer.type]
    hidden = layer.count(3, out) if layer.type == "LSTM" else out
    if len(shape) != 2 or layer.whole(1) != directions * gates * hidden * shape[1]:
        raise layer.problem(f"{layer.whole(1)} weights for {out} outputs do not fit a blob of shape {list(shape)}")
    dtype = DType.I8 if layer.whole(8) else DType.F32
    attributes: dict[str, Any] = {"hybrid": True} if layer.whole(8) else {}
    inputs = [
        ctx.builder.add("Reshape", [x], {"shape": [shape[0], 1, shape[1]], "allowzero": True}, name=f"{layer.label}/time"),
        ctx.weight(layer, "weights", (directions, gates * hidden, shape[1]), dtype),
        ctx.weight(layer, "recurrent", (directions, gates * hidden, out), dtype),
        ctx.weight(layer, "bias", (directions, (4 if layer.type == "GRU" else gates) * hidden)),
    ]
    if hidden != out:
        inputs.append(ctx.weight(layer, "projection", (directions, out, hidden), dtype))
        attributes["hidden"] = hidden
    states = [ctx.x(layer, i) for i in range(1, len(layer.inputs))]
    made = ctx.builder.add_many("ProjectedLSTM" if hidden != out else layer.type, [*inputs, *states], attributes, name=layer.label, outputs=len(layer.outputs))
    y = ctx.builder.add("Reshape", [made[0]], {"shape": [1, shape[0], directions * out], "allowzero": True}, name=f"{layer.label}/rows")
    last = [ctx.builder.add("Reshape", [name], {"shape": [1, directions, -1]}, name=f"{name}/state") for name in made[1:]]
    ctx.bind(layer, y, *last)


HANDLERS: dict[str, Any] = {
    "Gemm": gemm,
    "MatMul": mat_mul,
    "SDPA": sdpa,
    "MultiHeadAttention": multi_head_attention,
    "RotaryEmbed": rotary_embed,
    "LSTM": recurrent,
    "GRU": recurrent,
    "RNN": recurrent,
}
