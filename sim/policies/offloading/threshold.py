"""Offload where the connection is good or the device busy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView
from sim.policies.tunables import Tunable


@OFFLOADING.register("threshold")
class Threshold(OffloadingPolicy):
    """Sends the whole input while at least ``bandwidth`` is expected, or the device would let it wait for ``wait`` or longer."""

    tunables: ClassVar[Mapping[str, Tunable]] = {
        "bandwidth": Tunable("bandwidth", "least expected rate of sending at which tasks are offloaded"),
        "wait": Tunable("time", "waiting on the device from which on tasks are offloaded whatever the rate"),
    }
    bandwidth = 1e6  # 8 Mbit/s
    wait = float("inf")

    def choose(self, task: TaskView) -> int:
        if task.bandwidth_bytes_per_s < self.bandwidth and task.wait_s < self.wait:
            return 0
        whole = [(option.latency_s, index) for index, option in enumerate(task.options) if option.server and not option.cut]
        return min(whole)[1] if whole else 0
