"""Max-min fair sharing of links: nobody gets more without somebody who has no more getting less (Bertsekas and Gallager, Data Networks, 6.5.2).

Flows of one class cross the same links and have the same limit of their own, so they have the same rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

_EQUAL = 1.0 + 1e-12  # shares within rounding of each other are one


def max_min_rates(capacities: Sequence[float], routes: Sequence[Sequence[int]], limits: Sequence[float], flows: Sequence[int]) -> list[float]:
    """The rate of each flow of every class, in the unit of the capacities; 0 for a class without flows.

    ``capacities``: of each link, not negative, infinity for none. ``routes``: the links (positions) that a class crosses.
    ``limits``: what one flow of the class can take at most; infinity if only the links limit it. ``flows``: how many the class has.
    Progressive filling: the rates of all rise together until a link is full or a limit reached, which fixes the flows concerned;
    then the others go on. Raises ValueError for a class that nothing limits.
    """
    rates, left = [0.0] * len(routes), list(capacities)
    crossing = [0] * len(capacities)
    open_classes = [index for index, number in enumerate(flows) if number]
    for index in open_classes:
        for link in routes[index]:
            crossing[link] += flows[index]
    while open_classes:
        shares = [max(room, 0.0) / number if number else inf for room, number in zip(left, crossing, strict=True)]
        reach = [min((shares[link] for link in routes[index]), default=inf) for index in open_classes]
        level = min(min(reach), min(limits[index] for index in open_classes))
        if level == inf:
            raise ValueError("a class of flows crosses no link with a capacity and has no limit of its own")
        still_open = []
        for index, share in zip(open_classes, reach, strict=True):
            if min(share, limits[index]) > level * _EQUAL:
                still_open.append(index)
                continue
            rates[index] = level
            for link in routes[index]:
                left[link] -= level * flows[index]
                crossing[link] -= flows[index]
        open_classes = still_open
    return rates
