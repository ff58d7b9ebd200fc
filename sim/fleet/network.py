"""Transfers over links that flows share max-min fairly.

Flows of one class (same links, same limit of their own) have the same rate, so a class keeps one account of what each of its flows has
received, and a flow ends when that account reaches the value it had at the flow's start plus the flow's bytes: an event touches
the classes that are active, however many flows they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from device_models.sharing import max_min_rates
from sim.runtime.clock import ENDS, SWITCHES, Alarm, Clock

_MOST_CACHED = 10_000
Flow = tuple[float, int, float, Callable[[], None]]  # its class's account at its end, sequence, bytes, what follows
_ROUNDING = 1e-9  # share of a flow's bytes by which an account may miss its end
_LEAST_RATE = 1e-3  # bytes per second: what is expected of a link that is down, so that a time comes of it
_TICK = 4e-16  # what the clock can tell, relative to the time: bytes that pass in less have passed


class Link:
    """One direction of a connection. ``carried_bytes``: of transfers that have ended, and what had passed of those taken off.

    ``busy_s``: until flows began that it still carries, at ``busy_from_s``.
    """

    __slots__ = ("busy_from_s", "busy_s", "capacity_bytes_per_s", "carried_bytes", "flows", "name")

    def __init__(self, name: str, capacity_bytes_per_s: float) -> None:
        self.name, self.capacity_bytes_per_s = name, capacity_bytes_per_s
        self.carried_bytes = self.busy_s = self.busy_from_s = 0.0
        self.flows = 0

    def more(self, now: float) -> None:
        """A flow begins."""
        if not self.flows:
            self.busy_from_s = now
        self.flows += 1

    def less(self, now: float, passed_bytes: float) -> None:
        """A flow is over."""
        self.flows -= 1
        self.carried_bytes += passed_bytes
        if not self.flows:
            self.busy_s += now - self.busy_from_s


class FlowClass:
    """Flows that cross the same links, each with at most ``limit_bytes_per_s``."""

    __slots__ = ("alone_at", "alone_bytes_per_s", "index", "limit_bytes_per_s", "links", "rate_bytes_per_s", "received_bytes", "waiting")

    def __init__(self, index: int, links: Sequence[int], limit_bytes_per_s: float) -> None:
        self.index, self.links, self.limit_bytes_per_s = index, tuple(links), limit_bytes_per_s
        self.received_bytes = 0.0  # by each of its flows since the class became active
        self.rate_bytes_per_s = 0.0
        self.waiting: list[Flow] = []
        self.alone_at, self.alone_bytes_per_s = -1, inf  # see Network.alone_bytes_per_s


class Network:
    """Links with flows on them. Capacities may change at any time (:meth:`set_capacity`)."""

    def __init__(self, clock: Clock, links: Sequence[Link]) -> None:
        self.clock, self.links = clock, list(links)
        self.classes: list[FlowClass] = []
        self._by_kind: dict[tuple[tuple[int, ...], float], FlowClass] = {}
        self._active: dict[int, FlowClass] = {}
        self._rates: dict[tuple[tuple[int, int], ...], list[float]] = {}
        self._at_s = 0.0
        self._sequence = self._changes = 0
        self._alarm: Alarm | None = None
        self._alarm_s = inf
        self._settling = False

    def flow_class(self, links: Sequence[int], limit_bytes_per_s: float = inf) -> FlowClass:
        """The class of flows over these links (positions) with this limit. Raises ValueError where nothing limits them."""
        if not links and limit_bytes_per_s == inf:
            raise ValueError("flows need a link or a limit")
        key = (tuple(links), limit_bytes_per_s)
        if key not in self._by_kind:
            self._by_kind[key] = FlowClass(len(self.classes), links, limit_bytes_per_s)
            self.classes.append(self._by_kind[key])
        return self._by_kind[key]

    def send(self, kind: FlowClass, size_bytes: float, done: Callable[[], None]) -> Flow:
        """A flow of ``size_bytes`` begins; ``done`` is called when its last byte has passed."""
        if self._at_s != self.clock._now:
            self._advance()
        self._sequence += 1
        if not kind.waiting:
            kind.received_bytes = 0.0
            self._active[kind.index] = kind
        flow = (kind.received_bytes + size_bytes, self._sequence, size_bytes, done)
        heappush(kind.waiting, flow)
        for link in kind.links:
            self.links[link].more(self._at_s)
        if not self._settling:
            self._arm()
        return flow

    def take_off(self, kind: FlowClass, flow: Flow) -> float:
        """Remove a flow that is under way; what had not passed of it, bytes. ``done`` is not called."""
        self._advance()
        left_bytes = min(max(flow[0] - kind.received_bytes, 0.0), flow[2])
        kind.waiting.remove(flow)
        heapify(kind.waiting)
        if not kind.waiting:
            del self._active[kind.index]
        for link in kind.links:
            self.links[link].less(self._at_s, flow[2] - left_bytes)
        if not self._settling:
            self._arm()
        return left_bytes

    def set_capacity(self, link: int, capacity_bytes_per_s: float) -> None:
        """From now on; 0 while a link is down."""
        if self.links[link].capacity_bytes_per_s == capacity_bytes_per_s:
            return
        self._advance()
        self.links[link].capacity_bytes_per_s = capacity_bytes_per_s
        self._rates.clear()
        self._changes += 1
        if not self._settling:
            self._arm()

    def carried_bytes(self, link: int) -> float:
        """By a link up to now, what is under way included."""
        self._advance()
        passed = (flow[2] - (flow[0] - kind.received_bytes) for kind in self._active.values() if link in kind.links for flow in kind.waiting)
        return self.links[link].carried_bytes + sum(passed)

    def busy_s(self, link: int) -> float:
        """Of a link up to now: while it carried anything."""
        of = self.links[link]
        return of.busy_s + (self.clock._now - of.busy_from_s if of.flows else 0.0)

    def _advance(self) -> None:
        """Bring the accounts up to now."""
        seconds = self.clock._now - self._at_s
        if seconds > 0:
            for kind in self._active.values():
                kind.received_bytes += kind.rate_bytes_per_s * seconds
        self._at_s = self.clock._now

    def _arm(self) -> None:
        """New rates, and one event at the next end of a flow, or before: one that comes too early only looks again."""
        next_s = self._apart()
        if next_s < 0:
            active = list(self._active.values())
            next_s = inf
            for kind, rate in zip(active, self._shared(active), strict=True):
                kind.rate_bytes_per_s = rate
                left_bytes = kind.waiting[0][0] - kind.received_bytes
                if rate > 0:
                    next_s = min(next_s, left_bytes / rate)
                elif left_bytes <= 0:
                    next_s = 0.0
        if next_s < inf:
            end_s = self._at_s + (next_s if next_s > 0.0 else 0.0)
            if self._alarm is not None:
                if self._alarm_s <= end_s:
                    return
                self._alarm.cancel()
            self._alarm, self._alarm_s = Alarm(self.clock, end_s, ENDS, self._ended), end_s

    def _apart(self) -> float:
        """Seconds to the next end, where no link carries flows of two classes: nobody's share then depends on anybody else's. Below 0 otherwise."""
        links, next_s = self.links, inf
        for kind in self._active.values():
            waiting, rate = kind.waiting, kind.limit_bytes_per_s
            number = len(waiting)
            for index in kind.links:
                link = links[index]
                if link.flows != number:
                    return -1.0
                share = link.capacity_bytes_per_s / number
                if share < rate:
                    rate = share
            kind.rate_bytes_per_s = rate
            left_bytes = waiting[0][0] - kind.received_bytes
            left_s = left_bytes / rate if rate > 0 else (inf if left_bytes > 0 else 0.0)
            if left_s < next_s:
                next_s = left_s if left_s > 0.0 else 0.0
        return next_s

    def alone_bytes_per_s(self, kind: FlowClass) -> float:
        """What a flow of this class would get if there were no other; a trace of a rate while a link is down."""
        if kind.alone_at != self._changes:
            slowest = min((self.links[link].capacity_bytes_per_s for link in kind.links), default=inf)
            kind.alone_at, kind.alone_bytes_per_s = self._changes, max(min(slowest, kind.limit_bytes_per_s), _LEAST_RATE)
        return kind.alone_bytes_per_s

    def _shared(self, active: list[FlowClass]) -> list[float]:
        key = tuple((kind.index, len(kind.waiting)) for kind in active)
        rates = self._rates.get(key)
        if rates is None:
            capacities = [link.capacity_bytes_per_s for link in self.links]
            rates = max_min_rates(capacities, [kind.links for kind in active], [kind.limit_bytes_per_s for kind in active], [number for _, number in key])
            if len(self._rates) >= _MOST_CACHED:
                self._rates.clear()
            self._rates[key] = rates
        return rates

    def _ended(self, _: Any) -> None:
        """Flows whose account is full have ended; what follows them may begin others at once."""
        self._alarm = None
        self._advance()
        self._settling = True
        links, now = self.links, self.clock._now if self.clock._now > 1.0 else 1.0
        for kind in list(self._active.values()):
            waiting, rounding_bytes = kind.waiting, max(kind.rate_bytes_per_s * _TICK * now, 1e-12)
            while waiting:
                flow = waiting[0]
                left_bytes = flow[0] - kind.received_bytes
                if left_bytes > rounding_bytes and left_bytes > _ROUNDING * flow[2]:
                    break
                heappop(waiting)
                for index in kind.links:
                    links[index].less(self._at_s, flow[2])
                if not waiting:
                    del self._active[kind.index]
                flow[3]()
        self._settling = False
        self._arm()


def replay(network: Network, link: int, steps: Iterator[tuple[float, float]]) -> None:
    """Let a link follow ``steps``: (time_s, bytes per second), ascending, from now on."""

    def next_step() -> None:
        step = next(steps, None)
        if step is not None:
            time_s, capacity = step
            network.clock.at(max(time_s, network.clock._now), SWITCHES, lambda _: change(capacity))

    def change(capacity: float) -> None:
        network.set_capacity(link, capacity)
        next_step()

    next_step()
