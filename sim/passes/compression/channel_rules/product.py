"""Channels through matrix products and look-ups in tables."""

from __future__ import annotations

import numpy as np

from sim.graph.ir import Op
from sim.passes.compression.channel_rules.elementwise import combined
from sim.passes.compression.channel_rules.rule import axis_of, follow_bias, one_axis, only_along, rank_of, rule
from sim.passes.compression.channels import Atoms, Channels, placed


@rule("Dense")
def _dense(channels: Channels, op: Op) -> None:
    weight, rank = channels.graph.tensors[op.inputs[1]], rank_of(channels, op.inputs[0])
    if not weight.is_stored:
        channels.fix_all(op.all_inputs, f"{op.name} has weights that are computed")
        return
    read = only_along(channels, op, op.inputs[0], rank - 1)
    if read is not None:
        channels.stored_axis(weight.name, 1, read)
    made = channels.stored_axis(weight.name, 0, maker=op.name)
    follow_bias(channels, op, made)
    channels.put(op.outputs[0], placed(made, rank_of(channels, op.outputs[0]), rank - 1))


@rule("Gather")
def _gather(channels: Channels, op: Op) -> None:
    table, axis = channels.graph.tensors[op.inputs[0]], axis_of(op, rank_of(channels, op.inputs[0]), 0)
    if table.role == "weight" and len(table.shape) == 2 and axis == 0:
        made = channels.stored_axis(table.name, 1, maker=op.name)
        channels.put(op.outputs[0], placed(made, rank_of(channels, op.outputs[0]), rank_of(channels, op.outputs[0]) - 1))
        return
    atoms = channels.atoms(op.inputs[0])
    if atoms.shape[axis : axis + 1] == (1,):
        index = rank_of(channels, op.inputs[1])
        shape = (*atoms.shape[:axis], *(1,) * index, *atoms.shape[axis + 1 :])
        channels.put(op.outputs[0], atoms.reshape(shape))
    else:
        channels.fix_all(op.inputs[:1], f"{op.name} (Gather) picks among channels")


@rule("MatMul")
def _matmul(channels: Channels, op: Op) -> None:
    """Products of two activations (of heads); trained operands of more than two dimensions stay."""
    names = op.inputs[:2]
    ranks = [rank_of(channels, name) for name in names]
    if len(op.inputs) > 2 or ranks[0] != ranks[1] or ranks[0] < 2 or any(channels.graph.tensors[name].is_stored for name in names):
        channels.fix_all(op.all_inputs, f"{op.name} (MatMul) needs all of its channels")
        return
    rank = ranks[0]
    parts = [one_axis(channels, name) for name in names]
    for index, key in enumerate(("transpose_a", "transpose_b")):
        if op.attributes.get(key):
            parts[index] = np.swapaxes(parts[index], rank - 1, rank - 2)
    a, b = parts
    summed = [np.moveaxis(a, rank - 1, 0).reshape(a.shape[-1], -1)[:, 0], np.moveaxis(b, rank - 2, 0).reshape(b.shape[-2], -1)[:, 0]]
    if a.shape[-1] > 1 or b.shape[-2] > 1:
        _together(channels, summed[0], summed[1], op)
    a = a if a.shape[-1] == 1 else np.zeros((1,) * rank, dtype=np.int64)
    b = b if b.shape[-2] == 1 else np.zeros((1,) * rank, dtype=np.int64)
    channels.put(op.outputs[0], combined(channels, op, [(names[0], a), (names[1], b)]))


def _together(channels: Channels, a: Atoms, b: Atoms, op: Op) -> None:
    """Two axes that are summed over lose the same slices; one without atoms keeps the other."""
    if a.size == b.size:
        channels.unite(a, b)
    else:
        channels.fix(a if a.size > 1 else b, f"{op.name} ({op.type}) multiplies with what keeps its size")
