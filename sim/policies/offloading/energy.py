"""The least energy of the device."""

from __future__ import annotations

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView


@OFFLOADING.register("energy")
class Energy(OffloadingPolicy):
    """The way on which the device is expected to spend least, however long it takes."""

    def choose(self, task: TaskView) -> int:
        return min((option.energy_j, option.latency_s, index) for index, option in enumerate(task.options))[2]
