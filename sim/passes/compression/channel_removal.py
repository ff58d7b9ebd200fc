"""Removing channels: stored tensors are sliced, shapes and attributes follow through the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sim.graph.ir import Graph, Op, Quantization, Tensor
from sim.passes.compression.channels import FIXED, Atoms, Channels, axes_of


def remove_channels(graph: Graph, channels: Channels, unwanted: set[int]) -> set[int]:
    """Take the channels with these roots out of the graph, in place; gives those that had to stay so that no tensor is emptied."""
    gone = set(unwanted) - {FIXED}
    spared = _spare(channels, gone)
    gone -= spared
    kept = {name: _kept_axes(channels, atoms, gone) for name, atoms in channels.of.items()}
    old = {name: tensor.shape for name, tensor in graph.tensors.items()}
    for op in graph.ops:
        _follow(graph, op, kept, old)
    for name, axes in kept.items():
        tensor = graph.tensors[name]
        tensor.shape = tuple(len(axes[axis]) if axis in axes else extent for axis, extent in enumerate(tensor.shape))
    for op in graph.ops:
        _restate(graph, op, kept, old)
    for name in dict.fromkeys(name for name, _ in channels.stored):
        parts = {axis: _kept(channels, atoms, gone) for (other, axis), atoms in channels.stored.items() if other == name}
        _slice(graph.tensors[name], {axis: index for axis, index in parts.items() if len(index) < graph.tensors[name].shape[axis]})
    return spared


def _kept(channels: Channels, atoms: Atoms, gone: set[int]) -> np.ndarray:
    return np.flatnonzero([root not in gone for root in channels.roots(atoms).ravel()])


def _kept_axes(channels: Channels, atoms: Atoms, gone: set[int]) -> dict[int, np.ndarray]:
    """Axis -> indices that stay, for axes that lose some. Of atoms along several axes whole slices go."""
    stays = ~np.isin(channels.roots(atoms), list(gone))
    found = {}
    for axis in axes_of(atoms):
        mask = np.moveaxis(stays, axis, 0).reshape(atoms.shape[axis], -1).any(axis=1)
        if not mask.all():
            found[axis] = np.flatnonzero(mask)
    return found


def _spare(channels: Channels, gone: set[int]) -> set[int]:
    """Roots that stay although unwanted: without them a tensor would have nothing left."""
    spared: set[int] = set()
    for atoms in [*channels.of.values(), *channels.stored.values()]:
        roots = channels.roots(atoms)
        if roots.size > 1 and gone.issuperset(int(root) for root in np.unique(roots)):
            keep = int(np.unique(roots)[0])
            gone.discard(keep)
            spared.add(keep)
    return spared


def _follow(graph: Graph, op: Op, kept: dict[str, dict[int, np.ndarray]], old: dict[str, tuple[int, ...]]) -> None:
    """Attributes that count channels of inputs."""
    if op.type == "Slice" and op.inputs[0] in kept:
        axes = [int(axis) % len(old[op.inputs[0]]) for axis in op.attributes.get("axes") or range(len(op.attributes["starts"]))]
        starts, ends = list(op.attributes["starts"]), list(op.attributes["ends"])
        for position, axis in enumerate(axes):
            if (index := kept[op.inputs[0]].get(axis)) is not None:
                first, last, _ = slice(int(starts[position]), int(ends[position])).indices(old[op.inputs[0]][axis])
                starts[position], ends[position] = int(np.searchsorted(index, first)), int(np.searchsorted(index, last))
        op.attributes = {**op.attributes, "starts": tuple(starts), "ends": tuple(ends), "axes": tuple(axes)}


def _restate(graph: Graph, op: Op, kept: dict[str, dict[int, np.ndarray]], old: dict[str, tuple[int, ...]]) -> None:
    """Attributes that state shapes or count groups, after the shapes of activations have changed."""
    made = graph.tensors[op.outputs[0]] if op.outputs else None
    if made is None:
        return
    if op.type == "Reshape" and (kept.get(op.inputs[0]) or kept.get(made.name)):
        op.attributes = {**op.attributes, "shape": made.shape, "allowzero": True}
    elif op.type == "Expand" and kept.get(made.name):
        op.attributes = {**op.attributes, "shape": made.shape}
    elif op.type == "Split" and kept.get(op.inputs[0]):
        axis = int(op.attributes.get("axis", 0)) % len(made.shape)
        op.attributes = {**op.attributes, "sizes": tuple(graph.tensors[name].shape[axis] for name in op.outputs)}
    elif op.type in ("Conv", "ConvTranspose") and int(op.attributes.get("group", 1)) > 1 and graph.tensors[op.inputs[1]].shape[1] == 1:
        image = graph.tensors[op.inputs[0]].shape
        channels = image[-1] if op.attributes.get("layout", "NCHW") == "NHWC" else image[1]
        if old[op.inputs[0]][-1 if op.attributes.get("layout", "NCHW") == "NHWC" else 1] == int(op.attributes["group"]):
            op.attributes = {**op.attributes, "group": channels}


def _slice(tensor: Tensor, parts: dict[int, np.ndarray]) -> None:
    """Keep these slices of a stored tensor; values are sliced when they are read."""
    if not parts:
        return
    tensor.shape = tuple(len(parts[axis]) if axis in parts else extent for axis, extent in enumerate(tensor.shape))
    if tensor.load is not None:
        tensor.load = _sliced(tensor.load, parts)
    if tensor.quantization is not None and tensor.quantization.axis in parts:
        tensor.quantization = _grid(tensor.quantization, parts[tensor.quantization.axis])


def _sliced(load: Callable[[], np.ndarray], parts: dict[int, np.ndarray]) -> Callable[[], np.ndarray]:
    def values() -> np.ndarray:
        found = np.asarray(load())
        for axis, index in parts.items():
            found = np.take(found, index, axis=axis)
        return found

    return values


def _grid(grid: Quantization, index: np.ndarray) -> Quantization:
    points = grid.zero_point if len(grid.zero_point) == 1 else tuple(grid.zero_point[row] for row in index)
    return replace(grid, scale=tuple(grid.scale[row] for row in index), zero_point=points) if len(grid.scale) > 1 else grid
