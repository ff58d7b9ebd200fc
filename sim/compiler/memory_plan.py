"""Offsets for buffers: buffers alive at the same time never overlap, and the arena is as small as several orders of best fit find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.compiler.liveness import Requirement
from sim.compiler.program import Buffer, MemoryPlan

_SWAPS = 60  # bounded effort of the search on top of the fixed orders
_CLOSE = 1.02  # a plan so near to the bound is not searched further
_PLACINGS = 50_000  # buffers placed by the longer search


def plan_memory(found: Sequence[Requirement]) -> MemoryPlan:
    """The best plan of the orders tried. Stops at the first one that reaches the lower bound, the most bytes ever alive at once."""
    bound = lower_bound(found)
    if not found:
        return MemoryPlan((), 0, 0)
    overlap = _overlaps(found)
    sizes = np.array([item.size_bytes for item in found], dtype=np.int64)
    best: tuple[int, np.ndarray] | None = None
    orders = []
    for order in _orders(found):
        offsets = _best_fit(sizes, overlap, order)
        height = int((offsets + sizes).max())
        orders.append((height, order))
        if best is None or height < best[0]:
            best = (height, offsets)
        if best[0] == bound:
            break
    assert best is not None
    if best[0] > bound:
        order = min(orders, key=lambda pair: pair[0])[1]
        best = _improve(sizes, overlap, bound, best, order)
        if best[0] > _CLOSE * bound:
            best = min(best, _climb(sizes, overlap, bound, order), key=lambda plan: plan[0])
    buffers = tuple(Buffer(item.tensor, item.size_bytes, item.first, item.last, int(offset)) for item, offset in zip(found, best[1], strict=True))
    return MemoryPlan(buffers, best[0], bound)


def lower_bound(found: Sequence[Requirement]) -> int:
    """The most bytes alive at any kernel: no plan can be smaller."""
    if not found:
        return 0
    change = np.zeros(max(item.last for item in found) + 2, dtype=np.int64)
    for item in found:
        change[item.first] += item.size_bytes
        change[item.last + 1] -= item.size_bytes
    return int(np.cumsum(change).max())


def _overlaps(found: Sequence[Requirement]) -> np.ndarray:
    first = np.array([item.first for item in found])
    last = np.array([item.last for item in found])
    return np.asarray((first[:, None] <= last[None, :]) & (first[None, :] <= last[:, None]))


def _orders(found: Sequence[Requirement]) -> list[list[int]]:
    """Orders worth trying: by size, by time, by both, by where most is alive."""
    indices = list(range(len(found)))
    span = [item.last - item.first + 1 for item in found]
    load = np.zeros(max(item.last for item in found) + 2)
    for item in found:
        load[item.first] += item.size_bytes
        load[item.last + 1] -= item.size_bytes
    load = np.cumsum(load)
    crowd = [float(load[item.first : item.last + 1].max()) for item in found]
    return [
        sorted(indices, key=lambda i: (-found[i].size_bytes, found[i].first)),
        sorted(indices, key=lambda i: (found[i].first, -found[i].size_bytes)),
        sorted(indices, key=lambda i: (-crowd[i], -found[i].size_bytes, found[i].first)),
        sorted(indices, key=lambda i: (-found[i].size_bytes * span[i], found[i].first)),
        sorted(indices, key=lambda i: (-span[i], -found[i].size_bytes)),
        sorted(indices, key=lambda i: (-crowd[i], -span[i], -found[i].size_bytes)),
        sorted(indices, key=lambda i: (found[i].last, -found[i].size_bytes)),
    ]


def _best_fit(sizes: np.ndarray, overlap: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Offsets: each buffer in turn into the tightest gap among those already placed that live at the same time."""
    offsets = np.full(len(sizes), -1, dtype=np.int64)
    placed = np.zeros(len(sizes), dtype=bool)
    for item in order:
        rivals = np.flatnonzero(overlap[item] & placed)
        offsets[item] = _tightest_gap(offsets[rivals], sizes[rivals], int(sizes[item]))
        placed[item] = True
    return offsets


def _tightest_gap(starts: np.ndarray, sizes: np.ndarray, size: int) -> int:
    """The start of the smallest gap of at least ``size`` between occupied ranges, else the end of the last one."""
    if not len(starts):
        return 0
    order = np.argsort(starts, kind="stable")
    ends = np.maximum.accumulate(starts[order] + sizes[order])
    begins = np.concatenate(([0], ends[:-1]))
    gaps = starts[order] - begins
    fitting = np.flatnonzero(gaps >= size)
    return int(begins[fitting[np.argmin(gaps[fitting])]]) if len(fitting) else int(ends[-1])


def _improve(sizes: np.ndarray, overlap: np.ndarray, bound: int, best: tuple[int, np.ndarray], order: Sequence[int]) -> tuple[int, np.ndarray]:
    """Bring the buffers that stand on top of the arena forward in the order, and keep what helps; a bounded number of times."""
    order = list(order)
    effort = max(4, min(_SWAPS, 20_000 // max(len(sizes), 1)))
    height, offsets = best
    current = _best_fit(sizes, overlap, order)
    current_height = int((current + sizes).max())
    for step in range(effort):
        top = int(np.argmax(current + sizes))
        position = order.index(top)
        if position == 0:
            break
        target = position // 2 if step % 2 else 0
        candidate = [*order[:target], top, *order[target:position], *order[position + 1 :]]
        trial = _best_fit(sizes, overlap, candidate)
        trial_height = int((trial + sizes).max())
        if trial_height <= current_height or step % 3 == 2:  # now and then a step that is no better, to leave a dead end
            order, current, current_height = candidate, trial, trial_height
        if trial_height < height:
            height, offsets = trial_height, trial
        if height == bound:
            break
    return height, offsets


def _climb(sizes: np.ndarray, overlap: np.ndarray, bound: int, order: Sequence[int]) -> tuple[int, np.ndarray]:
    """Swap or move a buffer that stands above the bound with one alive beside it, as long as that does not make it worse; a bounded number of times."""
    rng = np.random.default_rng(0)  # of its own: the same plan for the same program
    order, offsets = list(order), _best_fit(sizes, overlap, order)
    best = (int((offsets + sizes).max()), offsets)
    for _ in range(_PLACINGS // len(order)):
        over = np.flatnonzero(offsets + sizes > bound)
        if not len(over):
            break
        top = int(rng.choice(over))
        other = int(rng.choice(np.flatnonzero(overlap[top])))
        if rng.random() < 0.3:  # now and then one further away
            other = int(rng.choice(np.flatnonzero(overlap[other])))
        trial, i, j = list(order), order.index(top), order.index(other)
        if rng.random() < 0.5:
            trial[i], trial[j] = trial[j], trial[i]
        else:
            trial.insert(j, trial.pop(i))
        placed = _best_fit(sizes, overlap, trial)
        if _excess(sizes, placed, bound) <= _excess(sizes, offsets, bound):
            order, offsets = trial, placed
            best = min(best, (int((placed + sizes).max()), placed), key=lambda plan: plan[0])
    return best


def _excess(sizes: np.ndarray, offsets: np.ndarray, bound: int) -> int:
    """Bytes above the bound, of all buffers."""
    return int(np.maximum(offsets + sizes - bound, 0).sum())
