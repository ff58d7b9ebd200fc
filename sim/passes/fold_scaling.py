"""Fold scaling of an image into the weights of the convolution that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.graph.ir import Graph, Op, Tensor
from sim.graph.ops.definition import as_tuple
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, fresh_name, remove_ops

Affine = Callable[[], tuple[np.ndarray, np.ndarray]]  # factor and summand of each input channel
_STEPS = ("Add", "Sub", "Mul", "Div")


@PASSES.register("fold_scaling")
@dataclass(frozen=True)
class FoldScaling(Pass):
    """``conv((x - mean) / deviation)`` becomes a convolution with other weights and bias, where the convolution pads nothing.

    With zero padding the mean would reach into the border, so such a chain stays.
    """

    name = "fold_scaling"

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        gone: list[Op] = []
        for conv in graph.ops:
            steps = _steps_before(graph, uses, conv) if _takes_scaling(graph, uses, conv) else []
            if steps:
                _fold(graph, conv, steps)
                gone += steps
        remove_ops(graph, gone)


def _takes_scaling(graph: Graph, uses: Uses, conv: Op) -> bool:
    if conv.type != "Conv" or int(conv.attributes.get("group", 1)) != 1 or conv.attributes.get("layout", "NCHW") != "NCHW":
        return False
    rank = len(graph.tensors[conv.inputs[0]].shape) - 2
    unpadded = conv.attributes.get("auto_pad", "NOTSET") in ("NOTSET", "VALID", "") and not any(as_tuple(conv.attributes.get("pads", 0), 2 * rank))
    weight = graph.tensors[conv.inputs[1]]
    return unpadded and weight.is_stored and uses.only_read_by(weight.name, [conv])


def _steps_before(graph: Graph, uses: Uses, conv: Op) -> list[Op]:
    """The chain of additions and products with one stored number a channel that ends in ``conv``, in order."""
    steps: list[Op] = []
    name, channels = conv.inputs[0], graph.tensors[conv.inputs[0]].shape[1]
    while True:
        step = uses.maker.get(name)
        if step is None or step.type not in _STEPS or step.fused or len(step.inputs) != 2 or uses.sole_reader(name) is None:
            return steps
        image, stored = (graph.tensors[operand] for operand in step.inputs)
        per_channel = stored.elements == 1 or (stored.elements == channels and stored.shape[-3:] == (channels, 1, 1))
        if not stored.is_stored or image.is_stored or not per_channel or image.shape != graph.tensors[name].shape:
            return steps
        steps.insert(0, step)
        name = step.inputs[0]


def _fold(graph: Graph, conv: Op, steps: list[Op]) -> None:
    weight = graph.tensors[conv.inputs[1]]
    bias = graph.tensors[conv.inputs[2]] if len(conv.inputs) > 2 and conv.inputs[2] else None
    scaled = Tensor(fresh_name(graph, f"{weight.name}.scaled"), weight.shape, weight.dtype, weight.role, None)
    shift = Tensor(fresh_name(graph, f"{conv.name}.shift"), (weight.shape[0],), bias.dtype if bias else weight.dtype, "weight")
    operands = [graph.tensors[step.inputs[1]].load for step in steps]
    loads = [load for load in operands if load is not None]
    if weight.load is not None and len(loads) == len(steps) and (bias is None or bias.load is not None):
        affine = _affine([step.type for step in steps], loads, weight.shape[1])
        old_weight, old_bias = weight.load, bias.load if bias else None
        scaled.load = lambda: np.asarray(_by_channel(old_weight(), affine()[0]), dtype=np.asarray(old_weight()).dtype)
        shift.load = lambda: np.asarray(
            _by_channel(old_weight(), affine()[1]).reshape(weight.shape[0], -1).sum(axis=1) + (old_bias() if old_bias else 0.0), dtype=np.float32
        )
    graph.tensors |= {scaled.name: scaled, shift.name: shift}
    conv.inputs = (steps[0].inputs[0], scaled.name, shift.name)


def _affine(kinds: list[str], loads: list[Callable[[], np.ndarray]], channels: int) -> Affine:
    def read() -> tuple[np.ndarray, np.ndarray]:
        factor, summand = np.ones(channels), np.zeros(channels)
        for kind, load in zip(kinds, loads, strict=True):
            value = np.asarray(load(), dtype=float).ravel()
            if kind in ("Add", "Sub"):
                summand = summand + (value if kind == "Add" else -value)
            else:
                scale = value if kind == "Mul" else 1.0 / value
                factor, summand = factor * scale, summand * scale
        return factor, summand

    return read


def _by_channel(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    weight = np.asarray(weight, dtype=float)
    return weight * values.reshape(1, -1, *(1,) * (weight.ndim - 2))
