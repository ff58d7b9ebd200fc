"""Whose answers made each new network, from which earlier one, and when: read off the simulated rounds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.attempt import Attempt
from sim.fleet.federated.ledger import Ledger

Values = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class LearningRound:
    """One round. ``clients``, ``taken``: whose answers count, and the version of the network each had begun with (the start is version 0).

    ``time_s``: when the new network was there; ``energy_j``, ``sent_bytes``: of all clients that were through by then.
    """

    clients: Indices
    taken: Indices
    time_s: float
    energy_j: float
    sent_bytes: float


@dataclass
class Recorder:
    """Told of all attempts as the rounds are simulated; see ``Plan.watch``."""

    _clients: list[Indices] = field(default_factory=list)
    _begins_s: list[Values] = field(default_factory=list)
    _counted: list[NDArray[np.bool_]] = field(default_factory=list)
    _joules: list[Values] = field(default_factory=list)
    _bytes: list[Values] = field(default_factory=list)

    def __call__(self, attempt: Attempt, released_s: Values, counted: NDArray[np.bool_]) -> None:
        self._clients.append(attempt.clients.copy())
        self._begins_s.append(attempt.begin_s.copy())
        self._counted.append(counted.copy())
        self._joules.append(attempt.spent_j(released_s))
        # who is let go while it sends has sent its part
        sending_s = np.maximum(attempt.up_end_s - attempt.work_end_s, 1e-12)
        self._bytes.append(attempt.up_bytes * np.clip((released_s - attempt.work_end_s) / sending_s, 0.0, 1.0))

    def in_step(self, ledger: Ledger) -> list[LearningRound]:
        """Of synchronous rounds: each was told at once, and all of its clients had the network there was."""
        found, energy_j, sent_bytes = list[LearningRound](), 0.0, 0.0
        for number, row in enumerate(ledger.rounds):
            energy_j += float(self._joules[number].sum())
            sent_bytes += float(self._bytes[number].sum())
            clients = self._clients[number][self._counted[number]]
            found.append(LearningRound(clients, np.full(len(clients), number), row.end_s + row.aggregation_s, energy_j, sent_bytes))
        return found

    def buffered(self, ledger: Ledger, buffer: int) -> list[LearningRound]:
        """Of asynchronous rounds: in order of arrival, every ``buffer`` answers that count are one."""
        if not self._clients or not ledger.rounds:
            return []
        ready_s = [0.0]
        for row in ledger.rounds:
            ready_s.append(max(row.end_s, ready_s[-1]) + row.aggregation_s)
        counted = np.flatnonzero(np.concatenate(self._counted))
        clients, begins_s = np.concatenate(self._clients)[counted], np.concatenate(self._begins_s)[counted]
        energy_j, sent_bytes = (np.cumsum(np.concatenate(parts))[counted] for parts in (self._joules, self._bytes))
        found = list[LearningRound]()
        for number in range(len(ledger.rounds)):
            part = slice(number * buffer, (number + 1) * buffer)
            # versions that were there when the client began; those of this and later rounds were not
            taken = np.searchsorted(ready_s[: number + 1], begins_s[part], side="right") - 1
            last = part.stop - 1
            found.append(LearningRound(clients[part], taken, ready_s[number + 1], float(energy_j[last]), float(sent_bytes[last])))
        return found
