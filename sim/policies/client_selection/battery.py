"""Clients whose batteries can bear it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim.policies.client_selection.policy import CLIENT_SELECTION, Clients, ClientSelection, SelectionView
from sim.policies.tunables import Tunable


@CLIENT_SELECTION.register("battery")
class BatterySelection(ClientSelection):
    """Of ``candidates`` times as many as needed, the fullest ones; above ``enough`` all count alike, so that chance decides."""

    tunables: ClassVar[Mapping[str, Tunable]] = {
        "candidates": Tunable("ratio", "candidates drawn by clients needed", least=1.0, most=1000.0),
        "enough": Tunable("ratio", "state of charge above which all are alike", most=1.0),
    }
    candidates = 3.0
    enough = 0.8

    def select(self, view: SelectionView, number: int) -> Clients:
        drawn = view.draw(int(np.ceil(number * self.candidates)))
        charge = np.minimum(view.charge(drawn), self.enough)
        return drawn[np.argsort(-charge, kind="stable")[:number]]
