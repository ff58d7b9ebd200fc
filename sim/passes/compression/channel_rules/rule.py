"""What rules are entered in, and what they ask of an operator and its inputs."""

from __future__ import annotations

from collections.abc import Callable

from sim.graph.ir import Op
from sim.passes.compression.channels import Atoms, Channels, axes_of

Rule = Callable[[Channels, Op], None]
RULES: dict[str, Rule] = {}


def rule(*types: str) -> Callable[[Rule], Rule]:
    """Enter a rule for these operator types."""

    def enter(function: Rule) -> Rule:
        for type in types:
            RULES[type] = function
        return function

    return enter


def axis_of(op: Op, rank: int, default: int = -1) -> int:
    """The operator's axis, counted from the first."""
    return int(op.attributes.get("axis", default)) % max(rank, 1)


def channel_axis(channels: Channels, op: Op) -> int:
    """Where the layout of an image operator has its channels."""
    return len(channels.graph.tensors[op.inputs[0]].shape) - 1 if op.attributes.get("layout", "NCHW") == "NHWC" else 1


def rank_of(channels: Channels, name: str) -> int:
    """How many axes a tensor has."""
    return len(channels.graph.tensors[name].shape)


def only_along(channels: Channels, op: Op, name: str, axis: int) -> Atoms | None:
    """Atoms of one axis; those along others stay."""
    atoms = channels.atoms(name)
    if any(other != axis for other in axes_of(atoms)):
        channels.fix(atoms, f"{op.name} ({op.type}) needs all of its input")
    return channels.along(name, axis)


def one_axis(channels: Channels, name: str) -> Atoms:
    """Atoms along the first axis that has any (heads): others go with them."""
    atoms = channels.atoms(name)
    axes = axes_of(atoms)
    if len(axes) > 1:
        atoms = channels.of[name] = channels.collapse(atoms, axes[0])
    return atoms


def alike_in_groups(channels: Channels, atoms: Atoms | None, groups: int) -> None:
    """Each group loses the channels at the same places."""
    if atoms is not None:
        rows = atoms.reshape(groups, -1)
        channels.unite(rows, rows[:1])


def follow_bias(channels: Channels, op: Op, made: Atoms) -> None:
    """A bias loses the outputs ``made`` that its weights lose; scales of groups of weights keep them."""
    if len(op.inputs) > 2 and op.inputs[2]:
        if channels.graph.tensors[op.inputs[2]].is_stored:
            channels.stored_axis(op.inputs[2], 0, made)
        else:
            channels.fix(made, f"{op.name} adds a bias that is computed")
    for name in op.inputs[3:]:  # scales of groups of weights
        if name:
            channels.fix(made, f"{op.name} has scales of groups")
