"""Trials of a search run: what a file remembers is taken from it, the rest goes to workers, and every outcome is kept before it is told."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.exploration.engines.engine import Engine
    from sim.exploration.outcome import Outcome
    from sim.exploration.point import Point
    from sim.exploration.store.store import Store

HERE_S = 5.0  # of work in all: less is done before workers have started


class SearchRuns:
    """``known``: outcomes by point id. ``trials``: how many there will be. ``with`` ends the workers."""

    def __init__(
        self,
        args: argparse.Namespace,
        evaluate: Callable[[Point], Outcome],
        base_digest: str,
        known: Mapping[str, Outcome],
        store: Store | None,
        trials: int,
        point_s: float,
    ) -> None:
        self._args, self._evaluate, self._digest, self._known, self._store = args, evaluate, base_digest, known, store
        self._is_here = args.engine == "local" and (args.workers == 1 or (args.workers is None and trials * point_s < HERE_S))
        self._engine: Engine | None = None
        self.earlier = 0  # trials that a file remembered

    def __enter__(self) -> SearchRuns:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._engine is not None:
            self._engine.__exit__(kind, error, trace)

    def __call__(self, points: Sequence[Point]) -> list[Outcome]:
        """Outcomes of points, in their order. Raises EdgesimError where no worker can be had, or the file can take no more."""
        found: dict[int, Outcome] = {}
        missing = []
        for point in points:
            old = self._known.get(point.point_id(self._digest))
            if old is None:
                missing.append(point)
            else:
                found[point.position] = replace(old, point=point)
        self.earlier += len(found)

        def done(outcome: Outcome) -> None:
            if self._store is not None:
                self._store.add(outcome)
            found[outcome.point.position] = outcome

        if missing and self._is_here:
            self._here(missing, done)
        elif missing:
            self._through_engine(missing, done)
        return [found[point.position] for point in points]

    def _here(self, points: Sequence[Point], done: Callable[[Outcome], None]) -> None:
        from sim.exploration.engines.worker import evaluated

        for point in points:
            done(evaluated(self._evaluate, point))

    def _through_engine(self, points: Sequence[Point], done: Callable[[Outcome], None]) -> None:
        from sim.exploration.engines import open_engine
        from sim.exploration.run_points import run_points

        if self._engine is None:
            self._engine = open_engine(self._args.engine, self._args.workers).__enter__()
        run_points(points, self._evaluate, self._engine, done, most_batch=max(len(points) // (2 * (self._args.workers or 4)), 1))
