"""Scales for groups of neighbouring weights of a matrix, stored as tensors beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from device_models.work import DType
from sim.graph.ir import Graph, Tensor
from sim.passes.compression.base import note
from sim.passes.compression.rounding import Rule, grid_of
from sim.passes.compression.weights import WEIGHTED
from sim.passes.conversion import INTEGERS
from sim.passes.edit import fresh_name


def add_group_scales(graph: Graph, before: dict[str, Tensor], rule: Rule, group: int, widths: Mapping[str, int]) -> None:
    """Dense layers of integer weights get scales ``[out, groups]`` (and zero points) as inputs 3 and 4; ``before``: the float tensors.

    ``widths``: operator name -> bits of its weights.

    A group is ``group`` neighbours along the input axis; the last one may be shorter. Other operators keep a scale for each output channel.
    """
    done: dict[str, tuple[str, ...]] = {}
    for op in graph.ops:
        if op.name not in widths or op.type not in WEIGHTED or graph.tensors[op.inputs[1]].dtype not in INTEGERS:
            continue
        if op.type != "Dense":
            note(graph, f"scales of groups exist for dense layers; {op.type} keeps one for each output channel")
            continue
        weight = graph.tensors[op.inputs[1]]
        if weight.name not in done:
            done[weight.name] = _grouped(graph, weight, before[weight.name], rule, group, widths[op.name])
        bias = op.inputs[2] if len(op.inputs) > 2 else ""
        op.inputs = (op.inputs[0], weight.name, bias, *done[weight.name])
        op.attributes = {**op.attributes, "group_size": group}


def _grouped(graph: Graph, weight: Tensor, old: Tensor, rule: Rule, group: int, bits: int) -> tuple[str, ...]:
    outs, ins = weight.shape
    count = -(-ins // group)
    scale = Tensor(fresh_name(graph, f"{weight.name}.scales"), (outs, count), DType.F32, "constant")
    made = [scale]
    if not rule.symmetric:
        made.append(Tensor(fresh_name(graph, f"{weight.name}.zero_points"), (outs, count), weight.dtype, "constant"))
    weight.quantization, weight.group_bits, weight.load = None, 0.0, None
    if old.load is not None:
        parts = _parts(old.load, bits, rule, group)
        weight.load = lambda: parts()[0]
        scale.load = lambda: parts()[1]
        if not rule.symmetric:
            made[1].load = lambda: parts()[2]
    graph.tensors |= {tensor.name: tensor for tensor in made}
    return tuple(tensor.name for tensor in made)


def _parts(load: Callable[[], np.ndarray], bits: int, rule: Rule, group: int) -> Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Stored integers ``[out, in]``, scales and zero points ``[out, groups]``."""

    def read() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values = np.asarray(load(), dtype=np.float64)
        outs, ins = values.shape
        count = -(-ins // group)
        padded = np.zeros((outs, count * group))
        padded[:, :ins] = values
        rows = padded.reshape(-1, group)
        grid = grid_of(rows, bits, rule)
        stored = grid.stored(rows).reshape(outs, -1)[:, :ins].astype(np.int8)
        return stored, grid.scale.reshape(outs, count).astype(np.float32), grid.zero_point.reshape(outs, count).astype(np.int8)

    return read
