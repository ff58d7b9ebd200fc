"""Segments as lazily timed work: at a frequency and a bandwidth share, the kernels' end times are one cached prefix sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device_models.kernel_costs import KernelCosts, kernel_activity, kernel_seconds
from device_models.spec import MemorySpec
from sim.compiler.program import Segment

POINTS = 4096  # more than any domain has operating points: ``code + operating point`` says what a unit runs and how, as one number

# frequency [Hz], activity 0..1, active cores, multiply-accumulates a second (float, integer), events at the highest voltage [W] -> W
PowerLaw = Callable[[float, float, float, tuple[float, float], float], float]


@dataclass(slots=True, eq=False)
class Timing:
    """A segment at one frequency and share. Row 0 is its entry (dispatch, copies), kernel k is row k + 1.

    ``ends_s[row]`` is when row ``row`` begins, counted from the segment's start; the last value is the whole. Traffic, activity
    and power are averages over the segment: a span of it has one power and one bandwidth.
    """

    frequency_hz: float
    share: float
    ends_s: list[float]
    total_s: float
    bytes_per_s: float
    power_w: float  # switching power of the unit
    active_w: float  # and of the memory traffic
    segment: tuple[int, int]  # program, segment of it
    state: tuple[float, float]  # frequency, share
    run_s: float = 0.0  # how long the engine ran it, for the totals


class SegmentTimings:
    """All timings of one segment on one unit. ``number`` (from 1) tells segments apart; ``extra_s`` lengthens the entry (a first inference)."""

    def __init__(self, number: int, program: int, segment: Segment, memory: MemorySpec, power: PowerLaw, extra_s: float = 0.0) -> None:
        self.code = number * POINTS
        self.program = program
        self.segment = segment
        self.index = segment.index
        self.kernels = len(segment)
        self.rows = self.kernels + 1
        self.first_row = 0.0 if segment.entry_s + extra_s > 0 or segment.entry_bytes > 0 else 1.0
        self.costs = _with_entry(segment, float(memory.bandwidth_bytes_per_s), extra_s)
        self.bytes = float(self.costs.dram_bytes.sum())
        self._events_j = float(self.costs.events_j.sum())
        self.completed = 0
        self._power = power
        self._memory_j_per_byte = float(memory.energy_j_per_byte)
        self._cache: dict[tuple[float, float], Timing] = {}

    def at(self, frequency_hz: float, share: float) -> Timing:
        """The timing at a clock of the unit and a share ``0 < share <= 1`` of the bandwidth it would draw alone."""
        timing = self._cache.get((frequency_hz, share))
        if timing is None:
            timing = self._cache[frequency_hz, share] = self._timed(frequency_hz, share)
        return timing

    def _timed(self, frequency_hz: float, share: float) -> Timing:
        seconds = kernel_seconds(self.costs, frequency_hz, share)
        ends_s = np.concatenate([[0.0], np.cumsum(seconds)]).tolist()
        total_s = ends_s[-1]
        activity = float(kernel_activity(self.costs, frequency_hz, share) @ seconds) / total_s if total_s else 0.0
        bytes_per_s = self.bytes / total_s if total_s else 0.0
        macs_per_s = (self.segment.macs[0] / total_s, self.segment.macs[1] / total_s) if total_s else (0.0, 0.0)
        events_w = self._events_j / total_s if total_s else 0.0
        power_w = self._power(frequency_hz, activity, self.segment.cores, macs_per_s, events_w)
        active_w = power_w + bytes_per_s * self._memory_j_per_byte
        return Timing(frequency_hz, share, ends_s, total_s, bytes_per_s, power_w, active_w, (self.program, self.index), (frequency_hz, share))

    def timings(self) -> list[Timing]:
        """Those computed so far, in order of their first use."""
        return list(self._cache.values())


def _with_entry(segment: Segment, bandwidth_bytes_per_s: float, extra_s: float) -> KernelCosts:
    """The kernels' costs with the entry before them: its copies take their time of the bandwidth, the rest no clock changes."""
    copies_s = segment.entry_bytes / bandwidth_bytes_per_s
    entry = KernelCosts.empty(1, segment.costs.exponent)
    entry.fixed_s[0] = max(segment.entry_s - copies_s, 0.0) + extra_s
    entry.memory_s[0] = copies_s
    entry.dram_bytes[0] = segment.entry_bytes
    both = KernelCosts.empty(len(segment) + 1, segment.costs.exponent)
    both.fill(np.array([0]), entry)
    both.fill(np.arange(1, len(segment) + 1), segment.costs)
    return both
