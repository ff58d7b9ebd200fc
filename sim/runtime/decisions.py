"""What chance or a recorded trace holds for each request at a stage that adapts, and how its decisions are written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.errors import EdgesimError, Problem
from sim.runtime.recorder import Recorder
from sim.scenario.adaptive import ConfidenceUse, RowUse
from sim.scenario.recorded_rows import read_right, read_scores
from sim.trace import Decider
from sim.workload.turns import DrawsByTurn, RowsByTurn

if TYPE_CHECKING:
    from sim.runtime.request import Request

NO_ROW = -1


class Decisions:
    """Writes the decisions of one stage into the trace."""

    def __init__(self, recorder: Recorder, warmup_s: float, stage: int, kind: str, outcomes: Sequence[str]) -> None:
        self._recorder, self._warmup_s = recorder, warmup_s
        self.decider = Decider(stage, kind, list(outcomes), [0] * len(outcomes), [None] * len(outcomes))
        recorder.trace.deciders.append(self.decider)
        names = recorder.trace.outcomes
        names += [name for name in dict.fromkeys(outcomes) if name not in names]
        self._index = [names.index(name) for name in outcomes]

    def made(self, request: Request, outcome: int, row: int = NO_ROW, right: float | None = None) -> None:
        """A decision for a request. ``right``: 1 or 0 where it is known whether the answer it leads to is right."""
        decider = self.decider
        self._recorder.choice(request.number, decider.stage, self._index[outcome], row)
        if request.arrival_s >= self._warmup_s:
            decider.counts[outcome] += 1
            if right is not None:
                decider.right[outcome] = (decider.right[outcome] or 0.0) + right


class TraceRows:
    """Which row of a recorded trace a request has; stages of a workload that read the same file in the same order see the same row.

    ``path``: of the trace in the scenario, for the error where its rows are used up.
    """

    def __init__(self, use: RowUse, rows: int, workload: str, path: str) -> None:
        self._use, self._count, self._workload, self._path = use, rows, workload, path
        self._rows = RowsByTurn(rows, loop=use.loop)

    def start(self, seed: int) -> None:
        """The run begins."""
        draws = DrawsByTurn(seed, f"rows/{self._workload}/{self._use.trace}") if self._use.order == "random" else None
        self._rows = RowsByTurn(self._count, loop=self._use.loop, draws=draws)

    def at(self, turn: int) -> int:
        """The row. Raises EdgesimError where there are more requests than rows."""
        try:
            return self._rows.at(turn)
        except IndexError:
            what = f"{self._use.trace!r} has {self._count} rows and the workload more requests; give it more rows, or loop: true, or order: random"
            raise EdgesimError(Problem(path=self._path, what=what)) from None


class SureByTrace:
    """Whether an answer is sure, by its recorded score."""

    def __init__(self, use: ConfidenceUse, directory: Path) -> None:
        scores = read_scores(directory / use.trace, use.column)
        self.sure: NDArray[np.bool_] = scores >= use.threshold if use.sure == "above" else scores <= use.threshold

    def __len__(self) -> int:
        return len(self.sure)


def right_column(directory: Path, file: str, column: str | None) -> Callable[[int], float | None]:
    """Row -> whether the answer is right (1 or 0); nobody knows without a column."""
    if column is None:
        return lambda row: None
    values = read_right(directory / file, column)
    return lambda row: float(values[row])
