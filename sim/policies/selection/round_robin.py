"""Each model in its turn."""

from __future__ import annotations

from sim.policies.selection.policy import SELECTION, SelectionOptions, SelectionPolicy, SelectionView


@SELECTION.register("round_robin")
class RoundRobin(SelectionPolicy):
    """One after the other; with ``weights`` in proportion to them, as evenly as can be (smooth weighted round robin)."""

    uses = frozenset({"weights"})

    def __init__(self, options: SelectionOptions) -> None:
        super().__init__(options)
        self._weights = options.weights or (1.0,) * options.models
        self._due = [0.0] * options.models

    def choose(self, view: SelectionView) -> int:
        due = [owed + weight for owed, weight in zip(self._due, self._weights, strict=True)]
        chosen = max(range(len(due)), key=lambda model: due[model])
        due[chosen] -= sum(self._weights)
        self._due = due
        return chosen
