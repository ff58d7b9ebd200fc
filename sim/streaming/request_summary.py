"""What is kept of a workload's requests where their rows are not: counts, moments and quantiles."""

from __future__ import annotations

import math

import numpy as np

from sim.streaming.quantile_sketch import QuantileSketch


class RequestSummary:
    """Of the requests of one workload. ``statuses``: how many ways there are for a request to end.

    ``warmup_s``: requests that arrived before it are in ``answered_all``, ``completions``, ``energy_j`` and ``first_start_s`` only.
    ``from_s``: answers after it count as ``completions``. Times in seconds.
    """

    def __init__(self, statuses: int, warmup_s: float, from_s: float) -> None:
        self.warmup_s, self.from_s = warmup_s, from_s
        self.counts = np.zeros(statuses, dtype=np.int64)
        self.latency = QuantileSketch()
        self.wait = QuantileSketch()
        self.missed = 0
        self.first_miss_s, self.last_miss_s = math.inf, -math.inf  # arrivals
        self.completions = 0
        self.answered_all = 0
        self.rows = 0
        self.energy_j = 0.0
        self.first_start_s = math.inf  # of any request that began to run

    def add(
        self,
        status: np.ndarray,
        answered: np.ndarray,
        missed: np.ndarray,
        arrival_s: np.ndarray,
        start_s: np.ndarray,
        end_s: np.ndarray,
        energy_j: np.ndarray,
    ) -> None:
        """Requests that have ended, all arrays ``[n]``. ``answered``, ``missed``: whether each was. ``start_s``: NaN for one that never ran."""
        self.rows += len(status)
        self.energy_j += float(energy_j.sum())
        self.answered_all += int(answered.sum())
        self.completions += int((answered & ((end_s > self.from_s) | (self.from_s == 0.0))).sum())
        if not np.isnan(start_s).all():
            self.first_start_s = min(self.first_start_s, float(np.nanmin(start_s)))
        counted = arrival_s >= self.warmup_s
        self.counts += np.bincount(status[counted], minlength=len(self.counts))
        done = answered & counted
        self.latency.extend((end_s - arrival_s)[done])
        self.wait.extend((start_s - arrival_s)[done])
        late_s = arrival_s[missed & counted]
        if len(late_s):
            self.missed += len(late_s)
            self.first_miss_s = min(self.first_miss_s, float(late_s.min()))
            self.last_miss_s = max(self.last_miss_s, float(late_s.max()))

    def merge(self, other: RequestSummary) -> None:
        """Take in the requests of another run of the same workload."""
        self.counts += other.counts
        self.latency.merge(other.latency)
        self.wait.merge(other.wait)
        self.missed += other.missed
        self.first_miss_s, self.last_miss_s = min(self.first_miss_s, other.first_miss_s), max(self.last_miss_s, other.last_miss_s)
        self.completions += other.completions
        self.answered_all += other.answered_all
        self.rows += other.rows
        self.energy_j += other.energy_j
        self.first_start_s = min(self.first_start_s, other.first_start_s)
