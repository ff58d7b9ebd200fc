"""Operator types: shape inference and work, one file per family. Adding one is a ``define`` line in its family's file."""

from sim.graph.ops import arithmetic, contraction, einsum, gradient, movement, recurrent, spatial, spiking  # noqa: F401  (they fill the table)
from sim.graph.ops.definition import OPS, OpDef

__all__ = ["OPS", "OpDef"]
