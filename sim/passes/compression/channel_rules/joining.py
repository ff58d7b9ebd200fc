"""Channels through operators that join tensors or part them."""

from __future__ import annotations

import numpy as np

from sim.graph.ir import Op
from sim.passes.compression.channel_rules.rule import axis_of, one_axis, rank_of, rule
from sim.passes.compression.channels import FIXED, Atoms, Channels, axes_of, placed


@rule("Concat")
def _concat(channels: Channels, op: Op) -> None:
    """Along the joined axis atoms follow each other; along others they go together. Stored parts (a class token) follow."""
    tensors, names = channels.graph.tensors, [name for name in op.inputs if name]
    rank = rank_of(channels, op.outputs[0])
    axis = axis_of(op, rank, 0)
    moved = [name for name in names if not tensors[name].is_stored]
    if any(len(axes_of(channels.atoms(name))) > 1 for name in moved):
        for name in moved:
            one_axis(channels, name)
    carried = {other for name in moved for other in axes_of(channels.atoms(name))}
    if not carried:
        return
    if len(carried) > 1:
        channels.fix_all(moved, f"{op.name} (Concat) joins different axes")
        return
    (along,) = carried
    if along == axis:
        parts = [_or_fixed(channels, name, axis) for name in names]
        channels.put(op.outputs[0], placed(np.concatenate(parts), rank, axis))
        return
    made = channels.along(next(name for name in moved if channels.along(name, along) is not None), along)
    for name in names:
        _agree(channels, op, name, along, made)  # type: ignore[arg-type]  # carried by one of them
    channels.put(op.outputs[0], placed(made, rank, along))  # type: ignore[arg-type]


def _or_fixed(channels: Channels, name: str, axis: int) -> Atoms:
    found = None if channels.graph.tensors[name].is_stored else channels.along(name, axis)
    return np.full(channels.graph.tensors[name].shape[axis], FIXED, dtype=np.int64) if found is None else found


def _agree(channels: Channels, op: Op, name: str, along: int, made: Atoms) -> None:
    if channels.graph.tensors[name].is_stored:
        channels.stored_axis(name, along, made)
    elif (found := channels.along(name, along)) is not None:
        channels.unite(found, made)
    else:
        channels.fix(made, f"{op.name} (Concat) joins it with what keeps its size")


@rule("Split")
def _split(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    axis, start = axis_of(op, atoms.ndim, 0), 0
    for name in op.outputs:
        size = channels.graph.tensors[name].shape[axis]
        part = atoms if atoms.shape[axis] == 1 else np.take(atoms, range(start, start + size), axis=axis)
        channels.put(name, part)
        start += size
