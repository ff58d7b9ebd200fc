"""The least energy that is in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView
from sim.policies.tunables import Tunable


@OFFLOADING.register("deadline")
class Deadline(OffloadingPolicy):
    """Of the ways expected to meet the deadline, with ``margin`` to spare, the one of least energy; the fastest if none is."""

    tunables: ClassVar[Mapping[str, Tunable]] = {"margin": Tunable("ratio", "share of the deadline kept in reserve", most=1.0)}
    margin = 0.1

    def choose(self, task: TaskView) -> int:
        most_s = task.deadline_s * (1.0 - self.margin)
        in_time = [(option.energy_j, option.latency_s, index) for index, option in enumerate(task.options) if option.latency_s <= most_s]
        return min(in_time)[2] if in_time else min((option.latency_s, index) for index, option in enumerate(task.options))[1]
