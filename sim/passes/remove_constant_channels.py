"""Leave out channels that hold the same value whatever the input is: what follows them is a constant, part of the next bias.

Trained networks have such channels where a regulariser drove a channel's weights to nothing or a clamp cuts everything off (half of the
multiply-accumulates of MLPerf Tiny's visual-wake-words network). Found by interval arithmetic over the stored weights; a network without
stored values is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from sim.graph.ir import Graph, Op, Quantization, Tensor
from sim.passes.base import PASSES, Pass

_FLOORS = {"Relu": (0.0, np.inf), "Relu6": (0.0, 6.0), "ReluN1To1": (-1.0, 1.0)}
_MOST_ELEMENTS = 4_000_000  # weights of one layer that are looked at
Range = tuple[np.ndarray, np.ndarray]  # least and largest value of each channel


@PASSES.register("remove_constant_channels")
@dataclass(frozen=True)
class RemoveConstantChannels(Pass):
    """Narrow convolutions between convolutions; ``multiple``: channels are kept in whole groups of so many.

    Only shapes and formats are carried on: the narrowed weights and the biases that take up the constants have no stored values.
    """

    name = "remove_constant_channels"
    multiple: int = 4

    def apply(self, graph: Graph) -> None:
        ranges = _ranges(graph)
        if not any(np.any(low == high) for low, high in ranges.values()):
            return
        kept = _kept(graph, ranges, self.multiple)
        for op in graph.ops:
            if op.outputs[0] in kept or (op.inputs and op.inputs[0] in kept):
                _narrow(graph, op, kept)
        for name, channels in kept.items():
            tensor, axis = graph.tensors[name], _channel_axis(graph, name)
            tensor.shape = (*tensor.shape[:axis], len(channels), *tensor.shape[axis + 1 :])


def _is_plain(graph: Graph, op: Op) -> bool:
    """A convolution of one image tensor, dense or depthwise, clamped at most."""
    if op.type != "Conv" or any(fused.type not in _FLOORS for fused in op.fused) or len(graph.tensors[op.outputs[0]].shape) != 4:
        return False
    weight = graph.tensors[op.inputs[1]]
    group = int(op.attributes.get("group", 1))
    return weight.is_stored and (group == 1 or _is_depthwise(graph, op))


def _is_depthwise(graph: Graph, op: Op) -> bool:
    weight, group = graph.tensors[op.inputs[1]], int(op.attributes.get("group", 1))
    return group > 1 and weight.shape[0] == group and weight.shape[1] == 1


def _channel_axis(graph: Graph, name: str) -> int:
    maker = graph.producers()[name]
    return 3 if maker.attributes.get("layout", "NCHW") == "NHWC" else 1


def _ranges(graph: Graph) -> dict[str, Range]:
    """Least and largest value of every channel a convolution with stored values makes."""
    found: dict[str, Range] = {}
    for op in graph.ops:
        if _is_plain(graph, op) and (made := _made_range(graph, op, found)) is not None:
            found[op.outputs[0]] = made
    return found


def _made_range(graph: Graph, op: Op, known: dict[str, Range]) -> Range | None:
    weight, bias = graph.tensors[op.inputs[1]], graph.tensors[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] else None
    values = _real_weights(weight)
    offset = _real_bias(graph, op, weight, bias)
    if values is None or offset is None:
        return None
    low, high = _input_range(graph, op, known, values.shape[1] if not _is_depthwise(graph, op) else values.shape[0])
    if not _is_pointwise(op, weight):  # zero padding takes part
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    taps = values.reshape(values.shape[0], values.shape[1], -1)
    up, down = np.maximum(taps, 0.0).sum(axis=2), np.minimum(taps, 0.0).sum(axis=2)
    if _is_depthwise(graph, op):
        least, most = _times(up[:, 0], low) + _times(down[:, 0], high), _times(up[:, 0], high) + _times(down[:, 0], low)
    else:
        least, most = (_times(up, low) + _times(down, high)).sum(axis=1), (_times(up, high) + _times(down, low)).sum(axis=1)
    return _clamped(graph.tensors[op.outputs[0]], op, least + offset, most + offset)


def _times(weights: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Products in which nothing times infinity is nothing."""
    return np.multiply(weights, bounds, out=np.zeros(np.broadcast_shapes(weights.shape, bounds.shape)), where=weights != 0.0)


def _clamped(tensor: Tensor, op: Op, least: np.ndarray, most: np.ndarray) -> Range:
    """Through the fused clamps and into the stored format; an interval inside one step of it is one value."""
    for fused in op.fused:
        floor, ceiling = _FLOORS[fused.type]
        least, most = np.clip(least, floor, ceiling), np.clip(most, floor, ceiling)
    grid = tensor.quantization
    if grid is None or len(grid.scale) != 1:
        return least, most
    scale, zero = grid.scale[0], grid.zero_point[0]
    return tuple(scale * (np.clip(np.round(bound / scale + zero), -128, 127) - zero) for bound in (least, most))  # type: ignore[return-value]


def _input_range(graph: Graph, op: Op, known: dict[str, Range], channels: int) -> Range:
    if op.inputs[0] in known:
        return known[op.inputs[0]]
    grid = graph.tensors[op.inputs[0]].quantization
    if grid is None or len(grid.scale) != 1:
        return np.full(channels, -np.inf), np.full(channels, np.inf)
    bounds = [grid.scale[0] * (stored - grid.zero_point[0]) for stored in (-128, 127)]
    return np.full(channels, bounds[0]), np.full(channels, bounds[1])


def _real_weights(weight: Tensor) -> np.ndarray | None:
    if weight.load is None or weight.elements > _MOST_ELEMENTS:
        return None
    values = np.asarray(weight.load(), dtype=float)
    grid = weight.quantization
    if grid is None:
        return values
    if grid.axis not in (None, 0):
        return None
    column = (-1, *(1,) * (values.ndim - 1))
    return (values - np.array(grid.zero_point, dtype=float).reshape(column)) * np.array(grid.scale).reshape(column)


def _real_bias(graph: Graph, op: Op, weight: Tensor, bias: Tensor | None) -> np.ndarray | None:
    """In real units, ``[out]``; None where its values are not stored."""
    if bias is None:
        return np.zeros(weight.shape[0])
    if bias.load is None:
        return None
    values = np.asarray(bias.load(), dtype=float).reshape(-1)
    grid, image = weight.quantization, graph.tensors[op.inputs[0]].quantization
    if grid is None or image is None:
        return values
    return np.asarray(values * image.scale[0] * np.array(grid.scale))


def _is_pointwise(op: Op, weight: Tensor) -> bool:
    """A 1x1 window without padding."""
    pads = op.attributes.get("pads", 0)
    return prod(weight.shape[2:]) == 1 and not np.any(np.asarray(pads))


def _kept(graph: Graph, ranges: dict[str, Range], multiple: int) -> dict[str, np.ndarray]:
    """Tensor -> channels that stay, for tensors that lose some: a depthwise layer loses what its readers do not need."""
    readers = graph.consumers()
    dropped: dict[str, np.ndarray] = {}
    for op in reversed(graph.ops):
        name = op.outputs[0]
        if not _is_plain(graph, op) or name in graph.outputs or not readers[name]:
            continue
        needless = [_needless(graph, name, reader, ranges, dropped) for reader in readers[name]]
        drop = np.logical_and.reduce(needless)
        keep = np.flatnonzero(~drop)
        spare = np.flatnonzero(drop)
        short = -len(keep) % multiple if len(keep) else min(multiple, len(drop))
        if len(spare) > short:
            drop[spare[:short]] = False
            dropped[name] = drop
    makers = graph.producers()
    for op in graph.ops:  # a depthwise layer can only be narrowed together with its input
        if op.outputs[0] in dropped and _is_depthwise(graph, op) and (op.inputs[0] not in makers or op.inputs[0] not in dropped):
            del dropped[op.outputs[0]]
    return {name: np.flatnonzero(~drop) for name, drop in dropped.items()}


def _needless(graph: Graph, name: str, reader: Op, ranges: dict[str, Range], dropped: dict[str, np.ndarray]) -> np.ndarray:
    """Channels of a tensor without which one of its readers does: constants it can take into its bias, or what nobody reads of it."""
    channels = graph.tensors[name].shape[_channel_axis(graph, name)]
    none = np.zeros(channels, dtype=bool)
    if not _is_plain(graph, reader) or reader.inputs[0] != name or name in reader.inputs[1:]:
        return none
    if _is_depthwise(graph, reader):
        return dropped.get(reader.outputs[0], none)
    if name not in ranges:
        return none
    low, high = ranges[name]
    return (low == high) & ((low == 0.0) | _is_pointwise(reader, graph.tensors[reader.inputs[1]]))


def _narrow(graph: Graph, op: Op, kept: dict[str, np.ndarray]) -> None:
    """Fewer rows and columns of a convolution's weights."""
    rows, columns = kept.get(op.outputs[0]), kept.get(op.inputs[0])
    weight = graph.tensors[op.inputs[1]]
    outs = weight.shape[0] if rows is None else len(rows)
    if _is_depthwise(graph, op):
        ins, op.attributes = 1, {**op.attributes, "group": outs}
    else:
        ins = weight.shape[1] if columns is None else len(columns)
    names = [_changed(graph, weight, (outs, ins, *weight.shape[2:]), rows)]
    if len(op.inputs) > 2 and op.inputs[2]:
        bias = graph.tensors[op.inputs[2]]
        names.append(_changed(graph, bias, (outs,), rows))
    op.inputs = (op.inputs[0], *names, *op.inputs[1 + len(names) :])


def _changed(graph: Graph, tensor: Tensor, shape: tuple[int, ...], rows: np.ndarray | None) -> str:
    """A stored tensor of another shape beside the old one, which others may read."""
    name = f"{tensor.name}/narrowed"
    while name in graph.tensors:
        name += "_"
    graph.tensors[name] = replace(tensor, name=name, shape=shape, load=None, quantization=_sliced(tensor.quantization, rows))
    return name


def _sliced(grid: Quantization | None, rows: np.ndarray | None) -> Quantization | None:
    if grid is None or rows is None or grid.axis is None or len(grid.scale) == 1:
        return grid
    zeros = grid.zero_point if len(grid.zero_point) == 1 else tuple(grid.zero_point[row] for row in rows)
    return replace(grid, scale=tuple(grid.scale[row] for row in rows), zero_point=zeros)
