"""What layers compute, in NumPy: the sums that neurons integrate, and the places each input spike reaches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.errors import ModelError
from sim.graph.ir import Graph, Op
from sim.graph.ops.definition import as_tuple
from sim.graph.ops.spatial import split_layout
from sim.graph.ops.spiking import PLAIN, connections, window_pads, window_uses

Array = np.ndarray


class Layers:
    """The linear operators of a graph over samples: arrays ``[samples, ...]``, whatever batch the graph states."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.stored: dict[str, Array] = {}

    def linear(self, op: Op, values: Mapping[str, Array], with_bias: bool = True) -> Array:
        """The sums an operator (spiking or plain) gives. Raises ModelError where weights have no values."""
        type, x = PLAIN.get(op.type, op.type), values.get(op.inputs[0])
        if type == "Add":
            terms = [values[name] if name in values else self.value(name) for name in op.inputs]
            return np.asarray(terms[0] + terms[1])
        assert x is not None
        if type == "Dense":
            return self._with_bias(op, np.asarray(x @ self.value(op.inputs[1]).T), -1, with_bias)
        if type == "Conv":
            axis = -1 if op.attributes.get("layout", "NCHW") == "NHWC" else 1
            return self._with_bias(op, self._convolved(op, x), axis, with_bias)
        if type == "AveragePool":
            return self._pooled(op, x)
        if type == "GlobalAveragePool":
            _, _, spatial = split_layout(op, x.shape)
            first = 1 if op.attributes.get("layout", "NCHW") == "NHWC" else 2
            return np.asarray(x.mean(axis=tuple(range(first, first + len(spatial))), keepdims=True))
        raise ModelError(f"{op.name}: {op.type} is no layer of neurons")

    def value(self, name: str) -> Array:
        """Stored values, in double precision."""
        if name not in self.stored:
            load = self.graph.tensors[name].load
            if load is None:
                raise ModelError(
                    f"running a spiking network needs its weights; {name!r} has none (built-in networks are structures): give an .onnx or .tflite file"
                )
            self.stored[name] = np.asarray(load(), dtype=np.float64)
        return self.stored[name]

    def _with_bias(self, op: Op, sums: Array, axis: int, with_bias: bool) -> Array:
        if not with_bias or len(op.inputs) < 3 or not op.inputs[2]:
            return sums
        shape = [1] * sums.ndim
        shape[axis] = -1
        return np.asarray(sums + self.value(op.inputs[2]).reshape(shape))

    def _convolved(self, op: Op, x: Array) -> Array:
        weights = self.value(op.inputs[1])
        patches = self._windows(op, x, weights.shape[2:])  # [samples, channels, *out, *kernel]
        groups, rank = int(op.attributes.get("group", 1)), weights.ndim - 2
        parts = []
        for part, kernel in zip(np.split(patches, groups, axis=1), np.split(weights, groups, axis=0), strict=True):
            kernels = list(range(rank))
            sums = np.tensordot(part, kernel, axes=([1, *(2 + rank + i for i in kernels)], [1, *(2 + i for i in kernels)]))  # [samples, *out, channels]
            parts.append(sums)
        joined = np.concatenate(parts, axis=-1)
        return joined if op.attributes.get("layout", "NCHW") == "NHWC" else np.moveaxis(joined, -1, 1)

    def _pooled(self, op: Op, x: Array) -> Array:
        _, _, spatial = split_layout(op, x.shape)
        kernel = as_tuple(op.attributes["kernel"], len(spatial))
        patches = self._windows(op, x, kernel)
        axes = tuple(range(2 + len(kernel), patches.ndim))
        if op.attributes.get("count_include_pad"):
            means = patches.mean(axis=axes)
        else:
            inside = self._windows(op, np.ones_like(x[:1]), kernel).sum(axis=axes)
            means = patches.sum(axis=axes) / inside
        return np.asarray(np.moveaxis(means, 1, -1) if op.attributes.get("layout", "NCHW") == "NHWC" else means)

    def _windows(self, op: Op, x: Array, kernel: tuple[int, ...]) -> Array:
        """Every window of an image: ``[samples, channels, *out, *kernel]``."""
        images = np.moveaxis(x, -1, 1) if op.attributes.get("layout", "NCHW") == "NHWC" else x
        rank = len(kernel)
        out = split_layout(op, self.graph.tensors[op.outputs[0]].shape)[2]
        strides, dilations = as_tuple(op.attributes.get("strides", 1), rank), as_tuple(op.attributes.get("dilations", 1), rank)
        padded = np.pad(images, [(0, 0), (0, 0), *window_pads(op, images.shape[2:], kernel, out)])
        reach = tuple(d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True))
        slid = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + rank)))
        places = [slice(0, strides[axis] * (out[axis] - 1) + 1, strides[axis]) for axis in range(rank)]
        elements = [slice(None, None, dilation) for dilation in dilations]
        return slid[(slice(None), slice(None), *places, *elements)]


def fan_out(graph: Graph, op: Op, index: int) -> Array:
    """Of every element of activation input ``index`` of a spiking operator, the connections a spike of it takes; shape that of one sample."""
    inputs = [graph.tensors[name] if name else None for name in op.inputs]
    x, made = graph.tensors[op.inputs[index]], graph.tensors[op.outputs[0]]
    plain = PLAIN[op.type]
    if plain == "Dense":
        return np.full(x.shape[1:], graph.tensors[op.inputs[1]].shape[0], dtype=float)
    if plain in ("Conv", "AveragePool"):
        spatial = split_layout(op, x.shape)[2]
        weights = graph.tensors[op.inputs[1]].shape if plain == "Conv" else None
        kernel = weights[2:] if weights else as_tuple(op.attributes["kernel"], len(spatial))
        uses = np.ones(())
        for axis in window_uses(op, spatial, kernel, split_layout(op, made.shape)[2]):
            uses = np.multiply.outer(uses, np.array(axis, dtype=float))
        each = uses * (weights[0] / int(op.attributes.get("group", 1)) if weights else 1.0)
        last = op.attributes.get("layout", "NCHW") == "NHWC"
        return np.broadcast_to(each[..., None] if last else each[None], x.shape[1:])
    if plain == "Add":  # broadcast to the output: a position that stands for several reaches all of them
        return np.full(x.shape[1:], made.elements / max(x.elements, 1))
    links = connections(op, inputs, made)[0]
    return np.full(x.shape[1:], links / max(x.elements, 1))
