"""``mpi``: the processes of an MPI job, through mpi4py.futures; for clusters that have nothing else.

Start it with ``mpiexec -n 17 python -m mpi4py.futures -m sim.cli.main sweep ... --engine mpi``: one process leads, the other 16 work.
MPI ends the whole job when one of its processes dies; what is finished is in the results file, and ``--resume`` goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future

from sim.errors import EdgesimError
from sim.exploration.engines.engine import Engine, Lane, Recipe
from sim.exploration.engines.worker import BatchDone, evaluate_sent
from sim.exploration.point import Point


class MpiEngine(Engine):
    """All workers of the job behind one executor."""

    batch_s = 0.2

    def __init__(self, executor: Executor, workers: int) -> None:
        self._executor = executor
        self._lane = MpiLane(executor, workers)

    def lanes(self) -> Sequence[MpiLane]:
        return [self._lane]

    def close(self, at_once: bool = False) -> None:
        self._executor.shutdown(wait=True, cancel_futures=at_once)  # batches are short, and MPI has no means to end one


class MpiLane(Lane):
    """The recipe goes with each batch: kilobytes beside tenths of a second of work."""

    exact = False

    def __init__(self, executor: Executor, workers: int) -> None:
        self._executor, self._workers = executor, workers

    def width(self) -> int:
        return self._workers

    def submit(self, recipe: Recipe, points: Sequence[Point], limit_s: float) -> Future[BatchDone]:
        return self._executor.submit(evaluate_sent, recipe.digest, recipe.payload, tuple(points), limit_s)

    def lost(self, error: BaseException) -> int | None:
        return None  # the whole job would have ended


def open_mpi(place: str, workers: int | None) -> Engine:
    """Raises EdgesimError where mpi4py is missing or the job has no process to spare."""
    if place:
        raise EdgesimError(f"engine 'mpi:{place}': 'mpi' takes nothing behind it; mpiexec says where the processes are")
    try:
        from mpi4py.futures import MPIPoolExecutor
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py without an MPI library
        raise EdgesimError(f"the engine 'mpi' needs mpi4py and an MPI library ({_first_line(error)}): pip install mpi4py") from None
    executor = MPIPoolExecutor(max_workers=workers, main=False)
    executor.bootup()
    found = executor.num_workers
    if found < 1:
        executor.shutdown(wait=False)
        raise EdgesimError("this MPI job has no process that could work: mpiexec -n 5 python -m mpi4py.futures -m sim.cli.main ... --engine mpi")
    return MpiEngine(executor, found)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
