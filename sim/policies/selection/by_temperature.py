"""The model by temperature: smaller ones as the device warms up, before its governors slow it down."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionView, Staircase


@SELECTION.register("by_temperature")
class ByTemperature(Staircase):
    """Passes to the next model at these temperatures of a thermal node (``node``; the hottest if absent); thresholds ascend."""

    dimension = "temperature"

    def reading(self, view: SelectionView) -> float:
        return view.temperature_c
