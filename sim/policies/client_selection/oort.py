"""Clients that teach much in little time, and some that nobody knows yet (Lai et al., Oort, OSDI 2021, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim.policies.client_selection.policy import CLIENT_SELECTION, Clients, ClientSelection, SelectionView, Values
from sim.policies.tunables import Tunable

_UNCERTAINTY = 0.1  # of algorithm 1: sqrt(0.1 log R / L(i))
_TOO_MANY = 3  # candidates looked at by clients needed, for those that are not there


def utilities(statistical: Values, seconds: Values, preferred_s: float, penalty: float) -> Values:
    """Statistical times systemic utility: whoever takes longer than ``preferred_s`` is worth less, by the power ``penalty`` of the ratio."""
    return statistical * np.where(seconds > preferred_s, (preferred_s / np.maximum(seconds, 1e-12)) ** penalty, 1.0)


@CLIENT_SELECTION.register("oort")
class Oort(ClientSelection):
    """Exploits clients by utility (samples x loss, discounted when slower than the pacer prefers), and explores new ones, the fast ones first.

    Exploration (0.9, falling by 0.98 to 0.2), penalty, window and cutoff are as a third-party implementation has them
    (the paper itself was not read again); the quantiles of pacer and clip are estimated.
    The time the pacer prefers is a quantile of the times seen so far, as in the authors' implementation.
    """

    tunables: ClassVar[Mapping[str, Tunable]] = {
        "exploration": Tunable("ratio", "share of the clients that are new, at first", most=1.0),
        "exploration_decay": Tunable("ratio", "factor of that share in every round", most=1.0),
        "exploration_least": Tunable("ratio", "the share never falls below", most=1.0),
        "penalty": Tunable("count", "alpha: power of the discount for slow clients"),
        "window": Tunable("count", "rounds after which the pacer compares utilities", least=1.0),
        "pacer_step": Tunable("ratio", "by which quantile of the durations the pacer relaxes", most=1.0),
        "pacer_start": Tunable("ratio", "quantile of the durations that is preferred at first", most=1.0),
        "cutoff": Tunable("ratio", "clients above this share of the last one's utility are drawn by chance", most=1.0),
        "clip": Tunable("ratio", "quantile above which utilities count alike", most=1.0),
        "blacklist": Tunable("count", "a client that took part so often is not asked again", least=1.0),
    }
    exploration = 0.9
    exploration_decay = 0.98
    exploration_least = 0.2
    penalty = 2.0
    window = 20.0
    pacer_step = 0.05
    pacer_start = 0.2
    cutoff = 0.95
    clip = 0.95
    blacklist = 1e9

    def start(self, population: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._fresh = 1.0  # share of the clients drawn that nobody knows yet, in the last round
        self._seen = np.zeros(population, dtype=bool)  # asked and answered at least once
        self._row = np.full(population, -1, dtype=np.int32)
        self._rows = 0
        self._clients = np.empty(1024, dtype=np.int64)
        self._statistical, self._seconds, self._last, self._times = (np.empty(1024) for _ in range(4))
        self._quantile = self.pacer_start
        self._gathered: list[float] = []

    def select(self, view: SelectionView, number: int) -> Clients:
        known = self._rows
        share = max(self.exploration * self.exploration_decay**view.round, self.exploration_least)
        explore = round(number * share) if known else number
        exploited = self._exploited(view, number - explore) if known else np.empty(0, dtype=np.int64)
        explored = self._explored(view, number - len(exploited))
        chosen = np.concatenate([exploited, explored])
        if len(chosen) < number and known:  # nobody new is there: more of those that are known
            more = self._exploited(view, number)
            chosen = np.concatenate([chosen, more[~np.isin(more, chosen)][: number - len(chosen)]])
        return chosen

    def learn(self, view: SelectionView, clients: Clients, seconds: Values, losses: Values) -> None:
        self._enter(clients)
        rows = self._row[clients]
        statistical = view.samples(clients) * losses
        self._statistical[rows], self._seconds[rows], self._last[rows] = statistical, seconds, view.round + 1
        self._times[rows] += 1
        self._pace(float(statistical.sum()))

    def _enter(self, clients: Clients) -> None:
        """Rows for clients that answer for the first time."""
        new = clients[~self._seen[clients]]
        need = self._rows + len(new)
        while need > len(self._clients):
            self._clients = np.concatenate([self._clients, np.empty_like(self._clients)])
            for name in ("_statistical", "_seconds", "_last", "_times"):
                setattr(self, name, np.concatenate([getattr(self, name), np.empty_like(getattr(self, name))]))
        self._row[new] = np.arange(self._rows, need)
        self._clients[self._rows : need], self._times[self._rows : need] = new, 0.0
        self._seen[new], self._rows = True, need

    def _pace(self, utility: float) -> None:
        """Prefer longer rounds when a window brought less than the one before."""
        self._gathered.append(utility)
        window = int(self.window)
        if len(self._gathered) < 2 * window or len(self._gathered) % window:
            return
        if sum(self._gathered[-window:]) < sum(self._gathered[-2 * window : -window]):
            self._quantile = min(self._quantile + self.pacer_step, 1.0)

    def _exploited(self, view: SelectionView, number: int) -> Clients:
        if number <= 0:
            return np.empty(0, dtype=np.int64)
        rows = self._rows
        utility = self.utility(view.round + 1)
        usable = self._times[:rows] < self.blacklist
        utility = np.where(usable, utility, -np.inf)
        looked = min(number * _TOO_MANY, rows)
        while True:
            top = np.argpartition(-utility, looked - 1)[:looked] if looked < rows else np.arange(rows)
            top = top[view.can_take_part(self._clients[top]) & usable[top]]
            if len(top) >= number or looked >= rows:
                break
            looked = min(4 * looked, rows)
        if len(top) <= number:
            return self._clients[top]
        least = self.cutoff * np.partition(utility[top], len(top) - number)[len(top) - number]
        admitted = top[utility[top] >= least]
        times = self._rng.standard_exponential(len(admitted)) / np.maximum(utility[admitted], 1e-300)  # by chance, in proportion to utility
        return self._clients[admitted[np.argpartition(times, number - 1)[:number]]] if len(admitted) > number else self._clients[admitted]

    def utility(self, round_number: int) -> Values:
        """Of every client that has answered, in the order of its first answer."""
        rows = self._rows
        statistical = self._statistical[:rows]
        clipped = np.minimum(statistical, _quantile(statistical, self.clip))
        uncertain = np.sqrt(_UNCERTAINTY * np.log(max(round_number, 1)) / np.maximum(self._last[:rows], 1.0))
        spread = clipped.max(initial=0.0) - clipped.min(initial=np.inf) if rows else 0.0
        seconds = self._seconds[:rows]
        return utilities(clipped + uncertain * max(spread, 0.0), seconds, _quantile(seconds, self._quantile), self.penalty)

    def _explored(self, view: SelectionView, number: int) -> Clients:
        """New clients, drawn by speed: the faster are likelier."""
        if number <= 0:
            return np.empty(0, dtype=np.int64)
        drawn = view.draw(int(2 * number / self._fresh))
        new = drawn[~self._seen[drawn]]
        self._fresh = min(max(len(new) / max(len(drawn), 1), 0.05), 1.0)
        drawn = new
        if len(drawn) <= number:
            return drawn
        times = self._rng.standard_exponential(len(drawn)) * view.expected_s(drawn)
        return drawn[np.argpartition(times, number - 1)[:number]]


def _quantile(values: Values, share: float) -> float:
    """The value that a ``share`` of all do not exceed."""
    if not len(values):
        return 0.0
    place = min(max(int(np.ceil(share * len(values))) - 1, 0), len(values) - 1)
    return float(np.partition(values, place)[place])
