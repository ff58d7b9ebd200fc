"""Transposes between channels-first and channels-last vanish where a runtime keeps images channels-last."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.graph.work import SPATIAL
from sim.passes.base import PASSES, Pass

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
_OVER_LAST_AXIS = ("Dense", "LayerNorm", "RMSNorm", "Softmax")


@PASSES.register("channels_last")
@dataclass(frozen=True)
class ChannelsLast(Pass):
    """A Transpose of an image to channels-last, or back, becomes a Relayout: in memory the image has been channels-last all along.

    Only of images (what convolutions and pooling read and write, and what element-wise operators make of it): the same order of
    axes over attention heads moves elements.
    """

    name = "channels_last"

    def apply(self, graph: Graph) -> None:
        layout = {name: "NCHW" for name in graph.inputs if len(graph.tensors[name].shape) == 4}
        for op in graph.ops:
            known = layout.get(op.inputs[0]) if op.inputs else None
            perm = tuple(op.attributes.get("perm") or ())
            if op.type in SPATIAL:
                layout |= dict.fromkeys(op.outputs, op.attributes.get("layout", "NCHW"))
            elif op.type == "Transpose" and not op.fused and (perm, known) in ((_TO_LAST, "NCHW"), (_TO_FIRST, "NHWC")):
                op.type = "Relayout"
                layout[op.outputs[0]] = "NHWC" if perm == _TO_LAST else "NCHW"
            elif _keeps_layout(op):
                found = next((layout[name] for name in op.all_inputs if name in layout), None)
                if found is not None:
                    layout |= {name: found for name in op.outputs if len(graph.tensors[name].shape) == 4}


def _keeps_layout(op: Op) -> bool:
    return OPS[op.type].elementwise or op.type in _OVER_LAST_AXIS
