"""The progress of a search on a terminal: trials, their rate, the time left, and how much the front dominates or the best so far."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from sim.exploration.search.driver import Search

AFTER_S = 1.0


class SearchProgress:
    """``with SearchProgress(...) as told: search.go(trials, told)``. Drawn on standard error, gone when it ends; silent where nobody watches."""

    def __init__(self, name: str, trials: int, shown: bool = True) -> None:
        self._name, self._trials = name, trials
        self._shown = shown and sys.stderr.isatty()
        self._began_s = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> SearchProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, search: Search) -> None:
        now_s = time.monotonic()
        if not self._shown or now_s - self._began_s < AFTER_S:
            return
        if self._bar is None:
            self._bar = self._started()
        done = len(search.trials)
        self._bar.update(self._bar.task_ids[0], completed=done, rate=done / (now_s - self._began_s), best=_best(search))

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
        bar.add_task(f"searching {self._name}", total=self._trials, rate=0.0, best="")
        bar.start()
        return bar


def _best(search: Search) -> str:
    import numpy as np

    from sim.exploration.search.front import non_dominated
    from sim.exploration.search.hypervolume import MOST_OBJECTIVES, hypervolume
    from sim.report.search_page import value_text

    feasible = [trial.judged for trial in search.trials if trial.judged.is_feasible]
    if not feasible:
        return "nothing holds everything yet"
    costs = np.array([search.goals.costs(judged) for judged in feasible], dtype=np.float64)
    if costs.shape[1] == 1:
        objective = search.goals.objectives[0]
        value = float(costs.min())
        return f"best {value_text(objective.metric, -value if objective.maximize else value)}"
    front = costs[non_dominated(costs)]
    if costs.shape[1] > MOST_OBJECTIVES:
        return f"front of {len(front)}"
    low, high = costs.min(axis=0), costs.max(axis=0)
    spans = np.where(high > low, high - low, 1.0)
    return f"front of {len(front)}, dominating {100 * hypervolume((front - low) / spans, [1.0] * len(low)):.1f} %"
