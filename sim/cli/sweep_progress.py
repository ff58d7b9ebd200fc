"""The progress of a sweep on a terminal: points done, their rate, the time left, the best so far."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from sim.exploration.outcome import Outcome

AFTER_S = 1.0
_EVERY_S = 0.1


class SweepProgress:
    """``with SweepProgress(...) as told: told(outcome)``. Drawn on standard error, gone when it ends; silent where nobody watches."""

    def __init__(self, name: str, count: int, shown: bool = True) -> None:
        self._name, self._count = name, count
        self._shown = shown and sys.stderr.isatty()
        self._began_s = self._drawn_s = time.monotonic()
        self._done = 0
        self._best_s: float | None = None
        self._bar: Progress | None = None

    def __enter__(self) -> SweepProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, outcome: Outcome) -> None:
        self._done += 1
        latency_s = outcome.metrics.get("latency_p99_s")
        if isinstance(latency_s, int | float) and outcome.metrics.get("valid") and (self._best_s is None or latency_s < self._best_s):
            self._best_s = float(latency_s)
        now_s = time.monotonic()
        if not self._shown or now_s - self._began_s < AFTER_S or now_s - self._drawn_s < _EVERY_S:
            return
        self._drawn_s = now_s
        if self._bar is None:
            self._bar = self._started()
        self._bar.update(self._bar.task_ids[0], completed=self._done, rate=self._done / (now_s - self._began_s), best=self._best())

    def _best(self) -> str:
        from sim.report.numbers import seconds

        return "" if self._best_s is None else f"best p99 within budgets {seconds(self._best_s)}"

    def _started(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f}/s", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}", markup=False),
        )
        bar = Progress(*columns, console=Console(stderr=True, markup=False), transient=True)
        bar.add_task(f"sweeping {self._name}", total=self._count, rate=0.0, best="")
        bar.start()
        return bar
