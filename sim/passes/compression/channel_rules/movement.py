"""Channels through operators that move elements: views, transposes, shuffles, blocks, slices and padding."""

from __future__ import annotations

import numpy as np

from sim.graph.ir import Op
from sim.passes.compression.channel_rules.rule import alike_in_groups, channel_axis, only_along, rank_of, rule
from sim.passes.compression.channels import Channels, axes_of, placed, reshaped


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _view(channels: Channels, op: Op) -> None:
    tensors = channels.graph.tensors
    channels.put(op.outputs[0], reshaped(channels.atoms(op.inputs[0]), tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape))


@rule("Transpose", "Relayout")
def _transpose(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    channels.put(op.outputs[0], atoms.transpose(op.attributes.get("perm") or None))


@rule("ChannelShuffle")
def _shuffle(channels: Channels, op: Op) -> None:
    axis, groups = channel_axis(channels, op), int(op.attributes.get("group", 1))
    atoms = only_along(channels, op, op.inputs[0], axis)
    if atoms is not None:
        alike_in_groups(channels, atoms, groups)
        channels.put(op.outputs[0], placed(atoms.reshape(groups, -1).T.reshape(-1), rank_of(channels, op.outputs[0]), axis))


@rule("DepthToSpace", "SpaceToDepth")
def _blocks(channels: Channels, op: Op) -> None:
    axis, block = channel_axis(channels, op), int(op.attributes["block"]) ** 2
    atoms = only_along(channels, op, op.inputs[0], axis)
    if atoms is None:
        return
    if op.type == "SpaceToDepth":
        made = np.tile(atoms, block)
    else:
        rows = atoms.reshape(-1, block).T if op.attributes.get("mode") == "CRD" else atoms.reshape(block, -1)
        channels.unite(rows, rows[:1])
        made = rows[0]
    channels.put(op.outputs[0], placed(made, rank_of(channels, op.outputs[0]), axis))


@rule("Slice")
def _slice(channels: Channels, op: Op) -> None:
    table = channels.graph.tensors[op.inputs[0]]
    if table.role == "weight" and len(table.shape) == 2 and list(op.attributes.get("axes") or (0,)) == [0]:  # the first rows of a table of positions
        channels.put(op.outputs[0], placed(channels.stored_axis(table.name, 1), 2, 1))
        return
    atoms = channels.atoms(op.inputs[0])
    axes = [int(axis) % max(atoms.ndim, 1) for axis in op.attributes.get("axes") or range(len(op.attributes["starts"]))]
    steps = [int(step) for step in op.attributes.get("steps") or [1] * len(axes)]
    cut = [slice(None)] * atoms.ndim
    for axis, start, end, step in zip(axes, op.attributes["starts"], op.attributes["ends"], steps, strict=True):
        if atoms.shape[axis] == 1:
            continue
        if step != 1:
            channels.fix(atoms, f"{op.name} (Slice) takes every {step}th channel")
            return
        cut[axis] = slice(int(start), int(end))
    channels.put(op.outputs[0], atoms[tuple(cut)])


@rule("Pad", "Expand", "Tile")
def _spread(channels: Channels, op: Op) -> None:
    """Along axes without atoms."""
    tensors = channels.graph.tensors
    atoms, old, new = channels.atoms(op.inputs[0]), tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape
    wide = atoms.reshape((1,) * (len(new) - atoms.ndim) + atoms.shape)
    extents = (1,) * (len(new) - len(old)) + old
    if any(extents[axis] != new[axis] for axis in axes_of(wide)):
        channels.fix(atoms, f"{op.name} ({op.type}) changes the number of channels")
        return
    channels.put(op.outputs[0], wide)
