"""A NumPy interpreter of training graphs in float64: forward operators, and gradient operators by their textbook formulas."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from sim.graph.ir import Graph, Op
from sim.passes.evaluate import UNARY, evaluate, gelu

Array = np.ndarray


def run(graph: Graph, values: dict[str, Array]) -> dict[str, Array]:
    """Every tensor's value."""
    values = dict(values)
    for op in graph.ops:
        inputs = [values[name] for name in op.inputs]
        made = _adam(inputs, int(values["step"])) if op.type == "AdamUpdate" else _compute(graph, op, inputs)
        for name, value in zip(op.outputs, made if isinstance(made, tuple) else (made,), strict=True):
            assert np.shape(value) == graph.tensors[name].shape, (op.name, op.type, np.shape(value), graph.tensors[name].shape)
            values[name] = np.asarray(value)
    return values


def _adam(v: list[Array], step: int) -> tuple[Array, Array, Array]:
    """Step number ``step``, from 1 on, of Adam with the rates its authors recommend and a learning rate of 0.01."""
    first, second = 0.9 * v[1] + 0.1 * v[3], 0.999 * v[2] + 0.001 * v[3] ** 2
    rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return v[0] - rate * first / (np.sqrt(second) + 1e-8), first, second


def _compute(graph: Graph, op: Op, x: list[Array]) -> Any:
    if op.type in OWN:
        return OWN[op.type](op, x)
    tensor = graph.tensors[op.outputs[0]]
    value = evaluate(op, x, tensor.shape, tensor.dtype)
    assert value is not None, op.type
    return value


def _windows(op: Op, x: Array, w_shape: tuple[int, ...], out: tuple[int, ...]):
    """For each position of the window: (index in the window, slice of the padded input)."""
    strides, pads, dilations = (op.attributes.get(key, default) for key, default in (("strides", (1, 1)), ("pads", (0,) * 4), ("dilations", (1, 1))))
    padded = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    for i, j in product(range(w_shape[-2]), range(w_shape[-1])):
        a, b = i * dilations[0], j * dilations[1]
        yield (
            (i, j),
            (slice(None), slice(None), slice(a, a + strides[0] * (out[0] - 1) + 1, strides[0]), slice(b, b + strides[1] * (out[1] - 1) + 1, strides[1])),
            padded,
        )


def _grouped(x: Array, groups: int) -> Array:
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])


def _conv(op: Op, v: list[Array]) -> Array:
    x, w, g = v[0], v[1], op.attributes.get("group", 1)
    pads, strides, dil = op.attributes.get("pads", (0,) * 4), op.attributes.get("strides", (1, 1)), op.attributes.get("dilations", (1, 1))
    out = tuple((x.shape[2 + i] + pads[i] + pads[i + 2] - dil[i] * (w.shape[2 + i] - 1) - 1) // strides[i] + 1 for i in (0, 1))
    y = np.zeros((x.shape[0], g, w.shape[0] // g, *out))
    weights = w.reshape(g, w.shape[0] // g, *w.shape[1:])
    for (i, j), cut, padded in _windows(op, x, w.shape, out):
        y += np.einsum("ngchw,goc->ngohw", _grouped(padded[cut], g), weights[..., i, j])
    y = y.reshape(x.shape[0], w.shape[0], *out)
    return y + v[2][:, None, None] if len(v) > 2 else y


def _conv_input_grad(op: Op, v: list[Array]) -> Array:
    dy, w, g = v[0], v[1], op.attributes.get("group", 1)
    shape, pads = op.attributes["shape"], op.attributes.get("pads", (0,) * 4)
    weights = w.reshape(g, w.shape[0] // g, *w.shape[1:])
    total = np.zeros((shape[0], shape[1], shape[2] + pads[0] + pads[2], shape[3] + pads[1] + pads[3]))
    for (i, j), cut, _ in _windows(op, np.zeros(shape), w.shape, dy.shape[2:]):
        part = np.einsum("ngohw,goc->ngchw", _grouped(dy, g), weights[..., i, j])
        total[cut] += part.reshape(shape[0], shape[1], *dy.shape[2:])
    return total[:, :, pads[0] : pads[0] + shape[2], pads[1] : pads[1] + shape[3]]


def _conv_weight_grad(op: Op, v: list[Array]) -> Array:
    dy, x, g, shape = v[0], v[1], op.attributes.get("group", 1), op.attributes["shape"]
    made = np.zeros((g, shape[0] // g, *shape[1:]))
    for (i, j), cut, padded in _windows(op, x, shape, dy.shape[2:]):
        made[..., i, j] = np.einsum("ngohw,ngchw->goc", _grouped(dy, g), _grouped(padded[cut], g))
    return made.reshape(shape)


def _pool_windows(op: Op, x: Array, out: tuple[int, ...]):
    return _windows(op, x, op.attributes["kernel"], out)


def _pool_out(op: Op, x: Array) -> tuple[int, ...]:
    k, s, p = op.attributes["kernel"], op.attributes["strides"], op.attributes["pads"]
    return tuple((x.shape[2 + i] + p[i] + p[i + 2] - k[i]) // s[i] + 1 for i in (0, 1))


def _max_pool(op: Op, v: list[Array]) -> Array:
    return np.max([padded[cut] for _, cut, padded in _pool_windows(op, v[0], _pool_out(op, v[0]))], axis=0)  # the tests pad nothing


def _max_pool_grad(op: Op, v: list[Array]) -> Array:
    dy, x = v
    y, dx = _max_pool(op, [x]), np.zeros_like(x)
    for _, cut, padded in _pool_windows(op, x, dy.shape[2:]):
        dx[cut] += np.where(padded[cut] == y, dy, 0)
    return dx


def _average_pool(op: Op, v: list[Array]) -> Array:
    return np.mean([padded[cut] for _, cut, padded in _pool_windows(op, v[0], _pool_out(op, v[0]))], axis=0)


def _average_pool_grad(op: Op, v: list[Array]) -> Array:
    dx, size = np.zeros(op.attributes["shape"]), np.prod(op.attributes["kernel"])
    for _, cut, _ in _pool_windows(op, dx, v[0].shape[2:]):
        dx[cut] += v[0] / size
    return dx


def _batch_norm_train(op: Op, v: list[Array]) -> tuple[Array, Array, Array]:
    x, scale, bias = v
    mean, deviation = x.mean((0, 2, 3)), 1 / np.sqrt(x.var((0, 2, 3)) + 1e-5)
    at = (None, slice(None), None, None)
    return (x - mean[at]) * (deviation * scale)[at] + bias[at], mean, deviation


def _batch_norm_grad(op: Op, v: list[Array]) -> tuple[Array, Array, Array]:
    dy, x, scale, mean, deviation = v
    at, axes = (None, slice(None), None, None), (0, 2, 3)
    normal = (x - mean[at]) * deviation[at]
    dscale, dbias, count = (dy * normal).sum(axes), dy.sum(axes), x.size / x.shape[1]
    return (scale * deviation)[at] * (dy - dbias[at] / count - normal * dscale[at] / count), dscale, dbias


def _layer_norm(op: Op, v: list[Array]) -> Array:
    x = v[0]
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * v[1] + v[2]


def _norm_grad(op: Op, v: list[Array]) -> tuple[Array, ...]:
    if op.attributes["of"] in ("GroupNorm", "InstanceNorm"):
        return _group_norm_grad(op, v)
    dy, x, scale = v
    axes = tuple(range(dy.ndim - 1))
    if op.attributes["of"] == "RMSNorm":
        r = 1 / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
        g = dy * scale
        return r * g - x * r**3 * (g * x).mean(-1, keepdims=True), (dy * x * r).sum(axes)
    deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    normal, g = (x - x.mean(-1, keepdims=True)) / deviation, dy * scale
    dx = (g - g.mean(-1, keepdims=True) - normal * (g * normal).mean(-1, keepdims=True)) / deviation
    return dx, (dy * normal).sum(axes), dy.sum(axes)


def _conv_transpose(op: Op, v: list[Array]) -> Array:
    """The input gradient of the convolution that goes the other way."""
    x, w, g = v[0], v[1], op.attributes.get("group", 1)
    pads, strides, extra = (op.attributes.get(key, default) for key, default in (("pads", (0,) * 4), ("strides", (1, 1)), ("output_padding", (0, 0))))
    out = [(x.shape[2 + i] - 1) * strides[i] + w.shape[2 + i] - pads[i] - pads[i + 2] + extra[i] for i in (0, 1)]
    back = Op(op.name, op.type, op.inputs, op.outputs, {**op.attributes, "shape": (x.shape[0], w.shape[1] * g, *out)})
    return _conv_input_grad(back, v[:2]) + v[2][:, None, None]


def _scores(op: Op, q: Array, k: Array, mask: Array | None) -> Array:
    scores = op.attributes["scale"] * q @ k.swapaxes(-1, -2) + (0 if mask is None else mask)
    allowed = np.tril(np.ones(scores.shape[-2:], bool)) if op.attributes["causal"] else np.ones(scores.shape[-2:], bool)
    return _softmax(np.where(allowed, scores, -np.inf))


def _attention(op: Op, v: list[Array]) -> Array:
    k, values = (np.repeat(part, v[0].shape[1] // part.shape[1], axis=1) for part in v[1:3])
    return _scores(op, v[0], k, v[3] if len(v) > 3 else None) @ values


def _attention_grad(op: Op, v: list[Array]) -> tuple[Array, ...]:
    dy, q, heads = v[0], v[1], v[2].shape[1]
    k, values = (np.repeat(part, q.shape[1] // heads, axis=1) for part in v[2:4])
    p, scale = _scores(op, q, k, v[4] if len(v) > 4 else None), op.attributes["scale"]
    dp = dy @ values.swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    dk, dv = (part.reshape(q.shape[0], heads, -1, *part.shape[2:]).sum(2) for part in (scale * ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ dy))
    return (scale * ds @ k, dk, dv, ds)[: len(op.outputs)]


def _groups_of(op: Op, of: str, x: Array) -> int:
    return x.shape[1] if of == "InstanceNorm" else op.attributes["num_groups"]


def _standard(x: Array, groups: int) -> tuple[Array, Array]:
    """Each sample's groups of channels at mean 0 and deviation 1, and their deviation."""
    parts = x.reshape(x.shape[0], groups, -1)
    deviation = np.sqrt(parts.var(-1, keepdims=True) + 1e-5)
    return (parts - parts.mean(-1, keepdims=True)) / deviation, deviation


def _group_norm(op: Op, v: list[Array]) -> Array:
    normal, _ = _standard(v[0], _groups_of(op, op.type, v[0]))
    return normal.reshape(v[0].shape) * v[1][:, None, None] + v[2][:, None, None]


def _group_norm_grad(op: Op, v: list[Array]) -> tuple[Array, ...]:
    dy, x, scale = v
    normal, deviation = _standard(x, _groups_of(op, op.attributes["of"], x))
    g = (dy * scale[:, None, None]).reshape(normal.shape)
    dx = (g - g.mean(-1, keepdims=True) - normal * (g * normal).mean(-1, keepdims=True)) / deviation
    return dx.reshape(x.shape), (dy * normal.reshape(x.shape)).sum((0, 2, 3)), dy.sum((0, 2, 3))


def _momentum(op: Op, v: list[Array]) -> tuple[Array, Array]:
    velocity = 0.9 * v[1] - 0.01 * v[2]
    return v[0] + velocity, velocity


def _softmax_grad(op: Op, v: list[Array]) -> Array:
    dy, y = v
    if op.attributes["of"] == "LogSoftmax":
        return dy - np.exp(y) * dy.sum(-1, keepdims=True)
    return y * (dy - (dy * y).sum(-1, keepdims=True))


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _activation_grad(op: Op, v: list[Array]) -> Array:
    """By finite differences of what it read; from what it made for those that are told by it."""
    dy, kept = v
    of = op.attributes["of"]
    meaning = gelu if of == "Gelu" else UNARY.get(of)
    known = {"Relu": lambda y: y > 0, "Relu6": lambda y: (y > 0) & (y < 6), "Sigmoid": lambda y: y * (1 - y), "Tanh": lambda y: 1 - y**2}
    return dy * (known[of](kept) if of in known else (meaning(kept + 1e-6) - meaning(kept - 1e-6)) / 2e-6)


def _matmul(op: Op, v: list[Array]) -> Array:
    a, b = v
    a = a.swapaxes(-1, -2) if op.attributes.get("transpose_a") else a
    return a @ (b.swapaxes(-1, -2) if op.attributes.get("transpose_b") else b)


def _cross_entropy(op: Op, v: list[Array]) -> tuple[Array, Array]:
    p = _softmax(v[0])
    return -np.log(np.take_along_axis(p, v[1][..., None], -1)).mean(), p


def _cross_entropy_grad(op: Op, v: list[Array]) -> Array:
    return (v[0] - np.eye(v[0].shape[-1])[v[1]]) / v[1].size


def _slice_grad(op: Op, v: list[Array]) -> Array:
    made = np.zeros(op.attributes["shape"])
    cut = [slice(None)] * made.ndim
    for start, end, axis in zip(op.attributes["starts"], op.attributes["ends"], op.attributes["axes"], strict=True):
        cut[axis] = slice(start, end)
    made[tuple(cut)] = v[0]
    return made


def _gather_grad(op: Op, v: list[Array]) -> Array:
    made = np.zeros(op.attributes["shape"])
    np.add.at(made, v[1], v[0])
    return made


def _reduce_grad(op: Op, v: list[Array]) -> Array:
    shape, axes = op.attributes["shape"], op.attributes["axes"]
    kept = tuple(1 if i in axes else extent for i, extent in enumerate(shape))
    spread = np.broadcast_to(v[0].reshape(kept), shape)
    return spread / np.prod([shape[axis] for axis in axes]) if op.attributes["mode"] == "mean" else spread


def _sliced(x: Array, axis: int, sizes: list[int]) -> tuple[Array, ...]:
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


OWN: dict[str, Any] = {
    "Conv": _conv, "ConvInputGrad": _conv_input_grad, "ConvWeightGrad": _conv_weight_grad, "MaxPool": _max_pool, "MaxPoolGrad": _max_pool_grad,
    "AveragePool": _average_pool, "AveragePoolGrad": _average_pool_grad, "BatchNormTrain": _batch_norm_train, "BatchNormGrad": _batch_norm_grad,
    "LayerNorm": _layer_norm, "NormGrad": _norm_grad, "ActivationGrad": _activation_grad, "MatMul": _matmul, "CrossEntropy": _cross_entropy,
    "RMSNorm": lambda op, v: v[0] / np.sqrt((v[0] ** 2).mean(-1, keepdims=True) + 1e-5) * v[1],
    "CrossEntropyGrad": _cross_entropy_grad, "SliceGrad": _slice_grad, "GatherGrad": _gather_grad, "ReduceGrad": _reduce_grad,
    "Dense": lambda op, v: v[0] @ v[1].T + (v[2] if len(v) > 2 else 0),
    "GlobalAveragePool": lambda op, v: v[0].mean((2, 3), keepdims=True),
    "GlobalAveragePoolGrad": lambda op, v: np.broadcast_to(v[0], op.attributes["shape"]) / np.prod(op.attributes["shape"][2:]),
    "Softmax": lambda op, v: _softmax(v[0]),
    "LogSoftmax": lambda op, v: np.log(_softmax(v[0])), "SoftmaxGrad": _softmax_grad,
    "ConvTranspose": _conv_transpose, "Attention": _attention, "AttentionGrad": _attention_grad, "GroupNorm": _group_norm, "InstanceNorm": _group_norm,
    "MomentumUpdate": _momentum,
    "SquaredError": lambda op, v: ((v[0] - v[1]) ** 2).mean(),
    "SquaredErrorGrad": lambda op, v: 2 * (v[0] - v[1]) / v[0].size,
    "Split": lambda op, v: _sliced(v[0], op.attributes["axis"], op.attributes["sizes"]),
    "SgdUpdate": lambda op, v: v[0] - v[1],  # a rate of 1: the difference is the gradient
    "CompressActivation": lambda op, v: v[0], "DecompressActivation": lambda op, v: v[0],
    "FrozenBatchNorm": lambda op, v: (v[0] - v[3][:, None, None]) / np.sqrt(v[4] + 1e-5)[:, None, None] * v[1][:, None, None] + v[2][:, None, None],
    "FrozenBatchNormGrad": lambda op, v: v[0] * (v[1] / np.sqrt(v[2] + 1e-5))[:, None, None],
}  # fmt: skip
