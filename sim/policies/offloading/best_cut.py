"""The fastest way, cuts through the model included (Kang et al., Neurosurgeon, ASPLOS 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView
from sim.policies.tunables import Tunable


@OFFLOADING.register("best_cut")
class BestCut(OffloadingPolicy):
    """The way of the least expected ``latency`` and energy, weighted: ``energy_weight`` seconds count as much as a joule."""

    tunables: ClassVar[Mapping[str, Tunable]] = {"energy_weight": Tunable("count", "seconds that a joule of the device is worth; 0: only time counts")}
    energy_weight = 0.0

    def choose(self, task: TaskView) -> int:
        weight = self.energy_weight
        costs = [option.latency_s + (weight * option.energy_j if weight else 0.0) for option in task.options]
        return costs.index(min(costs))
