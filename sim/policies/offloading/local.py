"""Everything on the device."""

from __future__ import annotations

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView


@OFFLOADING.register("local")
class Local(OffloadingPolicy):
    """Never offloads."""

    def choose(self, task: TaskView) -> int:
        return 0
