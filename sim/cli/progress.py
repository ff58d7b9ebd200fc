"""A progress bar for runs that take more than a second, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

AFTER_S = 1.0


class ProgressBar:
    """``with ProgressBar("simulating") as told: simulate(..., progress=told)``. Drawn on standard error, gone when it ends."""

    def __init__(self, title: str, shown: bool = True) -> None:
        self._title = title
        self._shown = shown and sys.stderr.isatty()
        self._began = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Callable[[float], None] | None:
        return self._told if self._shown else None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _told(self, share: float) -> None:
        if self._bar is None:
            if time.monotonic() - self._began < AFTER_S:
                return
            self._bar = self._started()
        self._bar.update(self._bar.task_ids[0], completed=share)

    def _started(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, markup=False)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=console, transient=True)
        bar.add_task(self._title, total=1.0)
        bar.start()
        return bar
