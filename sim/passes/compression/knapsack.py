"""One choice for each layer within a budget: exact where costs add up, and corrected where the whole costs more than its parts say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """What a layer costs and loses in one format."""

    cost: float
    loss: float


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
    fitting = [(loss, cost, place) for place, (cost, loss, _, _) in enumerate(fronts[-1]) if cost <= limit * _ROUNDING]
    if not fitting:
        return None
    place = min(fitting)[2]
    picked: list[int] = []
    for front in reversed(fronts[1:]):
        _, _, index, place = front[place]
        picked.append(index)
    return picked[::-1]


_MOST_POINTS = 4096
_MOST_TRIES = 100  # of a whole that costs more than its parts
_ROUNDING = 1 + 1e-12  # sums in another order


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


def within_price(rows: list[list[Choice]], price: Callable[[list[int]], float], limit: float) -> tuple[list[int] | None, float]:
    """The choices with the least summed loss whose whole has a price of at most ``limit``, and that price; None and the least price found where none has.

    Costs of ``rows`` say what each choice adds to the price of the whole. Where that is so the answer is exact; where the whole costs more
    than its parts say, the sum that the parts may reach is lowered by as much, until the whole holds.
    """
    allowed = limit
    for _ in range(_MOST_TRIES):
        picked = least_loss(rows, allowed)
        if picked is None:
            break
        reached = price(picked)
        if reached <= limit * _ROUNDING:
            return picked, reached
        summed = sum(row[index].cost for row, index in zip(rows, picked, strict=True))
        allowed = summed - max(reached - limit, 1e-9 * abs(summed))
    cheapest = [min(range(len(row)), key=lambda index: (row[index].cost, row[index].loss)) for row in rows]
    reached = price(cheapest)
    return (cheapest if reached <= limit * _ROUNDING else None), reached


def costs_in_place(counts: list[int], price: Callable[[list[int]], float]) -> list[list[float]]:
    """What each of so many choices adds to the price of the whole: an even share of the first choices' price, and what changing one alone changes."""
    first = [0] * len(counts)
    start = price(first)

    def changed(layer: int, index: int) -> float:
        return price([index if place == layer else 0 for place in range(len(counts))]) - start if index else 0.0

    return [[start / len(counts) + changed(layer, index) for index in range(count)] for layer, count in enumerate(counts)]
