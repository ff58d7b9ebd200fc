"""What a run of rounds is told: what goes over the links, who is chosen, and what the server's part costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.fleet.federated.attempt import Attempt, Values, Wire
from sim.policies.aggregation import ElementWork
from sim.policies.client_selection import ClientSelection

Progress = Callable[[float], None]
Watch = Callable[[Attempt, Values, "np.ndarray"], None]


@dataclass(frozen=True)
class CodeRates:
    """How fast a device does plain code: it takes the longer of computing and moving. ``watts``: above the idle device meanwhile."""

    operations_per_s: float = np.inf
    bytes_per_s: float = np.inf
    watts: float = 0.0

    def seconds(self, work: ElementWork) -> float:
        """Of so much work."""
        return max(work.operations / self.operations_per_s, work.moved_bytes / self.bytes_per_s)

    def joules(self, work: ElementWork) -> float:
        """Above the idle device."""
        return self.seconds(work) * self.watts


@dataclass(frozen=True)
class AssumedLosses:
    """In place of learning: losses are lognormal about a level of each client's data, and fall as (1 + round)^-``decline``."""

    spread: float
    decline: float

    def drawn(self, level: Values, rounds: int, rng: np.random.Generator) -> Values:
        """Root-mean-square losses of answers in a round."""
        losses: Values = level * np.exp(self.spread * rng.standard_normal(len(level))) * (1.0 + rounds) ** -self.decline
        return losses


@dataclass
class Plan:
    """``server_work(answered, asked)``: of the server for one new model. ``threshold``: share of those asked that must answer for a sum to be read.

    ``wire``: between clients and what they talk to; ``backbone``: between aggregators at the edge and the server.
    """

    wire: Wire
    backbone: Wire
    selection: ClientSelection
    server: CodeRates
    server_work: Callable[[int, int], ElementWork]
    losses: AssumedLosses
    losses_rng: np.random.Generator
    threshold: float = 0.0
    watch: Watch | None = None  # told each attempt, when its clients were let go, and which counted
    progress: Progress | None = None

    def aggregation(self, answered: int, asked: int) -> tuple[float, float]:
        """Seconds and joules of the server for one new model."""
        work = self.server_work(answered, asked)
        return self.server.seconds(work), self.server.joules(work)

    def observed(self, attempt: Attempt, released_s: Values, counted: np.ndarray) -> None:
        """Tell who watches."""
        if self.watch is not None:
            self.watch(attempt, released_s, counted)
