"""Heads through attention and the operators that stand before it."""

from __future__ import annotations

from sim.graph.ir import Op
from sim.passes.compression.channel_rules.rule import rule
from sim.passes.compression.channels import Atoms, Channels, axes_of, placed


@rule("Attention")
def _attention(channels: Channels, op: Op) -> None:
    """Whole heads, with the key and value heads they read."""
    parts = [_heads(channels, op, name) for name in op.inputs[:3]]
    for name in op.inputs[3:]:
        if name and not channels.graph.tensors[name].is_stored and axes_of(channels.atoms(name)):
            channels.fix_all([name], f"{op.name} reads it as a mask")
    present = [part for part in parts if part is not None]
    if len(present) < 3:
        for part in present:
            channels.fix(part, f"{op.name} has heads that stay")
        return
    q, k, v = present
    channels.unite(k, v)
    channels.unite(q.reshape(k.size, -1), k.reshape(-1, 1))
    channels.put(op.outputs[0], placed(q, 4, 1))


def _heads(channels: Channels, op: Op, name: str) -> Atoms | None:
    atoms = channels.atoms(name)
    if any(axis not in (1, 3) for axis in axes_of(atoms)) or atoms.shape[1] == 1:
        channels.fix(atoms, f"{op.name} (Attention) needs whole heads")
        return None
    return channels.along(name, 1)


@rule("RotaryEmbedding")
def _rotary(channels: Channels, op: Op) -> None:
    atoms = _heads(channels, op, op.inputs[0])
    if atoms is not None:
        channels.put(op.outputs[0], placed(atoms, 4, 1))


@rule("CacheAppend")
def _cache(channels: Channels, op: Op) -> None:
    """Key and value heads, in the cache too."""
    atoms = _heads(channels, op, op.inputs[1])
    if atoms is not None:
        channels.stored_axis(op.inputs[0], 1, atoms)
        channels.put(op.outputs[0], placed(atoms, 4, 1))
