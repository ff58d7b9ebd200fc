"""What each operator makes of the channels of its inputs. A new operator is a decorated function; one without a rule keeps its channels."""

from __future__ import annotations

import numpy as np

from sim.graph.ir import Graph
from sim.graph.ops import OPS
from sim.passes.compression.channel_rules import attention, convolution, joining, movement, product  # noqa: F401  # each enters its rules
from sim.passes.compression.channel_rules.elementwise import elementwise
from sim.passes.compression.channel_rules.rule import RULES
from sim.passes.compression.channels import Atoms, Channels, axes_of


def channels_of(graph: Graph) -> Channels:
    """The dependencies of all channels of a graph."""
    channels = Channels(graph)
    for op in graph.ops:
        known = RULES.get(op.type) or (elementwise if OPS[op.type].elementwise else None)
        if known is None or op.fused:
            channels.fix_all(op.all_inputs, f"{op.name} ({op.type}) needs all of its channels")
            continue
        known(channels, op)
    for name in graph.outputs:
        channels.fix_all([name], "outputs of the network")
    _make_rectangular(channels)
    return channels


def _make_rectangular(channels: Channels) -> None:
    """A tensor with atoms along two axes (a channel shuffle) loses whole slices of the last of them."""
    changed = True
    while changed:
        changed = False
        for name, atoms in channels.of.items():
            axes = axes_of(atoms)
            roots = channels.roots(atoms)
            if len(axes) > 1 and not any(_varies_along_only(roots, axis) for axis in axes):
                channels.of[name] = channels.collapse(atoms, axes[-1])
                changed = True


def _varies_along_only(roots: Atoms, axis: int) -> bool:
    moved = np.moveaxis(roots, axis, 0).reshape(roots.shape[axis], -1)
    return bool(np.all(moved == moved[:, :1]))
