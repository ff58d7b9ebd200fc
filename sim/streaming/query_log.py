"""What a load generator writes down of its queries."""

from __future__ import annotations

import math
from array import array

import numpy as np

from sim.streaming.quantile_sketch import QuantileSketch

_BATCH = 4096


class QueryLog:
    """Queries of a workload that MLPerf's LoadGen drives, and their latencies.

    ``limit_s``: latencies above it are counted; infinite without a bound. ``keeps_all``: every latency stays in memory, else their
    quantiles are good to the relative error of a :class:`QuantileSketch`. Times in seconds since the workload began. Latencies are of
    queries; where all samples are one query, of its samples. ``unanswered``: of the same things, those that never got an answer.
    """

    def __init__(self, limit_s: float = math.inf, keeps_all: bool = True) -> None:
        self.limit_s = limit_s
        self.queries = 0
        self.samples = 0
        self.last_issue_s = 0.0
        self.last_answer_s = 0.0
        self.unanswered = 0
        self.over_limit = 0
        self.sketch = QuantileSketch()
        self._kept: array[float] | None = array("d") if keeps_all else None
        self._waiting: list[float] = []

    def issued(self, time_s: float, samples: int) -> None:
        """A query goes out."""
        self.queries += 1
        self.samples += samples
        self.last_issue_s = time_s

    def answered(self, time_s: float, latency_s: float) -> None:
        """A query, or a sample where it counts by itself, is answered at ``time_s``."""
        self.last_answer_s = time_s
        if latency_s > self.limit_s:
            self.over_limit += 1
        self._waiting.append(latency_s)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def given_up(self) -> None:
        """It will never be answered."""
        self.unanswered += 1

    @property
    def count(self) -> int:
        """Latencies there are."""
        return self.sketch.count + len(self._waiting)

    def ordered(self, rank: int) -> float:
        """The ``rank``-th smallest latency, from 1; what was never answered comes last, after an infinite time."""
        self._flush()
        if rank > self.sketch.count:
            return math.inf
        if self._kept is None:  # on which side of the limit it lies is known exactly
            value_s, within = self.sketch.ordered(rank), rank <= self.sketch.count - self.over_limit
            return min(value_s, self.limit_s) if within else max(value_s, math.nextafter(self.limit_s, math.inf))
        return float(np.partition(np.array(self._kept), rank - 1)[rank - 1])

    def statistics(self) -> QuantileSketch:
        """Count, moments and quantiles of the latencies."""
        self._flush()
        return self.sketch

    def _flush(self) -> None:
        if self._waiting:
            self.sketch.extend(np.array(self._waiting))
            if self._kept is not None:
                self._kept.extend(self._waiting)
            self._waiting.clear()
