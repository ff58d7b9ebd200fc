"""What an engine is: workers somewhere, each reached through an executor of the standard library, and what to do when one dies."""

from __future__ import annotations

import hashlib
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType

from sim.exploration.engines.worker import BatchDone
from sim.exploration.outcome import Outcome
from sim.exploration.point import Point


@dataclass(frozen=True)
class Recipe:
    """How a point is evaluated, pickled once; a worker keeps it by its digest."""

    digest: str
    payload: bytes

    @staticmethod
    def of(evaluate: Callable[[Point], Outcome]) -> Recipe:
        payload = pickle.dumps(evaluate, protocol=pickle.HIGHEST_PROTOCOL)
        return Recipe(hashlib.sha256(payload).hexdigest(), payload)


class Lane(ABC):
    """One executor: a single worker process, or a whole cluster that shares out its work itself.

    ``exact``: what :meth:`lost` blames was certainly running on the worker that died. Where it is False, a point is judged only
    when nothing else is under way.
    """

    exact: bool

    @abstractmethod
    def width(self) -> int:
        """How many batches it works on at the same time."""

    @abstractmethod
    def submit(self, recipe: Recipe, points: Sequence[Point], limit_s: float) -> Future[BatchDone]:
        """Hand a batch in; batches handed in to a lane of width 1 run in this order. Starts the worker where none is running."""

    @abstractmethod
    def lost(self, error: BaseException) -> int | None:
        """None: ``error`` does not come from a worker that died. Else how many workers the oldest batch under way has taken with it, and the
        lane takes batches again. Raises EdgesimError where no worker can be had any more."""


class Engine(ABC):
    """Workers for points, started on first use; ``with`` ends them."""

    batch_s: float  # seconds of work below which handing a batch out costs too much

    @abstractmethod
    def lanes(self) -> Sequence[Lane]:
        """Its executors, the same ones each time."""

    def check(self) -> None:  # noqa: B027 (most engines have nothing to look after)
        """Called about once a second while nothing finishes. Raises EdgesimError where nothing ever will."""

    @abstractmethod
    def close(self, at_once: bool = False) -> None:
        """End the workers; ``at_once``: in the middle of their work."""

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(at_once=error is not None)
