"""One segment of one request: waiting for its unit, running, or set aside at a kernel border."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from sim.runtime.clock import Alarm
from sim.runtime.timing import SegmentTimings, Timing

if TYPE_CHECKING:
    from sim.runtime.request import StageRun, StageSegment

TIE_S = 1e-12  # times closer than this are one moment when a kernel border is looked for


class Execution:
    """Position and timing of a segment's run. Rows are those of :class:`~sim.runtime.timing.Timing`: the entry, then kernels.

    ``origin_s`` is when the segment would have begun had it always had its present timing; ``stop`` the row before which it
    leaves the unit: its end, or an earlier border once it has to yield (``yield_s``: at the first border not before that time).
    ``scale``: how many times as long as its timing says it takes, at the same power and traffic.
    """

    __slots__ = (
        "alarm",
        "begins_request",
        "key",
        "origin_s",
        "piece_row",
        "piece_s",
        "placed",
        "run",
        "scale",
        "segment",
        "sequence",
        "started_s",
        "stop",
        "timing",
        "yield_s",
    )  # fmt: skip

    gives_way = False  # at the next border, to whatever else is submitted to its unit

    def __init__(self, run: StageRun, placed: StageSegment) -> None:
        self.run = run
        self.placed = placed
        self.segment: SegmentTimings = placed.timings
        self.key: tuple[float, ...] = ()
        self.sequence = 0
        self.timing: Timing | None = None
        self.alarm: Alarm | None = None
        self.origin_s = 0.0
        self.piece_s = 0.0  # when the present piece (one timing) began, and at which row
        self.piece_row = -1.0  # before admission
        self.started_s = 0.0  # when it came onto the unit last
        self.yield_s = math.inf
        self.begins_request = False
        self.stop = 0
        self.scale = 1.0

    @property
    def arrival_s(self) -> float:
        return self.run.request.arrival_s

    @property
    def deadline_s(self) -> float:
        return self.run.request.deadline_s

    @property
    def period_s(self) -> float:
        return self.run.request.source.period_s

    @property
    def priority(self) -> int:
        return self.run.request.source.priority

    @property
    def upward_rank_s(self) -> float:
        return self.run.upward_rank_s(self.placed)

    def row_at(self, now: float) -> float:
        """The row in progress with the fraction done, by binary search in the prefix sum."""
        timing = self.timing
        assert timing is not None
        ends_s, elapsed_s = timing.ends_s, (now - self.origin_s) / self.scale
        row = bisect_right(ends_s, elapsed_s) - 1
        if row >= self.segment.rows:
            return float(self.segment.rows)
        if row < 0:
            return 0.0
        return row + (elapsed_s - ends_s[row]) / (ends_s[row + 1] - ends_s[row])

    def place(self, now: float, row: float, timing: Timing) -> None:
        """Go on from ``row`` with another timing."""
        whole = int(row)
        ends_s = timing.ends_s
        done_s = ends_s[whole]
        if row != whole:
            done_s += (row - whole) * (ends_s[whole + 1] - ends_s[whole])
        self.timing = timing
        self.origin_s = now - done_s * self.scale
        self.piece_s, self.piece_row = now, row
        self.set_stop(row)

    def set_stop(self, row: float) -> None:
        """Where it leaves the unit, being at ``row`` now: its end, or the first border not before ``yield_s`` that is still ahead."""
        timing = self.timing
        assert timing is not None
        if self.yield_s == math.inf:
            self.stop = self.segment.rows
        else:
            border = bisect_left(timing.ends_s, (self.yield_s - self.origin_s - TIE_S) / self.scale)
            self.stop = min(max(border, self._next_border(row, timing)), self.segment.rows)

    def _next_border(self, row: float, timing: Timing) -> int:
        """The border ahead of ``row``, or the one it stands at: a kernel that begins at this moment has done nothing yet."""
        whole = int(row)
        if whole >= len(timing.ends_s) - 1:
            return whole
        done_s = (row - whole) * (timing.ends_s[whole + 1] - timing.ends_s[whole]) * self.scale
        return whole if done_s <= TIE_S else whole + 1
