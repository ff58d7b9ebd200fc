"""Hierarchical rounds (Liu et al., Client-edge-cloud hierarchical federated learning, ICC 2020): aggregators at the edge, each with its own clients."""

from __future__ import annotations

from dataclasses import fields
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.attempt import Attempt, Clients, Values, Workforce
from sim.fleet.federated.plan import CodeRates, Plan
from sim.fleet.federated.pool import Pool
from sim.fleet.federated.synchronous import Answers, Close, SynchronousRounds, close_round
from sim.fleet.federated.transfer import transfer_ends
from sim.scenario.federated.model import Hierarchical

_EPSILON = 1e-9


class HierarchicalRounds(SynchronousRounds):
    """The server sends the model to the aggregators, they to their clients; each gathers its part of the answers and sends one update on."""

    rounds: Hierarchical

    def __init__(self, rounds: Hierarchical, workforce: Workforce, pool: Pool, plan: Plan, edge: CodeRates) -> None:
        super().__init__(rounds, workforce, pool, plan)
        self.edge = edge
        self.edges = rounds.edges.number
        self.to_server = float(rounds.edges.to_server_bytes_per_s)
        self.from_server = self.to_server if rounds.edges.from_server_bytes_per_s is None else float(rounds.edges.from_server_bytes_per_s)

    def answers(self, clients: Clients) -> Answers:
        """Clients belong to the aggregator of their number modulo the number of aggregators."""
        edge_of = clients % self.edges
        order = np.argsort(edge_of, kind="stable")
        clients, edge_of = clients[order], edge_of[order]
        used = np.unique(edge_of)
        ready_s = np.full(self.edges, np.nan)
        ready_s[used] = self._backbone(np.full(len(used), self.now_s), self.plan.wire.download_bytes, self.from_server, self.plan.backbone.down_bytes_per_s)
        attempt = self._attempt(clients, edge_of, used, ready_s)
        return self._gathered(attempt, edge_of, used)

    def _attempt(self, clients: Clients, edge_of: NDArray[np.int64], used: NDArray[np.int64], ready_s: Values) -> Attempt:
        wire = self.plan.wire
        if wire.up_bytes_per_s == inf and wire.down_bytes_per_s == inf:
            return self.workforce.attempt(clients, ready_s[edge_of], wire)
        parts = [self.workforce.attempt(clients[edge_of == edge], ready_s[edge_of[edge_of == edge]], wire) for edge in used]
        return Attempt(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Attempt)))

    def _gathered(self, attempt: Attempt, edge_of: NDArray[np.int64], used: NDArray[np.int64]) -> Answers:
        """Each aggregator closes on its own; the round ends with the last update at the server."""
        closed_s, released_s, counted = np.full(len(used), self.now_s), np.empty(len(edge_of)), np.empty(len(edge_of), dtype=bool)
        sent, work_j = np.zeros(len(used), dtype=bool), 0.0
        for position, edge in enumerate(used):
            chosen = np.flatnonzero(edge_of == edge)
            wanted = ceil(len(chosen) * self.rounds.clients / self.asked - _EPSILON)
            close = close_round(attempt.of(chosen), self.now_s, wanted, self.deadline_s)
            released_s[chosen], counted[chosen] = close.released_s, close.counted
            answered = int(close.counted.sum())
            work = self.plan.server_work(answered, len(chosen))
            closed_s[position], sent[position] = close.end_s + self.edge.seconds(work) * (answered > 0), answered > 0
            work_j += self.edge.joules(work) * (answered > 0)
        arrived_s = self._backbone(closed_s[sent], self.plan.wire.upload_bytes, self.to_server, self.plan.backbone.up_bytes_per_s)
        end_s = max(float(arrived_s.max(initial=0.0)), float(closed_s.max()))
        released_s = np.maximum(released_s, attempt.begin_s)  # the deadline may pass before the model is at the edge
        return Answers(attempt, Close(end_s, released_s, counted), int(sent.sum()), work_j)

    def _sent(self, answers: Answers) -> int:
        return answers.updates

    def _backbone(self, begin_s: Values, size_bytes: float, limit: float, capacity: float) -> Values:
        number = len(begin_s)
        latency_s = self.plan.backbone.latency_s
        return transfer_ends(begin_s + latency_s, size_bytes, np.full(number, limit), capacity, np.full(number, inf))[0]
