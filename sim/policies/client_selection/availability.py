"""Clients that will still be there when they are through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim.policies.client_selection.policy import CLIENT_SELECTION, Clients, ClientSelection, SelectionView
from sim.policies.tunables import Tunable


@CLIENT_SELECTION.register("availability")
class AvailabilitySelection(ClientSelection):
    """Of ``candidates`` times as many as needed, those whose session lasts ``margin`` times as long as they are expected to take.

    Where these are too few, those that come nearest.
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {
        "candidates": Tunable("ratio", "candidates drawn by clients needed", least=1.0, most=1000.0),
        "margin": Tunable("ratio", "rest of the session by expected time", most=1000.0),
    }
    candidates = 3.0
    margin = 1.5

    def select(self, view: SelectionView, number: int) -> Clients:
        drawn = view.draw(int(np.ceil(number * self.candidates)))
        # those that stay long enough count alike, so that among them chance decides
        left = np.minimum(view.remaining_s(drawn) / (self.margin * view.expected_s(drawn) + 1e-9), 1.0)
        return drawn[np.argsort(-left, kind="stable")[:number]]
