"""Clients at random."""

from __future__ import annotations

from sim.policies.client_selection.policy import CLIENT_SELECTION, Clients, ClientSelection, SelectionView


@CLIENT_SELECTION.register("random")
class RandomSelection(ClientSelection):
    """All who can take part are equally likely (McMahan et al., AISTATS 2017)."""

    def select(self, view: SelectionView, number: int) -> Clients:
        return view.draw(number)
