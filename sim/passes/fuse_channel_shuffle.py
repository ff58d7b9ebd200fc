"""Put one ChannelShuffle in place of reshape, transpose, reshape."""

from __future__ import annotations

from dataclasses import dataclass

from sim.graph.ir import Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses, remove_ops


@PASSES.register("fuse_channel_shuffle")
@dataclass(frozen=True)
class FuseChannelShuffle(Pass):
    """``[N, C, ...] -> [N, g, C/g, ...] -> swap -> [N, C, ...]`` is a ChannelShuffle with ``group`` g."""

    name = "fuse_channel_shuffle"

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        gone: list[Op] = []
        for swap in graph.ops:
            first, last = self._around(uses, swap)
            if first is None or last is None:
                continue
            group = self._group(graph, first, swap, last)
            if group:
                gone += [first, swap]
                last.type, last.inputs, last.attributes = "ChannelShuffle", (first.inputs[0],), {"group": group}
        remove_ops(graph, gone)

    def _around(self, uses: Uses, swap: Op) -> tuple[Op | None, Op | None]:
        if swap.type != "Transpose" or swap.fused:
            return None, None
        first, last = uses.maker.get(swap.inputs[0]), uses.sole_reader(swap.outputs[0])
        alone = first is not None and first.type == "Reshape" and not first.fused and uses.sole_reader(swap.inputs[0]) is swap
        return (first, last) if alone and last is not None and last.type == "Reshape" and not last.fused else (None, None)

    def _group(self, graph: Graph, first: Op, swap: Op, last: Op) -> int:
        before, split, after = (graph.tensors[name].shape for name in (first.inputs[0], first.outputs[0], last.outputs[0]))
        if before != after or len(split) != len(before) + 1 or len(before) < 3:
            return 0
        perm = tuple(swap.attributes.get("perm") or ())
        whole = split[0] == before[0] and split[1] * split[2] == before[1] and split[3:] == before[2:]
        return split[1] if whole and perm == (0, 2, 1, *range(3, len(split))) else 0
