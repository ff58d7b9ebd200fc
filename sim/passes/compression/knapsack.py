"""One choice for each layer within a budget: exact where costs add up, step by step where only the whole has a price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """What a layer costs and loses in one format. ``signal_db``: the ratio that ``loss`` comes from."""

    cost: float
    loss: float
    signal_db: float = 0.0


def least_loss(rows: list[list[Choice]], limit: float) -> list[int] | None:
    """One choice a row with the least summed loss whose costs sum to at most ``limit``; None where none does.

    Dynamic programming over the Pareto front of (cost, loss) of the first rows: exact, and small because fronts of few formats are.
    The front is thinned to 4096 points where it grows beyond, which keeps the cheapest and is within one part in 4096 of the best cost.
    """
    fronts: list[list[tuple[float, float, int, int]]] = [[(0.0, 0.0, -1, -1)]]  # cost, loss, choice, place in the front before
    for row in rows:
        grown = [
            (cost + choice.cost, loss + choice.loss, index, place) for place, (cost, loss, _, _) in enumerate(fronts[-1]) for index, choice in enumerate(row)
        ]
        fronts.append(_thinned(_pareto(grown)))
    fitting = [(loss, cost, place) for place, (cost, loss, _, _) in enumerate(fronts[-1]) if cost <= limit * (1 + 1e-12)]
    if not fitting:
        return None
    place = min(fitting)[2]
    picked: list[int] = []
    for front in reversed(fronts[1:]):
        _, _, index, place = front[place]
        picked.append(index)
    return picked[::-1]


_MOST_POINTS = 4096


def _pareto(points: list[tuple[float, float, int, int]]) -> list[tuple[float, float, int, int]]:
    """Points that no other beats in cost and loss, by cost."""
    kept: list[tuple[float, float, int, int]] = []
    for point in sorted(points):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def _thinned(points: list[tuple[float, float, int, int]]) -> list[tuple[float, float, int, int]]:
    if len(points) <= _MOST_POINTS:
        return points
    step = (points[-1][0] - points[0][0]) / (_MOST_POINTS - 1)
    kept: dict[int, tuple[float, float, int, int]] = {}
    for point in points:
        kept[int((point[0] - points[0][0]) / step)] = point  # the last of a bin loses least
    kept[-1] = points[0]
    return sorted(kept.values())


def cheapest_steps(rows: list[list[Choice]], price: Callable[[list[int]], float], limit: float) -> tuple[list[int] | None, float]:
    """Lower one layer after the other until the price of the whole is at most ``limit``; None and the price reached where it never is.

    Each step takes the layer that loses least for what it saves; what a step saves is priced once, on the starting choice.
    """
    picked = [0] * len(rows)
    reached = start = price(picked)
    steps = []
    for layer, row in enumerate(rows):
        for index in range(1, len(row)):
            tried = [*picked]
            tried[layer] = index
            saved = start - price(tried)
            if saved > 0:
                steps.append(((row[index].loss - row[0].loss) / saved, layer, index))
    for _, layer, index in sorted(steps):
        if reached <= limit:
            break
        if index > picked[layer]:
            tried = [*picked]
            tried[layer] = index
            found = price(tried)
            if found < reached:
                picked, reached = tried, found
    return (picked if reached <= limit else None), reached
