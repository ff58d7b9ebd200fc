"""Channels through arithmetic of elements, normalisation, softmax and reductions."""

from __future__ import annotations

import numpy as np

from sim.graph.ir import Op
from sim.passes.compression.channel_rules.rule import alike_in_groups, axis_of, rank_of, rule
from sim.passes.compression.channels import Atoms, Channels, axes_of


def elementwise(channels: Channels, op: Op) -> None:
    """Operands that move lose the same slices, stored ones follow."""
    stored = [name for name in op.inputs if name and channels.graph.tensors[name].is_stored]
    moved = [name for name in op.inputs if name and name not in stored]
    if len(op.outputs) != 1 or not moved:
        return
    made = combined(channels, op, [(name, channels.atoms(name)) for name in moved])
    channels.put(op.outputs[0], made)
    channel = made.ndim - 1 if op.type != "BatchNorm" else 1
    for name in stored:
        follow(channels, op, name, op.outputs[0], aligned_at=channel if op.type in ("BatchNorm",) else None)


def follow(channels: Channels, op: Op, name: str, made: str, aligned_at: int | None) -> None:
    """A stored operand loses the slices of the result; ``aligned_at``: the axis of the result its only axis lies along."""
    shape, rank = channels.graph.tensors[name].shape, rank_of(channels, made)
    for axis, extent in enumerate(shape):
        along = axis + rank - len(shape) if aligned_at is None else aligned_at
        if extent > 1 and along >= 0 and along < rank:
            atoms = channels.along(made, along)
            if atoms is not None:
                if atoms.size == extent:
                    channels.stored_axis(name, axis, atoms)
                else:
                    channels.fix(atoms, f"{op.name} ({op.type}) has an operand of another size")


def combined(channels: Channels, op: Op, parts: list[tuple[str, Atoms]]) -> Atoms:
    """Atoms of operands that are broadcast against each other; beside an operand that cannot lose slices, none can."""
    rank = max(len(channels.graph.tensors[name].shape) for name, _ in parts)
    made = np.zeros((1,) * rank, dtype=np.int64)
    wide = _aligned(channels, parts, rank)
    for _, part in wide:
        rigid = [axis for other, atoms in wide for axis in axes_of(part) if other[axis] > 1 and atoms.shape[axis] == 1]
        if rigid:
            channels.fix(part, f"{op.name} ({op.type}) joins it with what keeps its size")
        if not axes_of(part):
            continue
        if not axes_of(made):
            made = part
        elif made.shape == part.shape:
            channels.unite(made, part)
        else:
            channels.fix(made, f"{op.name} ({op.type}) joins different axes")
            channels.fix(part, f"{op.name} ({op.type}) joins different axes")
    return made


def _aligned(channels: Channels, parts: list[tuple[str, Atoms]], rank: int) -> list[tuple[tuple[int, ...], Atoms]]:
    """Shapes and atoms of operands with as many axes as the result."""
    shapes = [(1,) * (rank - part.ndim) + channels.graph.tensors[name].shape for name, part in parts]
    return [(shape, part.reshape((1,) * (rank - part.ndim) + part.shape)) for shape, (_, part) in zip(shapes, parts, strict=True)]


@rule("LayerNorm", "RMSNorm", "InstanceNorm", "L2Norm", "LRN", "MVN", "GroupNorm", "PRelu")
def _norm(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    rank = atoms.ndim
    channels.put(op.outputs[0], atoms)
    first = op.type in ("InstanceNorm", "GroupNorm") or (op.type == "PRelu" and _along_channels(channels, op))
    if op.type == "GroupNorm" and (whole := channels.along(op.inputs[0], 1)) is not None:
        alike_in_groups(channels, whole, int(op.attributes.get("num_groups", op.attributes.get("group", 1))))
    for name in op.inputs[1:]:
        if name and channels.graph.tensors[name].is_stored:
            follow(channels, op, name, op.outputs[0], aligned_at=1 if first and rank_of(channels, name) == 1 and rank > 1 else None)


def _along_channels(channels: Channels, op: Op) -> bool:
    """Whether a slope of one axis lies along the channels, not along the last axis."""
    x, slope = channels.graph.tensors[op.inputs[0]].shape, channels.graph.tensors[op.inputs[1]].shape
    return len(slope) == 1 and len(x) > 1 and slope[0] == x[1] and x[-1] != slope[0]


@rule("Softmax", "LogSoftmax", "CumSum", "TopK")
def _over_axis(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    axis = axis_of(op, atoms.ndim)
    if atoms.ndim and atoms.shape[axis] > 1:
        channels.fix(atoms, f"{op.name} ({op.type}) runs over the channels")
    elif op.type != "TopK":
        channels.put(op.outputs[0], atoms)
    else:
        channels.fix(atoms, f"{op.name} (TopK) needs all of its channels")


@rule("Reduce", "ArgMax", "ArgMin")
def _reduce(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    given = op.attributes.get("axes") if op.type == "Reduce" else [op.attributes.get("axis", 0)]
    axes = {int(axis) % max(atoms.ndim, 1) for axis in (given or range(atoms.ndim))}
    if any(axis in axes for axis in axes_of(atoms)):
        channels.fix(atoms, f"{op.name} ({op.type}) reduces the channels")
        return
    kept = bool(op.attributes.get("keepdims", True))
    channels.put(op.outputs[0], atoms if kept else atoms.reshape([extent for axis, extent in enumerate(atoms.shape) if axis not in axes]))
