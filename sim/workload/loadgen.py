"""When queries of MLPerf's LoadGen go out, and when enough of them have.

Rules: mlcommons/inference, loadgen/loadgen.cc (schedules) and loadgen/issue_query_controller.cc (ends): the first query goes out at once;
the last is the first that goes out when both ``min_duration`` has passed and its number has reached ``min_query_count``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.scenario.loadgen import LoadGen, MultiStream, Offline, Server

_CHUNK = 4096


def samples_of(settings: LoadGen) -> int:
    """Samples of each query."""
    if isinstance(settings, Offline):
        return settings.samples
    return settings.samples_per_query if isinstance(settings, MultiStream) else 1


def is_last(settings: LoadGen, queries: int, issue_s: float) -> bool:
    """Whether no further query follows the ``queries``-th, which went out ``issue_s`` after the first."""
    if isinstance(settings, Offline):
        return True
    return queries >= settings.min_query_count and issue_s >= float(settings.min_duration_s)


def server_times(settings: Server, start_s: float, rng: np.random.Generator) -> Iterator[float]:
    """Times of a Server's queries without end, s: the first at ``start_s``, gaps exponential."""
    yield start_s
    last_s = start_s
    while True:
        times = last_s + np.cumsum(rng.exponential(1.0 / float(settings.target_qps), _CHUNK))
        last_s = float(times[-1])
        yield from times.tolist()
