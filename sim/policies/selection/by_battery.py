"""The model by state of charge: smaller ones as the battery empties."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionView, Staircase


@SELECTION.register("by_battery")
class ByBattery(Staircase):
    """Passes to the next model when the state of charge has fallen to these values; thresholds descend."""

    dimension = "ratio"
    descending = True
    sees = frozenset({"battery"})

    def reading(self, view: SelectionView) -> float:
        return view.charge
