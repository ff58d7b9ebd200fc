"""Any model at random."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from sim.policies.selection.policy import SELECTION, SelectionOptions, SelectionPolicy, SelectionView


@SELECTION.register("random")
class RandomChoice(SelectionPolicy):
    """Independent draws; with ``weights`` in proportion to them."""

    uses = frozenset({"weights"})

    def __init__(self, options: SelectionOptions) -> None:
        super().__init__(options)
        self._borders = list(accumulate(options.weights or (1.0,) * options.models))

    def choose(self, view: SelectionView) -> int:
        return min(bisect_right(self._borders, view.draw() * self._borders[-1]), self.options.models - 1)
