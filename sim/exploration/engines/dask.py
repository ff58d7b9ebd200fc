"""``dask:ADDRESS``: a Dask distributed cluster that somebody has started. It replaces workers itself and runs their tasks again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import suppress
from importlib import import_module
from typing import Any

from sim.errors import EdgesimError
from sim.exploration.engines.engine import Engine, Lane, Recipe
from sim.exploration.engines.worker import BatchDone, evaluate_sent
from sim.exploration.point import Point

ANSWER_S = 10.0  # a cluster that has not answered by then is not there
_WITHOUT_WORKERS_S = 60.0  # a cluster may be growing, or its last worker be replaced
_LOOK_AGAIN_S = 2.0
_STRANDED_S = 10.0  # without anything under way in the cluster
_RESUME = "what is finished is kept; --resume goes on"


class DaskEngine(Engine):
    """A connection to a cluster. Points go out a good quarter of a second at a time, because a task costs the scheduler milliseconds."""

    batch_s = 0.25

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._lane = DaskLane(client)
        self._last_worker_s = time.monotonic()

    def lanes(self) -> Sequence[DaskLane]:
        return [self._lane]

    def check(self) -> None:
        if self._client.status != "running":
            raise EdgesimError(f"the Dask scheduler at {self._address} has gone; {_RESUME}")
        now_s = time.monotonic()
        self._lane.give_up_stranded(now_s)
        if self._lane.workers():
            self._last_worker_s = now_s
        elif now_s - self._last_worker_s > _WITHOUT_WORKERS_S:
            raise EdgesimError(f"the Dask scheduler at {self._address} has had no worker for {_WITHOUT_WORKERS_S:.0f} s; {_RESUME}")

    def close(self, at_once: bool = False) -> None:
        self._lane.executor.shutdown(wait=not at_once and self._client.status == "running")
        self._client.close(timeout=2)


class LostResult(Exception):
    """A batch has been run, and its result has gone with the worker that held it."""


class DaskLane(Lane):
    """The whole cluster, which shares out the batches itself."""

    exact = False  # a worker that dies takes the batches waiting on it along

    def __init__(self, client: Any) -> None:
        self._client = client
        # pure=False: a batch that comes again is to be run again
        self.executor: Executor = client.get_executor(pure=False)
        self._payloads: dict[str, Any] = {}  # by digest; a task, which the cluster repeats where the worker that held its result has died
        self._workers, self._looked_s = 0, float("-inf")
        self._under_way: set[Future[BatchDone]] = set()
        self._stranded_since_s: float | None = None

    def workers(self) -> int:
        """Worker processes the cluster has now, or had a moment ago."""
        now_s = time.monotonic()
        if now_s - self._looked_s > _LOOK_AGAIN_S:
            try:
                self._workers = len(self._client.nthreads())
            except (OSError, ValueError, RuntimeError, TimeoutError):  # the connection is closed or closing
                self._workers = 0
            self._looked_s = now_s
        return self._workers

    def width(self) -> int:
        return max(self.workers(), 1)

    def submit(self, recipe: Recipe, points: Sequence[Point], limit_s: float) -> Future[BatchDone]:
        if recipe.digest not in self._payloads:
            self._payloads[recipe.digest] = self._client.submit(bytes, recipe.payload, pure=False)
        future = self.executor.submit(evaluate_sent, recipe.digest, self._payloads[recipe.digest], tuple(points), limit_s)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def give_up_stranded(self, now_s: float) -> None:
        """A result that is lost while it is being fetched, because its worker dies then, never arrives: its batch is to be run again."""
        is_busy = any(state.status in ("pending", "lost") for state in list(self._client.futures.values()))
        if is_busy or not self._under_way:
            self._stranded_since_s = None
            return
        self._stranded_since_s = now_s if self._stranded_since_s is None else self._stranded_since_s
        if now_s - self._stranded_since_s < _STRANDED_S:
            return
        for future in list(self._under_way):
            with suppress(InvalidStateError):  # it has come after all
                future.set_exception(LostResult())

    def lost(self, error: BaseException) -> int | None:
        from distributed.scheduler import KilledWorker

        if isinstance(error, CancelledError):
            raise EdgesimError(f"the Dask scheduler has dropped its work: it or the connection to it has gone; {_RESUME}") from None
        # the executor takes a result for an error where the worker that held it dies in the moment between
        if isinstance(error, LostResult) or (isinstance(error, TypeError) and BatchDone.__name__ in str(error)):
            return 0
        return error.allowed_failures + 1 if isinstance(error, KilledWorker) else None


def open_dask(place: str, workers: int | None) -> Engine:
    """Connect, and see that there are workers that know this version of edgesim. Raises EdgesimError."""
    if not place:
        raise EdgesimError("engine 'dask': the scheduler's address is missing, for example dask:tcp://127.0.0.1:8786")
    if workers is not None:
        raise EdgesimError("the workers of a Dask cluster are started with the cluster: leave --workers out")
    client = _connected(place)
    try:
        client.wait_for_workers(1, timeout=ANSWER_S)
        versions = client.run(_version)
    except TimeoutError:
        client.close(timeout=2)
        raise EdgesimError(f"the Dask scheduler at {place} has no workers; start some: dask worker {place}") from None
    except (ImportError, AttributeError) as error:
        client.close(timeout=2)
        raise EdgesimError(f"the workers of the Dask cluster at {place} cannot import edgesim ({error}): install the same version there") from None
    others = sorted({version for version in versions.values() if version != _version()})
    if others:
        client.close(timeout=2)
        raise EdgesimError(f"this is edgesim {_version()}, but workers of the Dask cluster at {place} have {', '.join(others)}: install the same version there")
    return DaskEngine(client, place)


def _connected(place: str) -> Any:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise EdgesimError("the engine 'dask' needs the distributed package: pip install 'edgesim[distributed]'") from error
    _check_address(place)
    for name in ("distributed.client", "distributed.comm", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it reports by exceptions what it also writes
    made: Future[Any] = Future()

    def make() -> None:
        try:
            made.set_result(distributed.Client(place, timeout=ANSWER_S, set_as_default=False))
        except BaseException as error:
            made.set_exception(error)

    # in a thread that can be left behind: where something takes the connection and says nothing, no time-out of the client ends its waiting
    threading.Thread(target=make, daemon=True, name="connect to Dask").start()
    try:
        return made.result(ANSWER_S + 1)
    except (OSError, ValueError) as error:  # time-outs are OSErrors
        raise EdgesimError(f"no Dask scheduler answers at {place} (waited up to {ANSWER_S:.0f} s): {_reason(error)}") from None


def _check_address(place: str) -> None:
    """Before a client is made: one that was given text it cannot follow takes 20 s to go away."""
    addressing, registry = import_module("distributed.comm.addressing"), import_module("distributed.comm.registry")
    try:
        scheme, rest = addressing.parse_address(place)
        registry.get_backend(scheme)
        if scheme in ("tcp", "tls"):
            addressing.parse_host_port(rest)
    except (ValueError, TypeError) as error:
        raise EdgesimError(f"{place!r} is not the address of a Dask scheduler ({_reason(error)}); for example dask:tcp://127.0.0.1:8786") from None


def _reason(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else "it is connected, but there is no answer"


def _version() -> str:
    """Of edgesim where this runs, with Python's: pickles go from one to the other."""
    import sys
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("edgesim")
    except PackageNotFoundError:
        own = "(not installed)"
    return f"{own} on Python {sys.version_info.major}.{sys.version_info.minor}"
