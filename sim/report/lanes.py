"""Rows for intervals, so that none overlap in a row."""

from __future__ import annotations

import heapq

import numpy as np


def lanes(starts_s: np.ndarray, ends_s: np.ndarray) -> np.ndarray:
    """The lane of each interval, ``[n]``: the lowest that is free when it starts, as few lanes as ever run at once.

    ``starts_s`` must ascend. Intervals that touch do not overlap, nor do those of no length.
    """
    if not len(starts_s) or not (starts_s[1:] < ends_s[:-1]).any():
        return np.zeros(len(starts_s), dtype=int)  # the common case: one thing at a time
    result = np.zeros(len(starts_s), dtype=int)
    busy: list[tuple[float, int]] = []  # (until, lane)
    free: list[int] = []
    opened = 0
    for index, (start_s, end_s) in enumerate(zip(starts_s.tolist(), ends_s.tolist(), strict=True)):
        while busy and busy[0][0] <= start_s:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, opened = opened, opened + 1
        result[index] = lane
        heapq.heappush(busy, (end_s, lane))
    return result
