"""Morris screening (Technometrics 33, 1991): trajectories through a grid on the unit cube, elementary effects, and what they say of each input.

A trajectory changes one input at a time by ``p / (2 (p - 1))`` on a grid of ``p`` levels; the change of the result over that step is an elementary
effect. ``mu`` is their mean, ``mu_star`` the mean of their magnitudes (Campolongo et al., Environmental Modelling & Software 22, 2007), ``sigma``
their standard deviation: large where the effect depends on the place, through bends or other inputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
_CANDIDATES = 10  # for each trajectory that is kept, where they are chosen to be far apart


@dataclass(frozen=True)
class Effect:
    """Of one input, in units of the result over the whole range of the input; ``count``: elementary effects. None: there was none.

    ``confidence``: half the width of the 95 % interval of ``mu_star``, None where one effect alone cannot tell.
    """

    mu: float | None
    mu_star: float | None
    sigma: float | None
    confidence: float | None
    count: int


def step(levels: int) -> float:
    """The change of an input along a trajectory. ``levels``: even and at least 2."""
    return levels / (2.0 * (levels - 1))


def trajectories(inputs: int, count: int, levels: int = 4, seed: int = 0, *, spread: bool = False) -> np.ndarray:
    """Points ``[count, inputs + 1, inputs]`` of the unit cube; neighbours on a trajectory differ in one input by :func:`step`.

    ``spread``: of ten times as many those are taken, one after the other, that lie furthest apart. Raises ValueError for odd ``levels`` or less
    than one input or trajectory.
    """
    if levels < 2 or levels % 2:
        raise ValueError(f"levels: {levels} must be an even number of at least 2")
    if inputs < 1 or count < 1:
        raise ValueError("a screening needs at least one input and one trajectory")
    generator = np.random.default_rng(seed)
    found = np.array([_trajectory(inputs, levels, generator) for _ in range(count * (_CANDIDATES if spread else 1))])
    return found[_far_apart(found, count)] if spread else found


def _trajectory(inputs: int, levels: int, generator: np.random.Generator) -> np.ndarray:
    """One trajectory ``[inputs + 1, inputs]``: a random start, a random order, a random direction for each input."""
    size = step(levels)
    directions = generator.choice((-1.0, 1.0), size=inputs)
    lowest = generator.integers(0, levels // 2, size=inputs) / (levels - 1)  # from where one step up stays inside
    point = np.where(directions > 0, lowest, lowest + size)
    points = [point]
    for index in generator.permutation(inputs):
        point = point.copy()
        point[index] += directions[index] * size
        points.append(point)
    return np.array(points)


def _far_apart(found: np.ndarray, count: int) -> list[int]:
    """Positions of ``count`` trajectories: first the two furthest apart, then always the one whose distances to those taken are the largest together."""
    squares = np.zeros((len(found), len(found)))
    for one in range(len(found)):
        for other in range(one):
            squares[one, other] = squares[other, one] = _distance(found[one], found[other]) ** 2
    taken = [int(position) for position in np.unravel_index(int(np.argmax(squares)), squares.shape)][:count]
    while len(taken) < count:
        together = squares[:, taken].sum(axis=1)
        together[taken] = -1.0
        taken.append(int(np.argmax(together)))
    return taken


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """The sum of the distances between all points of two trajectories."""
    lengths = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2.0 * one @ other.T
    return float(np.sqrt(np.maximum(lengths, 0.0)).sum())


def effects(points: np.ndarray, values: np.ndarray) -> list[Effect]:
    """Of every input. ``points``: ``[trajectories, inputs + 1, inputs]``; ``values``: ``[trajectories, inputs + 1]``, NaN where there is no result.

    A step with an end that has no result is left out.
    """
    changes = np.diff(points, axis=1)
    moved = np.argmax(np.abs(changes), axis=2)
    sizes = np.take_along_axis(changes, moved[:, :, None], axis=2)[:, :, 0]
    elementary = np.diff(values, axis=1) / sizes
    return [_effect(elementary[(moved == index) & np.isfinite(elementary)]) for index in range(points.shape[2])]


def _effect(found: np.ndarray) -> Effect:
    if not len(found):
        return Effect(None, None, None, None, 0)
    magnitudes = np.abs(found)
    if len(found) == 1:
        return Effect(float(found[0]), float(magnitudes[0]), None, None, 1)
    width = _quantile(len(found) - 1) * float(magnitudes.std(ddof=1)) / math.sqrt(len(found))
    return Effect(float(found.mean()), float(magnitudes.mean()), float(found.std(ddof=1)), width, len(found))


def _quantile(freedom: int) -> float:
    """Of Student's distribution, two-sided: Cornish and Fisher's expansion from the normal one, within 1 % from three degrees of freedom on."""
    if freedom <= 2:
        return (12.706, 4.303)[freedom - 1]
    z = NormalDist().inv_cdf((1.0 + CONFIDENCE) / 2.0)
    terms: Sequence[float] = (
        (z**3 + z) / 4.0,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96.0,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384.0,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
