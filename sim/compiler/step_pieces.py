"""A compiled decoder's kernels added up by unit and part, ready to be weighted and timed."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import IntEnum

import numpy as np

from device_models.kernel_costs import KernelCosts, kernel_activity, kernel_seconds
from device_models.work import macs_by_format
from sim.compiler.program import Program, Segment
from sim.compiler.repeated_layers import ShortenedProgram

_COLUMNS = tuple(field.name for field in fields(KernelCosts) if field.name != "exponent")
_TIMES = ("fixed_s", "overhead_cycles", "vector_cycles", "compute_cycles", "memory_s")
_KEPT = 4096  # timings; under contention shares are any numbers
_ATTENTION = ("Attention", "CacheAppend")
_HEAD = "logits"  # the name of the operator from which on a decoder works on last positions only


class StepPart(IntEnum):
    """What of a step: ``BODY`` goes by tokens, ``ATTENTION`` by tokens and contexts, ``HEAD`` by positions that are asked for."""

    BODY = 0
    ATTENTION = 1
    HEAD = 2
    WHOLE = 3


class StepPiece:
    """Kernels of one part of a step on one unit, equal ones added up: their ``costs``, DRAM bytes, multiply-accumulates (float, integer)."""

    __slots__ = ("_known", "cores", "costs", "dram_bytes", "events_j", "macs")

    def __init__(self, costs: KernelCosts, macs: tuple[float, float], cores: float) -> None:
        self.costs, self.macs, self.cores = _merged(costs), macs, cores
        self.dram_bytes, self.events_j = float(costs.dram_bytes.sum()), float(costs.events_j.sum())
        self._known: dict[tuple[float, float], tuple[float, float]] = {}

    def seconds(self, frequency_hz: float, share: float) -> tuple[float, float]:
        """Seconds at a clock and a share of the bandwidth, and seconds weighted with the unit's activity (0..1)."""
        found = self._known.get((frequency_hz, share))
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            each = kernel_seconds(self.costs, frequency_hz, share)
            found = self._known[frequency_hz, share] = float(each.sum()), float(kernel_activity(self.costs, frequency_hz, share) @ each)
        return found

    def slowed(self, factor: float) -> StepPiece:
        """The same bytes in ``factor`` times the time."""
        times = {name: getattr(self.costs, name) * factor for name in _TIMES}
        return StepPiece(replace(self.costs, **times), self.macs, self.cores)


def step_pieces(program: Program, bandwidth_bytes_per_s: float) -> dict[str, tuple[StepPiece, ...]]:
    """Unit -> its pieces by :class:`StepPart`, units in the order in which a step first comes to them.

    All that a step does on a unit is run as one, whatever it does elsewhere in between. A shortened program gives the pieces of the whole.
    """
    units: dict[str, list[Segment]] = {}
    for segment in program.segments:
        units.setdefault(segment.unit, []).append(segment)
    head = next((index for index, name in enumerate(program.kernels.names) if name == _HEAD), len(program.kernels.names))
    part_of = np.array([StepPart.ATTENTION if any(word in label for word in _ATTENTION) else StepPart.BODY for label in program.kernels.labels])
    part_of[head:] = StepPart.HEAD
    return {unit: _of_unit(program, segments, part_of, bandwidth_bytes_per_s) for unit, segments in units.items()}


def _of_unit(program: Program, segments: list[Segment], part_of: np.ndarray, bandwidth_bytes_per_s: float) -> tuple[StepPiece, ...]:
    rows = np.concatenate([np.arange(segment.first, segment.stop) for segment in segments])
    costs = joined([_entry(segment, bandwidth_bytes_per_s) for segment in segments] + [segment.costs for segment in segments])
    parts = np.concatenate([np.full(len(segments), StepPart.BODY), part_of[rows]])
    work = np.concatenate([np.full(len(segments), -1), rows])
    if isinstance(program, ShortenedProgram):  # what comes before a segment comes before each of its repetitions
        often = np.array(program.repeats)
        each = np.repeat(np.arange(len(work)), often[np.concatenate([[segment.first for segment in segments], rows])])
        costs, parts, work = taken(costs, each), parts[each], work[each]
    cores = max(segment.cores for segment in segments)
    pieces = []
    for part in StepPart:
        chosen = np.full(len(parts), True) if part is StepPart.WHOLE else parts == part
        kernels = work[chosen]
        macs = macs_by_format(program.kernels.work.take(kernels[kernels >= 0]))
        pieces.append(StepPiece(taken(costs, chosen), macs, cores))
    return tuple(pieces)


def _entry(segment: Segment, bandwidth_bytes_per_s: float) -> KernelCosts:
    """What comes before a segment's kernels: its copies take their time of the bandwidth, the rest no clock changes."""
    copies_s = segment.entry_bytes / bandwidth_bytes_per_s
    entry = KernelCosts.empty(1, segment.costs.exponent)
    entry.fixed_s[0] = max(segment.entry_s - copies_s, 0.0)
    entry.memory_s[0], entry.dram_bytes[0] = copies_s, segment.entry_bytes
    return entry


def joined(parts: list[KernelCosts]) -> KernelCosts:
    """All rows of costs of one exponent, one after the other."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return KernelCosts(**columns, exponent=parts[0].exponent)


def taken(costs: KernelCosts, rows: np.ndarray) -> KernelCosts:
    """Some of the rows."""
    return replace(costs, **{name: getattr(costs, name)[rows] for name in _COLUMNS})


def scaled(costs: KernelCosts, weight: float) -> KernelCosts:
    """``weight`` times each kernel: times, bytes and cycles are in proportion."""
    return replace(costs, **{name: getattr(costs, name) * weight for name in _COLUMNS})


def _merged(costs: KernelCosts) -> KernelCosts:
    """Equal kernels as one that takes as long as all of them."""
    table = np.stack([getattr(costs, name) for name in _COLUMNS], axis=1)
    unique, counts = np.unique(table, axis=0, return_counts=True)
    columns = dict(zip(_COLUMNS, (unique * counts[:, None]).T, strict=True))
    return KernelCosts(**columns, exponent=costs.exponent)
