"""The model whose units have the least to do: the same network on several units, or several networks."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionPolicy, SelectionView


@SELECTION.register("least_waiting")
class LeastWaiting(SelectionPolicy):
    """The model with the fewest segments that wait or run on its units; of several the first."""

    def choose(self, view: SelectionView) -> int:
        return min(range(self.options.models), key=view.waiting)
