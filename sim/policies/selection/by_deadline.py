"""The model by what is left to the deadline: the best that is still in time."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionPolicy, SelectionView


@SELECTION.register("by_deadline")
class ByDeadline(SelectionPolicy):
    """The first model that is predicted to answer ``margin`` before the deadline; the fastest if none is."""

    uses = frozenset({"margin"})
    sees = frozenset({"deadline"})

    def choose(self, view: SelectionView) -> int:
        slack_s = view.slack_s - self.options.margin_s
        predicted_s = [view.predicted_s(model) for model in range(self.options.models)]
        in_time = (model for model, seconds in enumerate(predicted_s) if seconds <= slack_s)
        return next(in_time, min(range(self.options.models), key=lambda model: predicted_s[model]))
