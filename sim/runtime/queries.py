"""MLPerf's LoadGen at work: sends a workload's queries and writes down how long their answers take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from sim.runtime.clock import ARRIVALS, Clock
from sim.scenario.loadgen import LoadGen, MultiStream, Server
from sim.streaming.query_log import QueryLog
from sim.workload.loadgen import is_last, samples_of, server_times
from sim.workload.streams import stream


class QueriesComplete(Exception):
    """All queries of all load generators are answered: the run is over at this moment."""


class Arrivals(Protocol):
    """Where samples go: a workload's source."""

    def arrive(self) -> object:
        """A request comes in now."""

    def refuse_endless(self, next_s: float) -> None:
        """Raise EdgesimError where answers bring requests and time does not pass."""


class Queries:
    """The queries of one workload. ``complete`` is called once, when the last is answered.

    Each sample is a request. The single and the multi stream send the next query at the moment the one before is answered.
    """

    def __init__(self, clock: Clock, name: str, arrivals: Arrivals, settings: LoadGen, log: QueryLog, complete: Callable[[], None]) -> None:
        self.log = log
        self._clock, self._name, self._arrivals, self._settings, self._complete = clock, name, arrivals, settings, complete
        self._samples = samples_of(settings)
        self._together = isinstance(settings, MultiStream)  # a query counts, not its samples
        self._start_s = self._issued_s = 0.0
        self._open = 0  # samples without an answer
        self._failed = False  # a sample of the query was given up
        self._all_sent = False
        self._times: Iterator[float] = iter(())

    def start(self, seed: int, start_s: float, duration_s: float) -> None:
        """Schedule the first query, if the run lasts so long."""
        self._start_s = start_s
        if isinstance(self._settings, Server):
            self._times = server_times(self._settings, start_s, stream(seed, f"arrival/{self._name}"))
            start_s = next(self._times)
        if start_s < duration_s:
            self._clock.at(start_s, ARRIVALS, self._issue)

    def _issue(self, _: Any) -> None:
        now = self._clock._now
        self.log.issued(now - self._start_s, self._samples)
        self._all_sent = is_last(self._settings, self.log.queries, now - self._start_s)
        if isinstance(self._settings, Server) and not self._all_sent:
            self._clock.at(next(self._times), ARRIVALS, self._issue)
        self._issued_s, self._failed = now, False
        self._open += self._samples
        for _sample in range(self._samples):
            self._arrivals.arrive()

    def ended(self, arrival_s: float, answered: bool) -> None:
        """A sample was answered, or will never be."""
        self._open -= 1
        self._failed |= not answered
        if not self._together:
            self._write_down(arrival_s, answered)
        if self._open:
            return
        if self._together:
            self._write_down(self._issued_s, not self._failed)
        if self._all_sent:
            self._complete()
        elif not isinstance(self._settings, Server):
            self._arrivals.refuse_endless(self._clock._now)
            self._clock.at(self._clock._now, ARRIVALS, self._issue)

    def finish(self) -> None:
        """The run is over: what is open stays so."""
        for _ in range(1 if self._together and self._open else self._open):
            self.log.given_up()

    def _write_down(self, arrival_s: float, answered: bool) -> None:
        now = self._clock._now
        if answered:
            self.log.answered(now - self._start_s, now - arrival_s)
        else:
            self.log.given_up()
