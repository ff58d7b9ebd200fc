"""The model by time: a plan made beforehand."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionPolicy, SelectionView


@SELECTION.register("by_time")
class ByTime(SelectionPolicy):
    """Passes to the next model at these times from the start of the run; thresholds ascend."""

    uses = frozenset({"thresholds"})
    dimension = "time"

    def choose(self, view: SelectionView) -> int:
        return sum(view.now_s >= threshold for threshold in self.options.thresholds)
