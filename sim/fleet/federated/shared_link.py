"""Equal transfers over one link that is shared max-min fairly, from event to event.

At any moment flows are of two sorts: those that take their own limit, each of whose end is known as long as it stays so, and those that
share what is left evenly, which one account of what each of them has received serves. Between two events few change sorts, so an event
costs a few operations on heaps, however many flows there are.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_OUT, _LIMITED, _EVEN = 0, 1, 2
_ROUNDING = 1e-12


class SharedLink:
    """``size_bytes`` of every flow; ``limits``: rates that flows can take at most, ``[flows]``.

    Heaps also hold entries of flows that have moved on since, which are skipped.
    """

    def __init__(self, size_bytes: float, limits: Values, capacity: float) -> None:
        number = len(limits)
        self.limits, self.capacity, self.size_bytes = limits.tolist(), capacity, size_bytes
        self.ends, self.left = [inf] * number, [size_bytes] * number
        self._sort, self._since_s, self._turn = [_OUT] * number, [0.0] * number, [0] * number
        self._account = [0.0] * number  # of the evenly shared: their account's value at their end
        self.now_s = self._received = 0.0
        self._taken, self._limited, self._even = 0.0, 0, 0  # rate of the limited; how many of each sort
        self._ends: list[tuple[float, int, int]] = []  # of the limited
        self._accounts: list[tuple[float, int, int]] = []  # of the evenly shared
        self._largest: list[tuple[float, int, int]] = []  # limits of the limited, negative
        self._smallest: list[tuple[float, int, int]] = []  # limits of the evenly shared

    @property
    def level(self) -> float:
        """What each of the evenly shared flows gets."""
        return max(self.capacity - self._taken, 0.0) / self._even if self._even else inf

    @property
    def active(self) -> int:
        """Flows under way."""
        return self._limited + self._even

    def begin(self, flow: int) -> None:
        """A flow begins now; :meth:`settle` is to follow."""
        self._enter_even(flow)

    def stop(self, flow: int) -> None:
        """It is given up, if it is still under way; :meth:`settle` is to follow."""
        if self._sort[flow] != _OUT:
            self._leave(flow)

    def settle(self) -> None:
        """Every flow is of the sort that it belongs to.

        Each step raises the level: who takes a limit below it leaves more to the others, who has had more than it gives some away.
        """
        self._let_limited()
        while (flow := self._top(self._largest, _LIMITED)) >= 0:
            if self.limits[flow] <= self.level * (1 + _ROUNDING) if self._even else self._taken <= self.capacity * (1 + _ROUNDING):
                break
            self._leave(flow)
            self._enter_even(flow)
        self._let_limited()

    def _let_limited(self) -> None:
        """Those that cannot take the level take their limit."""
        while (flow := self._top(self._smallest, _EVEN)) >= 0 and self.limits[flow] <= self.level:
            self._leave(flow)
            self._enter_limited(flow)

    def next_end_s(self) -> float:
        """When the next flow is through, if nothing else happens."""
        first = self._top(self._ends, _LIMITED)
        end_s = self._ends[0][0] if first >= 0 else inf
        if self._top(self._accounts, _EVEN) >= 0 and (level := self.level) > 0:
            end_s = min(end_s, self.now_s + max(self._accounts[0][0] - self._received, 0.0) / level)
        return end_s

    def advance(self, to_s: float) -> None:
        """To a moment not after the next end; what ends then is through."""
        if self._even:
            self._received += self.level * (to_s - self.now_s)
        self.now_s = to_s
        while (flow := self._top(self._ends, _LIMITED)) >= 0 and self._ends[0][0] <= to_s:
            self._through(flow)
        slack = self.size_bytes * _ROUNDING
        while (flow := self._top(self._accounts, _EVEN)) >= 0 and self._accounts[0][0] <= self._received + slack:
            self._through(flow)

    def _through(self, flow: int) -> None:
        self._leave(flow)
        self.left[flow], self.ends[flow] = 0.0, self.now_s

    def _top(self, heap: list[tuple[float, int, int]], sort: int) -> int:
        """The flow at the top of a heap; -1 for none."""
        while heap:
            _, flow, turn = heap[0]
            if self._turn[flow] == turn and self._sort[flow] == sort:
                return flow
            heappop(heap)
        return -1

    def _enter_even(self, flow: int) -> None:
        self._sort[flow] = _EVEN
        self._even += 1
        turn = self._turn[flow] = self._turn[flow] + 1
        self._account[flow] = self._received + self.left[flow]
        heappush(self._accounts, (self._account[flow], flow, turn))
        heappush(self._smallest, (self.limits[flow], flow, turn))

    def _enter_limited(self, flow: int) -> None:
        self._sort[flow], self._since_s[flow] = _LIMITED, self.now_s
        self._limited += 1
        self._taken += self.limits[flow]
        turn = self._turn[flow] = self._turn[flow] + 1
        heappush(self._ends, (self.now_s + self.left[flow] / self.limits[flow], flow, turn))
        heappush(self._largest, (-self.limits[flow], flow, turn))

    def _leave(self, flow: int) -> None:
        """What it has received is taken down."""
        if self._sort[flow] == _EVEN:
            self._even -= 1
            self.left[flow] = max(self._account[flow] - self._received, 0.0)
        else:
            self._limited -= 1
            self._taken = self._taken - self.limits[flow] if self._limited else 0.0
            self.left[flow] = max(self.left[flow] - self.limits[flow] * (self.now_s - self._since_s[flow]), 0.0)
        self._sort[flow] = _OUT


def shared_ends(begin_s: Values, size_bytes: float, limits: Values, capacity: float, stop_s: Values) -> tuple[Values, Values]:
    """When each transfer is through, infinity for one that is given up at ``stop_s``, and the bytes it has carried; see :func:`transfer_ends`."""
    link = SharedLink(size_bytes, limits, capacity)
    order = np.argsort(begin_s, kind="stable")
    order = order[stop_s[order] > begin_s[order]]
    coming, starts, stops = order.tolist(), begin_s[order].tolist(), stop_s.tolist()
    stopping: list[tuple[float, int]] = []
    at = 0
    while at < len(coming) or link.active:
        while stopping and link.ends[stopping[0][1]] < inf:
            heappop(stopping)
        stop = stopping[0][0] if stopping else inf
        start = starts[at] if at < len(coming) else inf
        now_s = min(link.next_end_s(), stop, start)
        link.advance(now_s)
        while stopping and stopping[0][0] <= now_s:
            link.stop(heappop(stopping)[1])
        while at < len(coming) and starts[at] <= now_s:
            flow = coming[at]
            link.begin(flow)
            if stops[flow] < inf:
                heappush(stopping, (stops[flow], flow))
            at += 1
        link.settle()
    return np.array(link.ends), size_bytes - np.array(link.left)
