"""Random lengths of runs: factors of mean 1 that multiply the work of user code."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim.scenario.batching import Spread
from sim.workload.streams import stream

_DRAWS = 1024
Draw = Callable[[np.random.Generator, int], np.ndarray]


class Factors:
    """Callable that draws the next factor, from a random stream of its own; one that is 0 becomes a trifle."""

    def __init__(self, spread: Spread, name: str) -> None:
        self._draw = draw_of(spread)
        self._name = name
        self._block: list[float] = []
        self._rng: np.random.Generator | None = None

    def start(self, seed: int) -> None:
        """The run begins."""
        self._rng = stream(seed, f"spread/{self._name}")
        self._block = []

    def finish(self) -> None:
        """The run is over."""

    def __call__(self) -> float:
        if not self._block:
            assert self._rng is not None
            self._block = np.maximum(self._draw(self._rng, _DRAWS), 1e-12).tolist()[::-1]
        return self._block.pop()


def draw_of(spread: Spread) -> Draw:
    """Draws ``n`` factors ``[n]`` with mean 1 and the coefficient of variation of ``spread``."""
    cv = 1.0 if spread.cv is None else float(spread.cv)
    if spread.kind == "exponential":
        return lambda rng, n: rng.exponential(1.0, n)
    if spread.kind == "gamma":
        return lambda rng, n: rng.gamma(1.0 / cv**2, cv**2, n)
    if spread.kind == "lognormal":
        variance = math.log1p(cv**2)
        return lambda rng, n: rng.lognormal(-variance / 2, math.sqrt(variance), n)
    half = cv * math.sqrt(3.0)
    return lambda rng, n: rng.uniform(1.0 - half, 1.0 + half, n)
