"""A small interpreter of graphs in NumPy and SciPy, apart from what the passes compute with: the judge of what a rewriting means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from sim.graph.builder import GraphBuilder
from sim.graph.ir import RUNNING, Graph, Op

Array = np.ndarray


def _convolution(x: Array, w: Array, bias: Array | None, attributes: dict[str, Any]) -> Array:
    """Direct convolution of ``[N, C, H, W]``."""
    pads = attributes.get("pads", 0)
    top, left, bottom, right = (pads,) * 4 if isinstance(pads, int) else pads
    strides = attributes.get("strides", 1)
    s_h, s_w = (strides,) * 2 if isinstance(strides, int) else strides
    group = attributes.get("group", 1)
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    out, per_group, k_h, k_w = w.shape
    h, v = (x.shape[2] - k_h) // s_h + 1, (x.shape[3] - k_w) // s_w + 1
    y = np.zeros((x.shape[0], out, h, v))
    for channel in range(out):
        first = channel // (out // group) * per_group
        for i in range(h):
            for j in range(v):
                window = x[:, first : first + per_group, i * s_h : i * s_h + k_h, j * s_w : j * s_w + k_w]
                y[:, channel, i, j] = (window * w[channel]).sum(axis=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


def _transposed(x: Array, w: Array, bias: Array | None, attributes: dict[str, Any]) -> Array:
    """Transposed convolution with stride s and no padding: every input pixel stamps its weights."""
    s, group = attributes.get("strides", 1), attributes.get("group", 1)
    c_in, per_group, k_h, k_w = w.shape
    y = np.zeros((x.shape[0], per_group * group, (x.shape[2] - 1) * s + k_h, (x.shape[3] - 1) * s + k_w))
    for channel in range(c_in):
        first = channel // (c_in // group) * per_group
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                y[:, first : first + per_group, i * s : i * s + k_h, j * s : j * s + k_w] += x[:, channel, i, j, None, None, None] * w[channel]
    return y if bias is None else y + bias[:, None, None]


def _norm(x: Array, scale: Array, shift: Array, mean: Array, variance: Array, epsilon: float) -> Array:
    shape = (1, -1, *(1,) * (x.ndim - 2))
    scale, shift, mean, variance = (part.reshape(shape) for part in (scale, shift, mean, variance))
    return (x - mean) / np.sqrt(variance + epsilon) * scale + shift


def _layer_norm(x: Array, operands: list[Array], epsilon: float) -> Array:
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    y = y * operands[0] if operands else y
    return y + operands[1] if len(operands) > 1 else y


def _rms_norm(x: Array, operands: list[Array], epsilon: float) -> Array:
    y = x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon)
    return y * operands[0] if operands else y


def _attention(q: Array, k: Array, v: Array, mask: Array | None, scale: float) -> Array:
    scores = np.einsum("bhmd,bhnd->bhmn", q, k) * scale
    return special.softmax(scores if mask is None else scores + mask, axis=-1) @ v


def _shuffle(x: Array, group: int) -> Array:
    n, c, *rest = x.shape
    return x.reshape(n, group, c // group, *rest).swapaxes(1, 2).reshape(x.shape)


def _gelu(x: Array, approximate: str) -> Array:
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + special.erf(x / np.sqrt(2)))


MEANING: dict[str, Callable[[Op, list[Array]], Array]] = {
    "Conv": lambda op, v: _convolution(v[0], v[1], v[2] if len(v) > 2 else None, op.attributes),
    "ConvTranspose": lambda op, v: _transposed(v[0], v[1], v[2] if len(v) > 2 else None, op.attributes),
    "Dense": lambda op, v: v[0] @ v[1].T + (v[2] if len(v) > 2 else 0),
    "MatMul": lambda op, v: v[0] @ (v[1].swapaxes(-1, -2) if op.attributes.get("transpose_b") else v[1]),
    "BatchNorm": lambda op, v: _norm(*v, epsilon=op.attributes.get("epsilon", 1e-5)),
    "LayerNorm": lambda op, v: _layer_norm(v[0], v[1:], op.attributes.get("epsilon", 1e-5)),
    "RMSNorm": lambda op, v: _rms_norm(v[0], v[1:], op.attributes.get("epsilon", 1e-5)),
    "Attention": lambda op, v: _attention(v[0], v[1], v[2], v[3] if len(v) > 3 else None, op.attributes.get("scale", 1.0)),
    "ChannelShuffle": lambda op, v: _shuffle(v[0], op.attributes["group"]),
    "Softmax": lambda op, v: special.softmax(v[0], axis=op.attributes.get("axis", -1)),
    "Relu": lambda op, v: np.where(v[0] > 0, v[0], 0.0),
    "Relu6": lambda op, v: np.minimum(np.where(v[0] > 0, v[0], 0.0), 6),
    "Clip": lambda op, v: np.minimum(np.maximum(v[0], op.attributes["min"]), op.attributes["max"]),
    "HardSigmoid": lambda op, v: np.clip(v[0] * op.attributes["alpha"] + op.attributes["beta"], 0, 1),
    "Sigmoid": lambda op, v: special.expit(v[0]),
    "Swish": lambda op, v: v[0] * special.expit(v[0]),
    "QuickGelu": lambda op, v: v[0] * special.expit(1.702 * v[0]),
    "HardSwish": lambda op, v: v[0] * np.clip(v[0] + 3, 0, 6) / 6,
    "Mish": lambda op, v: v[0] * np.tanh(np.log1p(np.exp(v[0]))),
    "Gelu": lambda op, v: _gelu(v[0], op.attributes.get("approximate", "none")),
    "Tanh": lambda op, v: np.tanh(v[0]),
    "Erf": lambda op, v: special.erf(v[0]),
    "Softplus": lambda op, v: np.log1p(np.exp(v[0])),
    "Sqrt": lambda op, v: v[0] ** 0.5,
    "Square": lambda op, v: v[0] * v[0],
    "Reciprocal": lambda op, v: 1 / v[0],
    "Add": lambda op, v: v[0] + v[1],
    "Sub": lambda op, v: v[0] - v[1],
    "Mul": lambda op, v: v[0] * v[1],
    "Div": lambda op, v: v[0] / v[1],
    "Pow": lambda op, v: v[0] ** v[1],
    "Reduce": lambda op, v: v[0].mean(axis=tuple(op.attributes["axes"]), keepdims=op.attributes.get("keepdims", True)),
    "Transpose": lambda op, v: np.moveaxis(v[0], op.attributes["perm"], range(v[0].ndim)),
    "Reshape": lambda op, v: v[0].reshape(op.attributes["shape"]),
    "Concat": lambda op, v: np.concatenate(v, op.attributes["axis"]),
    "Pad": lambda op, v: np.pad(v[0], list(zip(op.attributes["pads"][: v[0].ndim], op.attributes["pads"][v[0].ndim :], strict=True))),
    "Identity": lambda op, v: v[0],
    "Cast": lambda op, v: v[0],
}


def run_graph(graph: Graph, *inputs: Array) -> list[Array]:
    """Outputs of a graph whose stored tensors all have values."""
    values: dict[str, Array] = dict(zip(graph.inputs, inputs, strict=True))
    for tensor in graph.tensors.values():
        if tensor.is_stored:
            assert tensor.load is not None, f"{tensor.name} has no values"
            values[tensor.name] = np.asarray(tensor.load(), dtype=float)
    for op in graph.ops:
        result = MEANING[op.type](op, [values[name] for name in op.inputs if name])
        for fused in op.fused:
            result = MEANING[fused.type](fused, [result if name == RUNNING else values[name] for name in fused.inputs])
        assert result.shape == graph.tensors[op.outputs[0]].shape, op.name
        values[op.outputs[0]] = result
    return [values[name] for name in graph.outputs]


class ValueBuilder(GraphBuilder):
    """A builder whose stored tensors have random values."""

    def __init__(self, name: str = "net", seed: int = 0) -> None:
        super().__init__(name)
        self.random = np.random.default_rng(seed)

    def stored(self, name: str, shape: tuple[int, ...], role: Any = "weight", *, positive: bool = False) -> str:
        values = self.random.normal(size=shape)
        return self.value(name, np.abs(values) + 0.1 if positive else values, role)

    def value(self, name: str, values: Any, role: Any = "constant") -> str:
        array = np.asarray(values, dtype=float)
        return self.tensor(name, array.shape, None, role, load=lambda: array)

    def conv(self, x: str, channels: int, kernel: int = 3, **attributes: Any) -> str:
        group = attributes.get("group", 1)
        return self.add("Conv", [x, self.stored("w", (channels, self.shape(x)[1] // group, kernel, kernel))], {"pads": kernel // 2, **attributes})

    def norm(self, x: str) -> str:
        c = (self.shape(x)[1],)
        statistics = [self.stored("m", c, "constant"), self.stored("v", c, "constant", positive=True)]
        return self.add("BatchNorm", [x, self.stored("g", c), self.stored("b", c), *statistics])


@pytest.fixture
def net() -> ValueBuilder:
    return ValueBuilder()


@pytest.fixture
def same() -> Callable[[Graph, Graph], None]:
    """Asserts that two graphs compute the same from random inputs."""

    def check(before: Graph, after: Graph) -> None:
        random = np.random.default_rng(1)
        inputs = [random.normal(size=before.tensors[name].shape) * 2 for name in before.inputs]
        for one, other in zip(run_graph(before, *inputs), run_graph(after, *inputs), strict=True):
            np.testing.assert_allclose(other, one, rtol=2e-4, atol=2e-4)

    return check


@pytest.fixture
def types() -> Callable[[Graph], list[str]]:
    """Labels of a graph's operators, in order."""
    return lambda graph: [op.label for op in graph.ops]
