"""Let a convolution pad by itself instead of reading a padded copy."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph, Op
from sim.graph.ops.definition import as_tuple
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops


@PASSES.register("fuse_pad")
@dataclass(frozen=True)
class FusePad(Pass):
    """A zero Pad of spatial dimensions that only convolutions read becomes their own padding."""

    name = "fuse_pad"

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        gone = []
        for pad in graph.ops:
            readers = uses.readers[pad.outputs[0]] if pad.type == "Pad" and not pad.fused else []
            if not readers or pad.outputs[0] in graph.outputs or not _is_zero(pad):
                continue
            merged = [_merged(graph, pad, conv) for conv in readers]
            if any(pads is None for pads in merged):
                continue
            for conv, pads in zip(readers, merged, strict=True):
                conv.attributes = {**{key: value for key, value in conv.attributes.items() if key != "auto_pad"}, "pads": pads}
                conv.inputs = (pad.inputs[0], *conv.inputs[1:])
            gone.append(pad)
        remove_ops(graph, gone)


def _is_zero(pad: Op) -> bool:
    return pad.attributes.get("mode", "constant") == "constant" and not pad.attributes.get("value", 0)


def _merged(graph: Graph, pad: Op, conv: Op) -> tuple[int, ...] | None:
    """The convolution's pads with the operator's, None where that is not the same computation."""
    if conv.type != "Conv" or conv.all_inputs.count(pad.outputs[0]) != 1 or conv.inputs[0] != pad.outputs[0]:
        return None
    if conv.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID", ""):
        return None
    rank = len(graph.tensors[pad.inputs[0]].shape)
    pads = as_tuple(pad.attributes["pads"], 2 * rank)
    spatial = range(1, rank - 1) if conv.attributes.get("layout", "NCHW") == "NHWC" else range(2, rank)
    if min(pads) < 0 or any(pads[axis] or pads[axis + rank] for axis in range(rank) if axis not in spatial):
        return None
    own = (0,) * (2 * len(spatial)) if conv.attributes.get("auto_pad") == "VALID" else as_tuple(conv.attributes.get("pads", 0), 2 * len(spatial))
    extra = (*(pads[axis] for axis in spatial), *(pads[axis + rank] for axis in spatial))
    return tuple(a + b for a, b in zip(own, extra, strict=True))
