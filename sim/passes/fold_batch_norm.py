"""Fold batch normalisation into the weights and bias of the operator before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device_models.work import DType
from sim.graph.ir import Graph, Op, Tensor
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, fresh_name, remove_ops

_OUT_AXIS = {"Conv": 0, "ConvTranspose": 1, "Dense": 0}
Load = Callable[[], np.ndarray]


@PASSES.register("fold_batch_norm")
@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """``BN(conv(x))`` becomes a convolution with scaled weights and a bias: scale and shift of the statistics are absorbed.

    ``hosts``: the operators whose weights are scaled.
    """

    name = "fold_batch_norm"
    hosts: tuple[str, ...] = ("Conv", "ConvTranspose", "Dense")

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        gone = []
        for norm in graph.ops:
            host = uses.maker.get(norm.inputs[0]) if norm.type == "BatchNorm" else None
            if host is None or host.type not in self.hosts or not _foldable(graph, uses, host, norm):
                continue
            _fold(graph, host, norm)
            uses.maker[norm.outputs[0]] = host
            gone.append(norm)
        remove_ops(graph, gone)


def _foldable(graph: Graph, uses: Uses, host: Op, norm: Op) -> bool:
    if host.fused or norm.fused or uses.sole_reader(host.outputs[0]) is not norm:
        return False
    weight = graph.tensors[host.inputs[1]]
    stored = weight.is_stored and all(name and graph.tensors[name].is_stored for name in norm.inputs[1:5]) and len(norm.inputs) == 5
    floating = weight.dtype in (DType.F32, DType.F16, DType.BF16, DType.F64)
    channels = _channels(host, weight)
    plain_axis = host.type != "Dense" or len(graph.tensors[host.outputs[0]].shape) == 2
    if not (stored and floating and plain_axis and uses.only_read_by(weight.name, [host])):
        return False
    return all(graph.tensors[name].elements == channels for name in norm.inputs[1:5])


def _channels(host: Op, weight: Tensor) -> int:
    return weight.shape[1] * int(host.attributes.get("group", 1)) if host.type == "ConvTranspose" else weight.shape[0]


def _fold(graph: Graph, host: Op, norm: Op) -> None:
    weight = graph.tensors[host.inputs[1]]
    bias = graph.tensors[host.inputs[2]] if len(host.inputs) > 2 and host.inputs[2] else None
    statistics = [graph.tensors[name] for name in norm.inputs[1:5]]
    channels, epsilon = _channels(host, weight), float(norm.attributes.get("epsilon", 1e-5))
    groups = int(host.attributes.get("group", 1)) if host.type == "ConvTranspose" else 1
    loads = [tensor.load for tensor in statistics]
    shift = Tensor(fresh_name(graph, f"{norm.name}.shift"), (channels,), weight.dtype, "weight")
    scaled = Tensor(fresh_name(graph, f"{weight.name}.scaled"), weight.shape, weight.dtype, weight.role, sparsity=weight.sparsity)
    if weight.load is not None and all(load is not None for load in loads) and (bias is None or bias.load is not None):
        numbers = _numbers([load for load in loads if load is not None], epsilon)
        scaled.load = _scaled(weight.load, numbers, _OUT_AXIS[host.type], groups)
        shift.load = _shift(bias.load if bias else None, numbers)
    graph.tensors |= {shift.name: shift, scaled.name: scaled}
    host.inputs = (host.inputs[0], scaled.name, shift.name)
    host.outputs = norm.outputs


def _numbers(loads: list[Load], epsilon: float) -> Callable[[], tuple[np.ndarray, ...]]:
    def read() -> tuple[np.ndarray, ...]:
        gamma, beta, mean, variance = (np.asarray(load(), dtype=float).ravel() for load in loads)
        return gamma / np.sqrt(variance + epsilon), beta, mean

    return read


def _scaled(load: Load, numbers: Callable[[], tuple[np.ndarray, ...]], axis: int, groups: int) -> Load:
    def weights() -> np.ndarray:
        old = np.asarray(load())
        factor = numbers()[0]
        if axis == 1:  # transposed: input channels of each group have that group's output channels
            per_group = factor.reshape(groups, 1, -1)
            grouped = old.reshape(groups, old.shape[0] // groups, old.shape[1], -1)
            return np.asarray((grouped * per_group[..., None]).reshape(old.shape).astype(old.dtype))
        return np.asarray((old * factor.reshape(-1, *(1,) * (old.ndim - 1))).astype(old.dtype))

    return weights


def _shift(load: Load | None, numbers: Callable[[], tuple[np.ndarray, ...]]) -> Load:
    def bias() -> np.ndarray:
        factor, beta, mean = numbers()
        old = np.asarray(load(), dtype=float).ravel() if load is not None else 0.0
        return np.asarray((old - mean) * factor + beta, dtype=np.float32)

    return bias
