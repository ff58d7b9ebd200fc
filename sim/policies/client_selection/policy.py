"""What a selection of clients sees and decides: who is asked to take part."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.policies.tunables import Tunables
from sim.registry import Registry

Clients = NDArray[np.int64]
Values = NDArray[np.float64]


class SelectionView(Protocol):
    """The population at the moment clients are asked. Clients are numbers from 0; every answer is an array like ``clients``."""

    population: int
    now_s: float
    round: int

    def draw(self, number: int) -> Clients:
        """At most ``number`` different clients that can take part now, at random, in random order; fewer if there are not so many."""

    def can_take_part(self, clients: Clients) -> NDArray[np.bool_]:
        """Which are there now, charged enough, and not at work already."""

    def expected_s(self, clients: Clients) -> Values:
        """Seconds a client is expected to take: its transfers alone on its links, training on a cool device."""

    def remaining_s(self, clients: Clients) -> Values:
        """Until a client's session ends; infinity for one that never leaves."""

    def charge(self, clients: Clients) -> Values:
        """State of charge, 0..1; 1 for a client on mains power."""

    def samples(self, clients: Clients) -> Values:
        """Training samples of a client."""


class ClientSelection(Tunables):
    """Chooses clients; one object serves a whole run, in order of time.

    ``start`` is called once; ``learn`` with what became of those who were asked, for policies that do.
    """

    def start(self, population: int, rng: np.random.Generator) -> None:
        """A run with so many clients begins; ``rng`` is the policy's own stream."""

    def select(self, view: SelectionView, number: int) -> Clients:
        """At most ``number`` different clients that can take part."""
        raise NotImplementedError

    @property
    def learns(self) -> bool:
        """Whether it wants to know what became of those who were asked."""
        return type(self).learn is not ClientSelection.learn

    def learn(self, view: SelectionView, clients: Clients, seconds: Values, losses: Values) -> None:
        """Clients have answered. ``seconds``: from asked to answered; ``losses``: root mean square of the loss over a client's samples."""


CLIENT_SELECTION: Registry[type[ClientSelection]] = Registry("client selection")
