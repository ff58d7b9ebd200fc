"""Everything on a server."""

from __future__ import annotations

from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, TaskView


@OFFLOADING.register("remote")
class Remote(OffloadingPolicy):
    """Sends the whole input to the server of the least expected latency."""

    def choose(self, task: TaskView) -> int:
        whole = [(option.latency_s, index) for index, option in enumerate(task.options) if option.server and not option.cut]
        return min(whole)[1] if whole else 0
