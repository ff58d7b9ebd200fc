"""Synchronous rounds: all who are asked begin together; the round ends with the last answer it wants, at its deadline, or when nobody is left."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.attempt import Attempt, Clients, Values, Workforce
from sim.fleet.federated.ledger import Ledger, RoundRow, quantiles
from sim.fleet.federated.plan import Plan
from sim.fleet.federated.pool import Pool
from sim.scenario.federated.model import Hierarchical, Synchronous

_MOST_WAITS = 2_000  # looks in vain, one after the other, before it is plain that nobody ever comes
_MOST_TRIES = 20  # rounds begun for each that is wanted, before it is plain that none succeeds
_EPSILON = 1e-9


@dataclass(frozen=True)
class Close:
    """When a round ends, when each client is let go, and which answers count."""

    end_s: float
    released_s: Values
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """What became of those asked. ``updates``: that the server combines: answers, or sums of aggregators on the way, whose energy is ``on_the_way_j``."""

    attempt: Attempt
    close: Close
    updates: int
    on_the_way_j: float = 0.0


def close_round(attempt: Attempt, begin_s: float, wanted: int, deadline_s: float) -> Close:
    """The law of a synchronous round: it ends with the answer number ``wanted``, at its deadline, or when all have answered or fallen out."""
    ends = attempt.end_s
    if len(ends) > wanted:
        enough_s = float(np.partition(ends, wanted - 1)[wanted - 1])
    else:
        enough_s = inf
    resolved_s = float(np.where(np.isfinite(ends), ends, attempt.stop_s).max())  # all have answered or fallen out
    end_s = min(enough_s, begin_s + deadline_s, resolved_s)
    answered = ends <= end_s
    released_s = np.where(answered, end_s, np.minimum(attempt.stop_s, end_s))
    return Close(end_s, released_s, answered)


class SynchronousRounds:
    """Runs rounds one after the other."""

    def __init__(self, rounds: Synchronous | Hierarchical, workforce: Workforce, pool: Pool, plan: Plan) -> None:
        self.rounds, self.workforce, self.pool, self.plan = rounds, workforce, pool, plan
        self.ledger = Ledger(len(workforce.population.groups))
        self.deadline_s = inf if rounds.deadline_s is None else float(rounds.deadline_s)
        self.asked = min(ceil(rounds.clients * float(rounds.over_selection) - _EPSILON), workforce.population.count)
        self.now_s = 0.0

    def run(self) -> Ledger:
        """All rounds, or until the time is up, or nobody comes any more."""
        most_s = inf if self.rounds.most_time_s is None else float(self.rounds.most_time_s)
        done = tries = 0
        while done < self.rounds.number and self.now_s < most_s:
            clients = self._asked(tries, most_s)
            if not len(clients):
                break
            row = self.round(clients, tries)
            self.ledger.rounds.append(row)
            self.now_s = row.end_s + row.aggregation_s + float(self.rounds.pause_s)
            tries += 1
            done += not (row.failed and self.rounds.when_short == "retry")
            if tries >= _MOST_TRIES * self.rounds.number:
                break
            if self.plan.progress is not None:
                self.plan.progress(max(done / self.rounds.number, min(self.now_s / most_s, 1.0)))
        return self.ledger

    def _asked(self, number: int, most_s: float) -> Clients:
        """Clients for the next round; the server waits while there are fewer than a round needs at least."""
        for _ in range(_MOST_WAITS):
            self.pool.now_s, self.pool.round = self.now_s, number
            clients = self.plan.selection.select(self.pool, self.asked)
            if len(clients) >= self.rounds.least:
                return clients
            self.ledger.waits += 1
            self.ledger.waited_s += float(self.rounds.check_in_s)
            self.now_s += float(self.rounds.check_in_s)
            if self.now_s >= most_s:
                break
        return np.empty(0, dtype=np.int64)

    def round(self, clients: Clients, number: int) -> RoundRow:
        """One round with these clients."""
        answers = self.answers(clients)
        close = answers.close
        least = max(self.rounds.least, ceil(self.plan.threshold * len(answers.attempt.clients) - _EPSILON))
        answered = int(close.counted.sum())
        if answered < least:  # all of it for nothing
            close, answered = Close(close.end_s, close.released_s, np.zeros_like(close.counted)), 0
        return self._entered(answers, close, number, answered)

    def answers(self, clients: Clients) -> Answers:
        """What clients do, and when the round closes."""
        attempt = self.workforce.attempt(clients, np.full(len(clients), self.now_s), self.plan.wire)
        close = close_round(attempt, self.now_s, self.rounds.clients, self.deadline_s)
        return Answers(attempt, close, int(close.counted.sum()))

    def _entered(self, answers: Answers, close: Close, number: int, answered: int) -> RoundRow:
        ledger, attempt, counted, released_s = self.ledger, answers.attempt, close.counted, close.released_s
        joules = ledger.account(attempt, released_s, counted)
        self.workforce.settle(attempt, released_s, joules)
        fallen = ~np.isfinite(attempt.end_s) & (attempt.stop_s <= released_s)
        late = ~counted & ~fallen
        session, network, battery = ledger.fell(attempt, fallen, late)
        answers_s = (attempt.end_s - attempt.begin_s)[counted]
        p50, p90, most = quantiles(answers_s)
        aggregation_s, joules_server = self.plan.aggregation(answers.updates, self._sent(answers)) if answered else (0.0, 0.0)
        ledger.server_s += aggregation_s
        ledger.server_j += joules_server + answers.on_the_way_j
        self._learn(attempt, counted, answers_s, number)
        self.plan.observed(attempt, released_s, counted)
        return RoundRow(
            begin_s=self.now_s,
            end_s=close.end_s,
            asked=len(attempt.clients),
            answered=answered,
            late=int(late.sum()),
            session=session,
            network=network,
            battery=battery,
            failed=not answered,
            client_p50_s=p50,
            client_p90_s=p90,
            client_max_s=most,
            staleness=0.0,
            aggregation_s=aggregation_s,
        )

    def _sent(self, answers: Answers) -> int:
        """Updates the server might have got."""
        return len(answers.attempt.clients)

    def _learn(self, attempt: Attempt, counted: NDArray[np.bool_], answers_s: Values, number: int) -> None:
        if not counted.any() or not self.plan.selection.learns:
            return
        clients = attempt.clients[counted]
        losses = self.plan.losses.drawn(self.workforce.population.loss_level[clients].astype(np.float64), number, self.plan.losses_rng)
        self.plan.selection.learn(self.pool, clients, answers_s, losses)
