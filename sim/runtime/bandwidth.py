"""Memory bandwidth shared max-min fairly by the segments that run now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_models.kernel_costs import KernelCosts, kernel_seconds
from sim.runtime.timing import SegmentTimings, Timing


def max_min_grants(demands: Sequence[float], capacity: float) -> list[float]:
    """Max-min fair grants: no demand is exceeded, none can get more without taking from one that has no more than it.

    Same unit for all; grants sum to ``min(sum(demands), capacity)``.
    """
    grants, left = [0.0] * len(demands), capacity
    order = sorted(range(len(demands)), key=lambda position: demands[position])
    for served, position in enumerate(order):
        grants[position] = min(demands[position], left / (len(order) - served))
        left -= grants[position]
    return grants


def share_for(costs: KernelCosts, frequency_hz: float, total_s: float) -> float:
    """The bandwidth share ``0 < share <= 1`` at which the kernels take ``total_s`` altogether.

    Newton's method on the time as a function of 1/share, which is convex and increasing; it starts above the root and descends.
    """
    compute_s, memory_s = costs.compute_cycles / frequency_hz, costs.memory_s
    outside_s = float((costs.fixed_s + costs.overhead_cycles / frequency_hz).sum())
    slowdown = max((total_s - outside_s) / float(memory_s.sum()), 1.0)
    for _ in range(60):
        excess_s = float(kernel_seconds(costs, frequency_hz, 1.0 / slowdown).sum()) - total_s
        slope = _slope(compute_s, memory_s, costs.exponent, slowdown)
        lower = max(slowdown - excess_s / slope, 1.0)
        if lower >= slowdown * (1 - 1e-14):
            break
        slowdown = lower
    return 1.0 / slowdown


def _slope(compute_s: np.ndarray, memory_s: np.ndarray, exponent: float, slowdown: float) -> float:
    """Derivative of ``sum((c^p + (m x)^p)^(1/p))`` by x at ``slowdown``."""
    stretched_s = memory_s * slowdown
    if np.isinf(exponent):
        return float(memory_s[stretched_s >= compute_s].sum()) or float(memory_s.sum())
    larger = np.maximum(compute_s, stretched_s)
    ratio = np.divide(stretched_s, larger, out=np.zeros_like(larger), where=larger > 0)
    other = np.divide(compute_s, larger, out=np.zeros_like(larger), where=larger > 0)
    joined = np.maximum(ratio**exponent + other**exponent, 1.0)  # the larger of the two is 1; both are 0 for an empty kernel
    return float((memory_s * ratio ** (exponent - 1.0) * joined ** (1.0 / exponent - 1.0)).sum())


def shared_timings(running: Sequence[tuple[SegmentTimings, float]], capacity_bytes_per_s: float, scale: float = 1.0) -> list[Timing]:
    """The timing of each running ``(segment, frequency)`` when all share the memory.

    A segment's demand is its average traffic with the full share. One whose time does not depend on the memory cannot be slowed
    by it: its traffic is served first, and the others always keep a hundredth of the bandwidth, so that they end.
    ``capacity_bytes_per_s`` is ``scale`` of the memory's highest bandwidth, the part that its present clock allows.
    """
    alone = [segment.at(frequency_hz, scale) for segment, frequency_hz in running]
    if sum(timing.bytes_per_s for timing in alone) <= capacity_bytes_per_s:
        return alone
    elastic = [position for position, (segment, _) in enumerate(running) if segment.costs.memory_s.any()]
    taken = sum(timing.bytes_per_s for position, timing in enumerate(alone) if position not in elastic)
    grants = max_min_grants([alone[position].bytes_per_s for position in elastic], max(capacity_bytes_per_s - taken, 0.01 * capacity_bytes_per_s))
    for position, grant in zip(elastic, grants, strict=True):
        segment, frequency_hz = running[position]
        if grant < alone[position].bytes_per_s:
            alone[position] = segment.at(frequency_hz, share_for(segment.costs, frequency_hz, segment.bytes / grant))
    return alone
