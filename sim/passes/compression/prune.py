"""Pruning: weights that become zero, or whole channels that are removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sim.graph.ir import Graph
from sim.passes.compression.base import COMPRESSIONS, Compression, note
from sim.passes.compression.channel_removal import remove_channels
from sim.passes.compression.channel_rules import channels_of
from sim.passes.compression.channel_selection import coupled_groups, unwanted
from sim.passes.compression.channels import Channels
from sim.passes.compression.magnitude import make_sparse
from sim.scenario.compression import PruneOptions

_ROUNDS = 5


@COMPRESSIONS.register("prune")
@dataclass(frozen=True)
class Prune(Compression[PruneOptions]):
    """Set the smallest weights to zero, or remove whole channels (``structured: channels``).

    Zeros change what a file and a unit that makes use of them need, and nothing else: the shapes stay. Removed channels make layers
    narrower for real, through additions, concatenations, depthwise and grouped convolutions, shuffles and attention heads.
    """

    name = "prune"

    def apply(self, graph: Graph) -> None:
        if self.options.structured:
            _narrow(graph, self.options)
        else:
            make_sparse(graph, self.options)
        graph.notes["pruning"] = schedule(self.options)


def _narrow(graph: Graph, options: PruneOptions) -> None:
    channels = channels_of(graph)
    removed = unwanted(graph, channels, options)
    if not any(graph.tensors[name].load is not None for name, _ in channels.makers) and options.criterion != "random" and not options.remove:
        note(graph, "no stored values: the last channels of each layer were removed; what it costs does not depend on which")
    _say_what_stays(graph, channels)
    spared = remove_channels(graph, channels, removed)
    if spared:
        note(graph, f"{len(spared)} channels stay although they were to go: without them a tensor would be empty")


def _say_what_stays(graph: Graph, channels: Channels) -> None:
    """Layers none of whose channels can go, and the reasons."""
    stays = [name for group in coupled_groups(channels) if not group.roots for name in group.ops]
    if stays:
        shown = ", ".join(stays[:3]) + (f" and {len(stays) - 3} more" if len(stays) > 3 else "")
        reasons = list(channels.why)
        note(graph, f"channels of {shown} cannot be removed: {'; '.join(reasons[:3])}" + (f" and {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""))


def schedule(options: PruneOptions) -> dict[str, Any]:
    """How training gets there: ``targets`` of each round grow as 1 - (1 - t)^3 (Zhu and Gupta 2017); a lottery ticket rewinds after each."""
    final = float(options.ratio or options.sparsity or (0.5 if options.granularity == "2:4" else 0.0))
    steps = 1 if options.schedule == "one_shot" else options.steps or _ROUNDS
    targets = [final * (1 - (1 - step / steps) ** 3) for step in range(1, steps + 1)]
    return {"schedule": options.schedule, "targets": targets, "rewind": options.schedule == "lottery_ticket"}
