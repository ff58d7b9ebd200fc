"""HEFT: heterogeneous earliest finish time over kernels (Topcuoglu, Hariri, Wu 2002), with the price of crossing between units.

Kernels are taken by upward rank, each on the unit where it ends first, given when its inputs arrive there. Candidates are then
compared as whole programs with segments and their entries, so that the result is never slower than any single preference, and
whole segments of the best one are tried on other units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device_models.compute import kernel_seconds, max_frequency_hz
from sim.compiler.cost import as_computed, unit_costs, weights_read
from sim.compiler.crossing import EntryCosts, host_units, segment_entries
from sim.compiler.dataflow import Dataflow
from sim.compiler.partition import partition, segment_dependencies
from sim.compiler.placement import FIRST_CHOICE, PLACEMENTS, Placed, Request, by_preference

_TRIALS = 4000  # kernels times trials: what trying to move segments may cost


@dataclass(frozen=True)
class Problem:
    """Seconds of every kernel on every unit (``inf`` where it cannot run) and of handing results over."""

    units: tuple[str, ...]
    seconds: np.ndarray  # [kernels, units]
    before: Sequence[Sequence[int]]
    handing: np.ndarray  # [kernels]: seconds to move a kernel's results to another unit, besides the dispatch
    dispatch: np.ndarray  # [units]: seconds to call into a unit from another


@PLACEMENTS.register("heft")
def heft(request: Request) -> Placed:
    """Placement by cost: HEFT over kernels, or a plain preference where that ends earlier as a program."""
    allowed = request.allowed
    problem = _problem(request, allowed)
    units = [problem.units[unit] for unit in assign(problem)]
    cut = frozenset(kernel for kernel, before_other in enumerate(_feeds_other_unit(request.flow, units)) if before_other)
    why = "earliest finish by estimated cost"
    candidates = [Placed(units, [why] * len(units)), Placed(units, [why] * len(units), cut)]
    candidates += [_only(request, allowed, unit) for unit in allowed]
    times = [makespan(request, problem, candidate) for candidate in candidates]
    best = int(np.argmin(times))
    return _with_segments_moved(request, problem, candidates[best], times[best], why)


def assign(problem: Problem) -> list[int]:
    """The unit (position in ``problem.units``) of each kernel by upward rank and earliest finish."""
    count = len(problem.seconds)
    after: list[list[int]] = [[] for _ in range(count)]
    for kernel, before in enumerate(problem.before):
        for other in before:
            after[other].append(kernel)
    order = sorted(range(count), key=_ranks(problem, after).__getitem__, reverse=True)
    free = np.zeros(len(problem.units))
    finish = np.zeros(count)
    chosen = [-1] * count
    for kernel in order:
        ready = np.zeros(len(problem.units))
        for other in problem.before[kernel]:
            arrival = finish[other] + problem.handing[other] + problem.dispatch
            arrival[chosen[other]] = finish[other]
            ready = np.maximum(ready, arrival)
        if not problem.before[kernel]:
            ready = problem.dispatch
        ends = np.maximum(ready, free) + problem.seconds[kernel]
        chosen[kernel] = int(np.argmin(ends))
        finish[kernel] = free[chosen[kernel]] = ends[chosen[kernel]]
    return chosen


def _ranks(problem: Problem, after: list[list[int]]) -> list[float]:
    """Upward ranks: mean seconds on the units that run a kernel, plus the longest way to the end with mean crossings."""
    finite = np.where(np.isfinite(problem.seconds), problem.seconds, np.nan)
    mean = np.nanmean(finite, axis=1) if len(finite) else np.zeros(0)
    units = len(problem.units)
    share = (units - 1) / units  # of unit pairs that differ
    crossing = share * (problem.handing + float(problem.dispatch.mean()))
    ranks = [0.0] * len(mean)
    for kernel in range(len(mean) - 1, -1, -1):
        onward = max((crossing[kernel] + ranks[follower] for follower in after[kernel]), default=0.0)
        ranks[kernel] = float(mean[kernel]) + onward
    return ranks


def makespan(request: Request, problem: Problem, placed: Placed) -> float:
    """Seconds from start to end of a placement as segments: units run their segments in order, each after those it waits for."""
    segments = partition(request.flow, placed.units, placed.cut)
    after = segment_dependencies(request.flow, segments)
    prices = EntryCosts(request.device, request.support.targets, request.runtime.name, request.precision)
    entries = segment_entries(request.flow, segments, prices)
    free: dict[str, float] = {}
    ends: list[float] = []
    for (unit, rows), before, entry in zip(segments, after, entries, strict=True):
        start = max(free.get(unit, 0.0), max((ends[other] for other in before), default=0.0))
        column = problem.units.index(unit)
        ends.append(start + entry.seconds + float(problem.seconds[rows, column].sum()))
        free[unit] = ends[-1]
    return max(ends, default=0.0)


def _with_segments_moved(request: Request, problem: Problem, placed: Placed, seconds: float, why: str) -> Placed:
    """Try each segment as a whole on the other units, the longest first, and keep what ends earlier; a bounded number of trials.

    Kernel by kernel, earliest finish does not see that a detour pays only for several kernels together.
    """
    segments = sorted(partition(request.flow, placed.units, placed.cut), key=lambda segment: -len(segment[1]))
    trials = max(4, _TRIALS // max(len(placed.units), 1))
    for unit, rows in segments:
        for other in problem.units:
            column = problem.units.index(other)
            if other == unit or trials == 0 or not np.isfinite(problem.seconds[rows, column]).all():
                continue
            trials -= 1
            units, reasons = list(placed.units), list(placed.why)
            for kernel in rows:
                units[kernel], reasons[kernel] = other, why
            moved = Placed(units, reasons, placed.cut)
            if (ends := makespan(request, problem, moved)) < seconds:
                placed, seconds = moved, ends
    return placed


def _problem(request: Request, units: tuple[str, ...]) -> Problem:
    flow, device = request.flow, request.device
    seconds = np.full((len(flow.ops), len(units)), np.inf)
    for column, unit in enumerate(units):
        rows = np.array([kernel for kernel in range(len(flow.ops)) if request.support.runs(unit, kernel)], dtype=int)
        if len(rows):
            target = request.support.targets[unit]
            work, weights = as_computed(request.work.take(rows), target), weights_read(flow, rows.tolist(), target)
            costs = unit_costs(work, device, target, request.runtime, request.precision, request.threads, weights)
            seconds[rows, column] = kernel_seconds(costs, max_frequency_hz(device, unit))
    prices = EntryCosts(device, request.support.targets, request.runtime.name, request.precision)
    dispatch = np.array([prices.entry(unit, [], [], first=False, waits=True).seconds for unit in units])
    tensors = flow.graph.tensors
    sizes = np.array([sum(tensors[name].bytes for name in made) for made in flow.makes])
    handing = 2 * sizes / float(device.memory.bandwidth_bytes_per_s)
    if set(units) <= host_units(request.support.targets):
        handing = np.zeros(len(sizes))
    return Problem(units, seconds, flow.before, handing, dispatch)


def _feeds_other_unit(flow: Dataflow, units: list[str]) -> list[bool]:
    feeds = [False] * len(units)
    for kernel, before in enumerate(flow.before):
        for other in before:
            feeds[other] = feeds[other] or units[other] != units[kernel]
    return feeds


def _only(request: Request, allowed: tuple[str, ...], unit: str) -> Placed:
    """Everything on one unit, what it cannot run on the next."""
    order = (unit, *(other for other in request.order if other != unit), *(other for other in allowed if other != unit and other not in request.order))
    placed = by_preference(request, order)
    return Placed(placed.units, [why if why != FIRST_CHOICE else f"{unit} ends earliest by estimated cost" for why in placed.why])
