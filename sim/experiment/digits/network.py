"""Chains of dense layers as trained here, and as graphs that the passes compress and the exporter writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.errors import ModelError
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.compression.weights import as_rows, from_rows

INPUT, OUTPUT = "pixels", "probabilities"


@dataclass(frozen=True)
class Layer:
    """``activation(x weight^T + bias)``: weight ``[out, in]``, bias ``[out]``; ``relu`` or nothing."""

    weight: np.ndarray
    bias: np.ndarray
    relu: bool


Network = tuple[Layer, ...]


def initial(sizes: Sequence[int], seed: int) -> Network:
    """Random weights (He et al. 2015, arXiv:1502.01852) and no biases, for layers of these widths, the input first."""
    random = np.random.default_rng([seed, 2])
    pairs = list(pairwise(sizes))
    return tuple(
        Layer(random.normal(0, (2 / wide) ** 0.5, (out, wide)).astype(np.float32), np.zeros(out, np.float32), index < len(pairs) - 1)
        for index, (wide, out) in enumerate(pairs)
    )


def logits(network: Network, images: np.ndarray) -> np.ndarray:
    """What softmax is taken of: ``[n, classes]``."""
    values = images
    for layer in network:
        values = values @ layer.weight.T + layer.bias
        values = np.maximum(values, 0) if layer.relu else values
    return values


def graph_of(network: Network, name: str = "digits_mlp", batch: int = 1) -> Graph:
    """The network as a graph with its weights, softmax at its end."""
    builder = GraphBuilder(name)
    value = builder.input(INPUT, (batch, network[0].weight.shape[1]))
    for number, layer in enumerate(network, start=1):
        operands = [builder.tensor(f"dense{number}.{part}", held.shape, role="weight", load=_holder(held)) for part, held in _parts(layer)]
        value = builder.add("Dense", [value, *operands], name=f"dense{number}")
        value = builder.add("Relu", [value], name=f"relu{number}") if layer.relu else value
    return builder.finish(builder.add("Softmax", [value], {"axis": -1}, name=OUTPUT))


def network_of(graph: Graph) -> Network:
    """The layers of a graph that is a chain of dense layers, quantized weights as the real numbers they stand for.

    Raises ModelError for any other graph.
    """
    layers: list[Layer] = []
    for op in graph.ops:
        if op.type == "Dense":
            layers.append(_layer(graph, op))
        elif op.type == "Relu" and layers:
            layers[-1] = Layer(layers[-1].weight, layers[-1].bias, True)
        elif op.type != "Softmax":
            raise ModelError(f"{graph.name}: {op.name} ({op.type}) has no place in a chain of dense layers")
    return tuple(layers)


def _layer(graph: Graph, op: Op) -> Layer:
    weight = real_values(graph.tensors[op.inputs[1]])
    bias = real_values(graph.tensors[op.inputs[2]]) if len(op.inputs) > 2 and op.inputs[2] else np.zeros(len(weight))
    return Layer(weight.astype(np.float32), bias.astype(np.float32), any(inner.type == "Relu" for inner in op.fused))


def real_values(tensor: Tensor) -> np.ndarray:
    """The real numbers that a stored tensor stands for. Raises ModelError where it has no values."""
    if tensor.load is None:
        raise ModelError(f"no values are stored for {tensor.name!r}")
    stored, grid = np.asarray(tensor.load()), tensor.quantization
    if grid is None:
        return stored
    rows = as_rows(stored.astype(np.float64), grid.axis)
    scale, point = np.array(grid.scale)[:, None], np.array(grid.zero_point)[:, None]
    return from_rows((rows - point) * scale, stored.shape, grid.axis)


def _parts(layer: Layer) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    return ("weight", layer.weight), ("bias", layer.bias)


def _holder(values: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: values
