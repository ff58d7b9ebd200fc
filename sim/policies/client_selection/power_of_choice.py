"""Clients with a high loss, of a few drawn at random (Cho, Wang and Joshi, 2020; the variant pi_rpow-d)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim.policies.client_selection.policy import CLIENT_SELECTION, Clients, ClientSelection, SelectionView, Values
from sim.policies.tunables import Tunable


@CLIENT_SELECTION.register("power_of_choice")
class PowerOfChoice(ClientSelection):
    """Of ``candidates`` times as many as needed, those whose loss was highest when they last answered.

    Candidates are drawn in proportion to their samples. Losses are those already known, so nobody computes or sends anything
    for the choice; who never answered comes first.
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {"candidates": Tunable("ratio", "candidates drawn by clients needed", least=1.0, most=1000.0)}
    candidates = 2.0

    def start(self, population: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._losses = np.full(population, np.inf, dtype=np.float32)

    def select(self, view: SelectionView, number: int) -> Clients:
        wanted = int(np.ceil(number * self.candidates))
        # by samples: the smallest of exponential times whose rates are the samples (Efraimidis and Spirakis, 2006)
        drawn = view.draw(2 * wanted)
        if len(drawn) > wanted:
            times = self._rng.standard_exponential(len(drawn)) / view.samples(drawn)
            drawn = drawn[np.argpartition(times, wanted - 1)[:wanted]]
        losses = self._losses[drawn]
        order = np.argsort(-losses, kind="stable")
        return drawn[order[:number]]

    def learn(self, view: SelectionView, clients: Clients, seconds: Values, losses: Values) -> None:
        self._losses[clients] = losses
