"""Buffered asynchronous rounds (Nguyen et al., FedBuff, AISTATS 2022): somebody new begins whenever somebody is through.

Ends of clients' work are taken together as long as nobody who begins meanwhile could be through before: then none of them depends on another.
"""

from __future__ import annotations

from dataclasses import fields
from math import inf

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.attempt import Attempt, Clients, Values, Workforce
from sim.fleet.federated.ledger import Ledger, RoundRow, quantiles
from sim.fleet.federated.plan import Plan
from sim.fleet.federated.pool import Pool
from sim.scenario.federated.model import Asynchronous

_CHECK_IN_S = 60.0  # a place that found nobody looks again
_MOST_LOOKS = 10_000  # without a step forward in time
_NOBODY = -1
_MOST_AT_ONCE = 8192
_CROWDED = 4  # with fewer clients for each place, who has just come free matters: one at a time


class AsynchronousRounds:
    """``concurrency`` places, each taken by one client after the other."""

    def __init__(self, rounds: Asynchronous, workforce: Workforce, pool: Pool, plan: Plan) -> None:
        self.rounds, self.workforce, self.pool, self.plan = rounds, workforce, pool, plan
        self.ledger = Ledger(len(workforce.population.groups))
        self.now_s = 0.0
        self._places = rounds.concurrency
        pool.busy = np.zeros(pool.population, dtype=bool)
        self._most = _MOST_AT_ONCE if pool.population >= _CROWDED * self._places else 1
        self._batch = min(self._most, max(self._places // 4, 1))
        self._ready_s = np.full(rounds.number + 1, inf)  # when each version of the model can be taken
        self._ready_s[0] = 0.0
        self._version = 0
        self._stale = inf if rounds.staleness is None else rounds.staleness
        self._window = _Window(0.0)
        self._vain = 0

    def run(self) -> Ledger:
        """Until the server has made all its models, the time is up, or nobody comes any more."""
        most_s = inf if self.rounds.most_time_s is None else float(self.rounds.most_time_s)
        begin_s = np.zeros(self._places)
        self._work = self._begun(self._chosen(begin_s), begin_s)
        assert self.pool.busy is not None
        self.pool.busy[self._work.clients[self._work.clients >= 0]] = True
        while self._version < self.rounds.number:
            resolved_s = np.minimum(self._work.end_s, self._work.stop_s)
            first = self._first(resolved_s)
            times_s = resolved_s[first]
            if times_s[0] >= most_s or self._vain >= _MOST_LOOKS:
                self.now_s = min(float(times_s[0]), most_s)
                break
            following = self._begun(self._chosen(times_s), times_s)
            number = int(np.searchsorted(times_s, float(np.minimum(following.end_s, following.stop_s).min()), side="right"))
            number = max(min(number, int(np.searchsorted(times_s, most_s))), 1)
            self._resolve(first[:number], following.of(np.arange(number)))
            self._batch = min(number + number // 4 + 16, self._most, self._places)
            if self.plan.progress is not None:
                self.plan.progress(min(max(self._version / self.rounds.number, self.now_s / most_s), 1.0))
        return self.ledger

    def _first(self, resolved_s: Values) -> NDArray[np.int64]:
        """The places that are through first, in order of time."""
        number = self._batch
        first = np.argpartition(resolved_s, number - 1)[:number] if number < len(resolved_s) else np.arange(len(resolved_s))
        return first[np.lexsort((first, resolved_s[first]))]

    def _chosen(self, times_s: Values) -> Clients:
        """One client for each moment, in order of time; nobody where nobody can take part."""
        pool = self.pool
        freed = self._freed(times_s)
        pool.now_s, pool.round = float(times_s[0]), self._version
        chosen = self.plan.selection.select(pool, len(times_s))
        clients = np.full(len(times_s), _NOBODY, dtype=np.int64)
        clients[: len(chosen)] = chosen
        gone = np.flatnonzero(clients >= 0)
        gone = gone[~self.workforce.can_take_part(clients[gone], times_s[gone])]
        for place in gone:  # there at the first moment, but not at its own
            pool.now_s = float(times_s[place])
            clients[place] = self._one(clients)
        if freed is not None and pool.busy is not None:
            pool.busy[freed] = True
        return clients

    def _freed(self, times_s: Values) -> Clients | None:
        """In a crowd the client that is through may be asked again at once."""
        if self._most > 1 or len(times_s) > 1 or self.pool.busy is None:
            return None
        resolved_s = np.minimum(self._work.end_s, self._work.stop_s)
        client = self._work.clients[self._first(resolved_s)[:1]]
        client = client[client >= 0]
        self.pool.busy[client] = False
        return client

    def _one(self, taken: Clients) -> int:
        for client in self.pool.draw(len(taken) + 1):
            if client not in taken:
                return int(client)
        return _NOBODY

    def _begun(self, clients: Clients, times_s: Values) -> Attempt:
        """The work of clients; places with nobody wait for the next look."""
        there = clients >= 0
        attempt = self.workforce.attempt(np.maximum(clients, 0), times_s, self.plan.wire)
        if there.all():
            return attempt
        attempt.clients = clients
        attempt.end_s = np.where(there, attempt.end_s, inf)
        attempt.stop_s = np.where(there, attempt.stop_s, times_s + _CHECK_IN_S)
        return attempt

    def _resolve(self, places: NDArray[np.int64], following: Attempt) -> None:
        """Clients at these places are through, in order of time; others follow them."""
        done = self._work.of(places)
        for field in fields(Attempt):
            getattr(self._work, field.name)[places] = getattr(following, field.name)
        busy = self.pool.busy
        assert busy is not None
        times_s = np.minimum(done.end_s, done.stop_s)
        real = done.clients >= 0
        forward = bool(real.any()) and float(times_s[-1]) > self.now_s
        self._vain = 0 if forward else self._vain + len(real)
        self.ledger.waited_s += _CHECK_IN_S * int((~real).sum())
        done, times_s = done.of(real), times_s[real]
        busy[done.clients] = False
        busy[following.clients[following.clients >= 0]] = True
        if len(done.clients):
            self._answers(done, times_s)

    def _answers(self, done: Attempt, times_s: Values) -> None:
        """Answers into the buffer, a new model whenever it is full; those too old are lost."""
        arrived = np.isfinite(done.end_s)
        taken = np.searchsorted(self._ready_s[: self._version + 1], done.begin_s, side="right") - 1
        counted, begin = np.zeros(len(times_s), dtype=bool), 0
        while begin < len(times_s) and self._version < self.rounds.number:
            age = self._version - taken[begin:]
            good = arrived[begin:] & (age <= self._stale)
            full = np.cumsum(good) >= self.rounds.buffer - self._window.answered
            end = begin + int(full.argmax()) + 1 if full.any() else len(times_s)
            part = slice(begin, end)
            counted[part] = good[: end - begin]
            self._window.enter(done, times_s, part, counted, age[: end - begin])
            if full.any():
                self._model(float(times_s[end - 1]))
            begin = end
        self._account(done.of(np.arange(begin)), times_s[:begin], counted[:begin])
        self.now_s = float(times_s[begin - 1])

    def _model(self, full_s: float) -> None:
        """The server makes a new model of a full buffer; it can be taken when that is done."""
        window, ledger = self._window, self.ledger
        aggregation_s, joules = self.plan.aggregation(window.answered, window.asked)
        ledger.server_s += aggregation_s
        ledger.server_j += joules
        ledger.rounds.append(window.row(full_s, aggregation_s))
        self._ready_s[self._version + 1] = max(full_s, float(self._ready_s[self._version])) + aggregation_s
        self._version += 1
        self._window = _Window(full_s)

    def _account(self, done: Attempt, times_s: Values, counted: NDArray[np.bool_]) -> None:
        ledger = self.ledger
        joules = ledger.account(done, times_s, counted)
        self.workforce.settle(done, times_s, joules)
        fallen = ~np.isfinite(done.end_s)
        ledger.fell(done, fallen, ~counted & ~fallen)
        self.plan.observed(done, times_s, counted)
        if counted.any() and self.plan.selection.learns:
            clients = done.clients[counted]
            losses = self.plan.losses.drawn(self.workforce.population.loss_level[clients].astype(np.float64), self._version, self.plan.losses_rng)
            self.plan.selection.learn(self.pool, clients, (done.end_s - done.begin_s)[counted], losses)


class _Window:
    """What has come since the last model."""

    def __init__(self, begin_s: float) -> None:
        self.begin_s = begin_s
        self.asked = self.answered = self.late = 0
        self.fallen = np.zeros(4, dtype=np.int64)
        self.age = 0.0
        self.answers_s: list[Values] = []

    def enter(self, done: Attempt, times_s: Values, part: slice, counted: NDArray[np.bool_], age: NDArray[np.int64]) -> None:
        """Clients that are through, in order of time."""
        good, arrived = counted[part], np.isfinite(done.end_s[part])
        self.asked += len(good)
        self.answered += int(good.sum())
        self.late += int((arrived & ~good).sum())
        self.fallen += np.bincount(done.cause[part][~arrived], minlength=4)
        self.age += float(age[good].sum())
        self.answers_s.append((times_s[part] - done.begin_s[part])[good])

    def row(self, end_s: float, aggregation_s: float) -> RoundRow:
        """The window as a round."""
        p50, p90, most = quantiles(np.concatenate(self.answers_s))
        _, session, network, battery = self.fallen.tolist()
        return RoundRow(
            begin_s=self.begin_s,
            end_s=end_s,
            asked=self.asked,
            answered=self.answered,
            late=self.late,
            session=session,
            network=network,
            battery=battery,
            failed=False,
            client_p50_s=p50,
            client_p90_s=p90,
            client_max_s=most,
            staleness=self.age / self.answered,
            aggregation_s=aggregation_s,
        )
