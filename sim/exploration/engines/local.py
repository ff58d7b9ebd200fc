"""``local``: worker processes on this machine.

Each worker is a pool of its own with one process, because a pool whose process dies is lost as a whole: like this the others never notice,
and it is known which batch the dead worker was at.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

from sim.errors import EdgesimError
from sim.exploration.engines.engine import Engine, Lane, Recipe
from sim.exploration.engines.worker import BatchDone, end_with_parent, evaluate_batch, receive
from sim.exploration.point import Point

_START_ATTEMPTS = 3
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class LocalEngine(Engine):
    """``workers`` processes (default: one for each core this process may use)."""

    batch_s = 0.1  # handing out a batch costs a worker about 0.2 ms; the last ones of a sweep leave other workers idle for as long as they are

    def __init__(self, workers: int | None = None) -> None:
        self._lanes = [LocalLane() for _ in range(workers or usable_cores())]

    def lanes(self) -> Sequence[LocalLane]:
        return self._lanes

    def close(self, at_once: bool = False) -> None:
        for lane in self._lanes:
            lane.end(at_once)
        for lane in self._lanes:
            lane.join()


class LocalLane(Lane):
    """One worker process, started when the first batch comes, and again after it died."""

    exact = True

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._ending: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None
        self._up: Future[None] | None = None  # done when the process has come up and holds a recipe
        self._holds: set[str] = set()
        self._failed_starts = 0

    def width(self) -> int:
        return 1

    @property
    def pid(self) -> int | None:
        """The process's number, None before it is started."""
        return None if self._process is None else self._process.pid

    def submit(self, recipe: Recipe, points: Sequence[Point], limit_s: float) -> Future[BatchDone]:
        while True:
            try:
                return self._pool_with(recipe).submit(evaluate_batch, recipe.digest, tuple(points), limit_s)
            except BrokenExecutor as error:  # it died while it had nothing to do
                self.lost(error)

    def lost(self, error: BaseException) -> int | None:
        if not isinstance(error, BrokenExecutor):
            return None
        was_up = self._up is not None and self._up.done() and self._up.exception() is None
        self.end(at_once=True)
        self._failed_starts = 0 if was_up else self._failed_starts + 1
        if self._failed_starts >= _START_ATTEMPTS:
            raise EdgesimError(
                f"a worker process ended {_START_ATTEMPTS} times before it had begun: is there enough memory? "
                "(A Python script that starts workers does so under: if __name__ == '__main__':)"
            )
        return 1 if was_up else 0

    def end(self, at_once: bool) -> None:
        """Ask the process to end, or kill it; :meth:`join` waits for that."""
        if self._pool is None:
            return
        if at_once and self._process is not None:
            self._process.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._ending, self._pool, self._up = self._pool, None, None
        self._holds.clear()

    def join(self) -> None:
        if self._ending is not None:
            self._ending.shutdown(wait=True)
            self._ending = None

    def _pool_with(self, recipe: Recipe) -> ProcessPoolExecutor:
        if self._pool is not None and recipe.digest in self._holds:
            return self._pool
        if self._pool is None:
            self.join()
            context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks in any state
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)
            before = set(multiprocessing.active_children())
            with _quiet_single_threaded_children():
                self._up = self._pool.submit(receive, recipe.digest, recipe.payload)
            self._process = next(iter(set(multiprocessing.active_children()) - before), None)
        else:
            self._pool.submit(receive, recipe.digest, recipe.payload)
        self._holds.add(recipe.digest)
        return self._pool


@contextmanager
def _quiet_single_threaded_children() -> Iterator[None]:
    """Processes started inside have one thread for NumPy each, there are as many of them as cores; and Ctrl-C, which a terminal sends to
    all of them, is for the parent alone to answer."""
    unset = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for name in unset:
            del os.environ[name]


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_local(place: str, workers: int | None) -> Engine:
    """``local`` takes no place. Raises EdgesimError."""
    if place:
        raise EdgesimError(f"engine 'local:{place}': 'local' takes nothing behind it; the number of processes is --workers")
    return LocalEngine(workers)
