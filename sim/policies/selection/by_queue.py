"""The model by load: smaller ones as requests pile up."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionView, Staircase


@SELECTION.register("by_queue")
class ByQueue(Staircase):
    """Passes to the next model when so many requests of the workload wait or run, the new one included; thresholds ascend."""

    dimension = "count"

    def reading(self, view: SelectionView) -> float:
        return view.in_system
