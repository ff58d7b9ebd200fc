"""Steps of a decoder as one piece of work for a unit: a row is a step, its border the moment at which tokens are out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_models.kernel_costs import KernelCosts
from device_models.spec import MemorySpec
from sim.compiler.program import Program
from sim.compiler.step_costs import StepTerm
from sim.compiler.step_pieces import joined, scaled
from sim.runtime.timing import POINTS, PowerLaw, Timing

_SHARE_DIGITS = 2  # shares of totals are kept apart this finely


class StepTimings:
    """What :class:`~sim.runtime.timing.SegmentTimings` is to the kernels of a segment: the same for steps. ``lead_s`` lengthens the first row.

    ``number`` tells it apart from all segments and steps of the run.
    """

    def __init__(
        self, number: int, program: int, segment: int, terms: Sequence[StepTerm], rows: int, memory: MemorySpec, power: PowerLaw, lead_s: float = 0.0
    ) -> None:
        self.code = number * POINTS
        self.index = segment
        self.rows = self.kernels = rows
        self.first_row = 0.0
        self.completed = 0
        self._program, self._terms, self._power, self._lead_s = program, terms, power, lead_s
        self._memory_j_per_byte = float(memory.energy_j_per_byte)
        shares = [term.shares() for term in terms]
        self._weighted = [
            (float(share), piece) for row, term in zip(shares, terms, strict=True) for share, piece in zip(row, term.pieces, strict=True) if share
        ]
        self.bytes = sum(share * piece.dram_bytes for share, piece in self._weighted)
        self._macs = tuple(sum(share * piece.macs[kind] for share, piece in self._weighted) for kind in (0, 1))
        self._events_j = sum(share * piece.events_j for share, piece in self._weighted)
        self._cores = max(piece.cores for _, piece in self._weighted)
        self._costs: KernelCosts | None = None
        self._cache: dict[tuple[float, float], Timing] = {}

    @property
    def costs(self) -> KernelCosts:
        """Of all steps together; their times are those of the timings, at any clock and share."""
        if self._costs is None:
            parts = [scaled(piece.costs, share) for share, piece in self._weighted]
            lead = KernelCosts.empty(1, parts[0].exponent)
            lead.fixed_s[0] = self._lead_s
            self._costs = joined([*parts, lead])
        return self._costs

    def at(self, frequency_hz: float, share: float) -> Timing:
        """The timing at a clock of the unit and a share ``0 < share <= 1`` of the bandwidth it would draw alone."""
        timing = self._cache.get((frequency_hz, share))
        if timing is None:
            timing = self._cache[frequency_hz, share] = self._timed(frequency_hz, share)
        return timing

    def _timed(self, frequency_hz: float, share: float) -> Timing:
        seconds, active_s = np.zeros(self.rows), 0.0
        for term in self._terms:
            found = [piece.seconds(frequency_hz, share) for piece in term.pieces]
            seconds += term.at_rows([one[0] for one in found])
            active_s += float(term.at_rows([one[1] for one in found]).sum())
        seconds[0] += self._lead_s
        ends_s = np.concatenate([[0.0], np.cumsum(seconds)]).tolist()
        total_s = ends_s[-1]
        bytes_per_s = self.bytes / total_s
        macs_per_s = self._macs[0] / total_s, self._macs[1] / total_s
        power_w = self._power(frequency_hz, active_s / total_s, self._cores, macs_per_s, self._events_j / total_s)
        active_w = power_w + bytes_per_s * self._memory_j_per_byte
        return Timing(frequency_hz, share, ends_s, total_s, bytes_per_s, power_w, active_w, (self._program, self.index), (frequency_hz, share))

    def timings(self) -> list[Timing]:
        """Those computed so far, in order of their first use."""
        return list(self._cache.values())


class Undecided:
    """What a step is before its unit takes it up: nothing yet."""

    rows = kernels = completed = code = index = 0

    def at(self, frequency_hz: float, share: float) -> Timing:
        return Timing(frequency_hz, share, [0.0], 0.0, 0.0, 0.0, 0.0, (-1, -1), (frequency_hz, share))


UNDECIDED = Undecided()


class StepTotals:
    """The timings of all steps that were run on one unit, added up for the totals of a run."""

    def __init__(self, program: Program, unit: str) -> None:
        segments = [segment for segment in program.segments if segment.unit == unit]
        self.costs = joined([segment.costs for segment in segments]) if segments else KernelCosts.empty(1, 1.0)
        self.kernels = len(self.costs)  # of one step
        self.completed = 0
        self._found: dict[tuple[float, float], Timing] = {}

    def add(self, steps: StepTimings, rows: int) -> None:
        """``rows`` steps of ``steps`` have been run, or what its timings say of it."""
        self.completed += rows
        for timing in steps.timings():
            if timing.run_s > 0:
                key = timing.frequency_hz, max(round(timing.share, _SHARE_DIGITS), 10.0**-_SHARE_DIGITS)
                total = self._found.get(key)
                if total is None:
                    total = self._found[key] = Timing(*key, [], 0.0, 0.0, 0.0, 0.0, timing.segment, key)
                run_s = total.run_s + timing.run_s
                total.bytes_per_s = (total.bytes_per_s * total.run_s + timing.bytes_per_s * timing.run_s) / run_s
                total.run_s, timing.run_s = run_s, 0.0

    def timings(self) -> list[Timing]:
        """One for each clock and rounded share."""
        return list(self._found.values())
