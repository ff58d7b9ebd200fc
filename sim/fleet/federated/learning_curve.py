"""What was really learnt in the rounds: accuracy by round, time, energy and bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class LearningCurve:
    """Arrays ``[rounds + 1]``; entry 0 is the network before the first round.

    ``time_s``: when the network was there; ``energy_j``, ``sent_bytes``: of all clients until then, those included that led to nothing.
    ``accuracy``, ``loss``: on the held-out images, loss in nats. ``answers``: that have gone into it; ``learnt``: whether the round changed it.
    ``images``: of each client; ``classes``: how many different ones each has. ``norm``: of each round's change.
    """

    time_s: Values
    energy_j: Values
    sent_bytes: Values
    accuracy: Values
    loss: Values
    answers: NDArray[np.int64]
    norm: Values
    images: NDArray[np.int64]
    classes: NDArray[np.int64]
    held_out: int
    weights: int
    final: Values

    def columns(self) -> dict[str, np.ndarray]:
        """The curve as a table, units in the names."""
        return {
            "round": np.arange(len(self.time_s)),
            "time_s": self.time_s,
            "energy_j": self.energy_j,
            "sent_bytes": self.sent_bytes,
            "answers": self.answers,
            "accuracy": self.accuracy,
            "loss_nats": self.loss,
            "update_norm": self.norm,
        }

    def first(self, accuracy: float) -> int | None:
        """The first entry that is at least so accurate; None: none is."""
        reached = np.flatnonzero(self.accuracy >= accuracy - 1e-12)
        return int(reached[0]) if len(reached) else None
