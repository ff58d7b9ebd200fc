"""Drawing clients that can take part from a population of any size, without looking at all of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.attempt import Clients, Values, Wire, Workforce

_SLACK = 16  # drawn above what is expected to be needed


class Pool:
    """The population as a selection sees it; see :class:`sim.policies.client_selection.SelectionView`.

    Clients are drawn by rejection; when about half of the population would have to be tried, all are looked at.
    """

    def __init__(self, workforce: Workforce, wire: Wire, rng: np.random.Generator) -> None:
        self._workforce, self._wire, self._rng = workforce, wire, rng
        self.population = workforce.population.count
        self.now_s, self.round = 0.0, 0
        self.busy: NDArray[np.bool_] | None = None  # at work already
        self._found = np.zeros(self.population, dtype=np.int32)  # number of the draw in which a client was found last
        self._place = np.zeros(self.population, dtype=np.int32)
        self._draws, self._rate = 0, 1.0

    def draw(self, number: int) -> Clients:
        if number <= 0:
            return np.empty(0, dtype=np.int64)
        self._draws += 1
        found, have, tried = [], 0, 0
        while have < number:
            batch = int((number - have) / self._rate * 1.05) + _SLACK
            if 2 * (tried + batch) >= self.population:
                return self._all(number)
            clients = self._rng.integers(0, self.population, batch)
            good = self._new(clients[self.can_take_part(clients)])
            tried += batch
            self._rate = max(0.5 * self._rate + 0.5 * len(good) / batch, 1e-4)
            found.append(good)
            have += len(good)
        chosen: Clients = np.concatenate(found)[:number]
        return chosen

    def _new(self, clients: Clients) -> Clients:
        """Without those found before in this draw, and each only once."""
        clients = clients[self._found[clients] != self._draws]
        order = np.arange(len(clients), dtype=np.int32)
        self._place[clients] = order
        clients = clients[self._place[clients] == order]
        self._found[clients] = self._draws
        return clients

    def _all(self, number: int) -> Clients:
        clients = np.arange(self.population)
        good = clients[self.can_take_part(clients)]
        self._rate = max(len(good) / self.population, 1e-4)
        drawn: Clients = self._rng.permutation(good)[:number] if number * 4 > len(good) else self._rng.choice(good, number, replace=False)
        return drawn

    def can_take_part(self, clients: Clients) -> NDArray[np.bool_]:
        can = self._workforce.can_take_part(clients, self.now_s)
        return can if self.busy is None else can & ~self.busy[clients]

    def expected_s(self, clients: Clients) -> Values:
        return self._workforce.expected_s(clients, self._wire)

    def remaining_s(self, clients: Clients) -> Values:
        return self._workforce.remaining_s(clients, self.now_s)

    def charge(self, clients: Clients) -> Values:
        return self._workforce.charge_ratio(clients, self.now_s)

    def samples(self, clients: Clients) -> Values:
        samples: Values = self._workforce.population.samples[clients].astype(np.float64)
        return samples
