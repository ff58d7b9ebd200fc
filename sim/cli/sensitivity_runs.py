"""Points of a sensitivity study evaluated: here where that takes a moment, else by an engine's workers, with a progress bar."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from sim.cli.progress import ProgressBar

if TYPE_CHECKING:
    from sim.exploration.engines.engine import Engine
    from sim.exploration.outcome import Outcome
    from sim.exploration.point import Point

HERE_S = 3.0  # of work: less is done before workers have started


class Runs:
    """Evaluates points and keeps every outcome by position in ``outcomes``. ``with`` ends its workers.

    Without ``--workers`` and ``--engine`` the first point, which is evaluated here, tells whether workers are worth starting.
    """

    def __init__(self, args: argparse.Namespace, evaluate: Callable[[Point], Outcome], title: str) -> None:
        self._args, self._evaluate, self._title = args, evaluate, title
        self._engine: Engine | None = None
        self._point_s = 0.0  # processor time of one, the latest known
        self.outcomes: dict[int, Outcome] = {}

    def __enter__(self) -> Runs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._engine is not None:
            self._engine.__exit__(kind, error, trace)

    def __call__(self, points: Sequence[Point]) -> list[Outcome]:
        """Outcomes of points, in their order. Raises EdgesimError where no worker can be had."""
        with ProgressBar(self._title) as bar:
            ended = 0

            def done(outcome: Outcome) -> None:
                nonlocal ended
                ended += 1
                self.outcomes[outcome.point.position] = outcome
                if bar is not None:
                    bar(ended / len(points))

            if self._is_here(points):
                self._here(points, done)
            else:
                self._through_engine(points, done)
        found = [self.outcomes[point.position] for point in points]
        self._point_s = max((outcome.cpu_s for outcome in found), default=self._point_s)
        return found

    def _is_here(self, points: Sequence[Point]) -> bool:
        if self._args.engine != "local":
            return False
        if self._args.workers is not None:
            return bool(self._args.workers == 1)
        return len(points) == 1 or len(points) * self._point_s < HERE_S

    def _here(self, points: Sequence[Point], done: Callable[[Outcome], None]) -> None:
        from sim.exploration.engines.worker import evaluated

        for point in points:
            done(evaluated(self._evaluate, point))

    def _through_engine(self, points: Sequence[Point], done: Callable[[Outcome], None]) -> None:
        from sim.exploration.engines import open_engine
        from sim.exploration.run_points import run_points

        if self._engine is None:
            self._engine = open_engine(self._args.engine, self._args.workers).__enter__()
        run_points(points, self._evaluate, self._engine, done)
