"""What runs in a worker process. Imports no NumPy: the number of its threads is settled before that is loaded."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point

Evaluate = Callable[[Point], Outcome]
_KEPT = 4  # recipes; a search after a sweep in the same workers brings one more
_payloads: dict[str, bytes] = {}
_evaluators: dict[str, Evaluate] = {}
_one_at_a_time = threading.RLock()  # a Dask worker runs tasks in several threads; what evaluators keep is not made for that


@dataclass(frozen=True)
class BatchDone:
    """``outcomes`` of the first points of a batch, all of them where time allowed; ``busy_s``: wall time they took in the worker."""

    outcomes: tuple[Outcome, ...]
    busy_s: float


def end_with_parent() -> None:
    """Leave nothing behind where the parent is killed: a worker blocked on its queue would never hear of it."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True, name="end with parent").start()


def receive(digest: str, payload: bytes) -> None:
    """Keep a recipe; it is unpacked when the first batch needs it, so that a fault in it is reported with that batch."""
    with _one_at_a_time:
        while len(_payloads) >= _KEPT:
            oldest = next(iter(_payloads))
            del _payloads[oldest]
            _evaluators.pop(oldest, None)
        _payloads[digest] = payload


def evaluate_batch(digest: str, points: Sequence[Point], limit_s: float) -> BatchDone:
    """Evaluate points in their order by a recipe that is kept here; no further one is begun after ``limit_s`` seconds."""
    with _one_at_a_time:
        if digest not in _evaluators:
            _evaluators[digest] = pickle.loads(_payloads[digest])
        evaluate = _evaluators[digest]
        outcomes: list[Outcome] = []
        began = time.perf_counter()
        for point in points:
            outcomes.append(evaluated(evaluate, point))
            if time.perf_counter() - began > limit_s:
                break
        return BatchDone(tuple(outcomes), time.perf_counter() - began)


def evaluate_sent(digest: str, payload: bytes, points: Sequence[Point], limit_s: float) -> BatchDone:
    """The same where the recipe comes with the batch, because nobody knows which worker will take it."""
    if digest not in _payloads:
        receive(digest, payload)
    return evaluate_batch(digest, points, limit_s)


def evaluated(evaluate: Evaluate, point: Point) -> Outcome:
    """A fault of edgesim in one point must not end the others."""
    began_s = time.process_time()
    try:
        return evaluate(point)
    except (Exception, SystemExit) as error:
        return failed(point, f"fault of edgesim: {type(error).__name__}: {error}{_place(error)}", time.process_time() - began_s)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"


def failed(point: Point, why: str, cpu_s: float = 0.0) -> Outcome:
    """The outcome of a point that has none."""
    return Outcome(point=point, key="", canonical="", metrics={}, problems=(why,), status="failed", cpu_s=cpu_s)
