"""Which weights a training step changes."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sim.errors import ModelError
from sim.graph.ir import Graph, Op
from sim.passes.training.options import TrainingOptions

FLOAT_NAMES = ("F32", "F16", "BF16", "F64")


def is_float(graph: Graph, name: str) -> bool:
    """Whether a tensor's elements can have gradients."""
    return graph.tensors[name].dtype.name in FLOAT_NAMES


def trained_weights(graph: Graph, options: TrainingOptions) -> dict[str, None]:
    """Names of the weights that are trained, in the order of their use. Raises ModelError where there are none."""
    layers = [op for op in graph.ops if _weights(graph, op)]
    if not layers:
        raise ModelError(f"{graph.name}: nothing to train: it has no weights in a float format (train the network before it is quantized)")
    chosen = _chosen(graph, layers, options)
    names = [name for op in chosen for name in _weights(graph, op)]
    if options.trainable == "bias":
        names = [name for name in names if len(graph.tensors[name].shape) == 1 and not _is_scale(graph, name)]
    if not names:
        raise ModelError(f"{graph.name}: the chosen layers have no biases; leave trainable: bias out, or choose others")
    return dict.fromkeys(names)


def _weights(graph: Graph, op: Op) -> list[str]:
    return [name for name in op.inputs if name and graph.tensors[name].role == "weight" and is_float(graph, name)]


def _is_scale(graph: Graph, name: str) -> bool:
    """Second operands of one dimension are scales (of normalisations), not biases."""
    return any(len(op.inputs) > 1 and op.inputs[1] == name and op.type != "Add" for op in graph.ops)


def _chosen(graph: Graph, layers: list[Op], options: TrainingOptions) -> list[Op]:
    if options.last is not None:
        products = [op for op in layers if any(len(graph.tensors[name].shape) > 1 for name in _weights(graph, op))] or layers
        first = products[max(len(products) - options.last, 0)]
        return layers[layers.index(first) :]
    if not options.only:
        return layers
    for pattern in options.only:
        if not any(fnmatchcase(op.name, pattern) for op in layers):
            raise ModelError(f"{graph.name}: no layer with weights is named like {pattern!r}; the last ones are {', '.join(op.name for op in layers[-3:])}")
    return [op for op in layers if any(fnmatchcase(op.name, pattern) for pattern in options.only)]
