"""What a selection policy sees and decides when a request comes to a stage that several models could serve."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sim.registry import Registry


class SelectionView(Protocol):
    """The device and the request at this moment, read-only. Models count from 0, the favourite first."""

    @property
    def now_s(self) -> float: ...

    @property
    def in_system(self) -> int:
        """Requests of this workload that wait or run, this one included."""

    @property
    def temperature_c(self) -> float:
        """Of the policy's node, or of the hottest."""

    @property
    def charge(self) -> float:
        """State of charge, 0..1."""

    @property
    def slack_s(self) -> float:
        """Time to the deadline, less than 0 behind it; infinite without one."""

    def predicted_s(self, model: int) -> float:
        """From now to the end of the request, with this model, everything that waits before it at its units, and the stages that follow."""

    def waiting(self, model: int) -> int:
        """Segments that wait or run on the units of a model."""

    def draw(self) -> float:
        """A random number 0..1 of this request."""


@dataclass(frozen=True)
class SelectionOptions:
    """What a scenario says, in SI units. ``models``: how many there are."""

    models: int
    thresholds: tuple[float, ...] = ()
    hysteresis: float = 0.0
    margin_s: float = 0.0
    weights: tuple[float, ...] = ()


class SelectionPolicy(ABC):
    """Chooses one of ``options.models`` models; one object serves one stage, and may remember.

    ``uses``: which options it reads. ``dimension``: of its thresholds, which ascend; or descend with ``descending``. ``sees``: parts of
    the device or workload it needs, of ``battery`` and ``deadline``.
    """

    uses: ClassVar[frozenset[str]] = frozenset()
    dimension: ClassVar[str] = ""
    descending: ClassVar[bool] = False
    sees: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: SelectionOptions) -> None:
        self.options = options

    @abstractmethod
    def choose(self, view: SelectionView) -> int:
        """Position of the model that serves this request."""


class Staircase(SelectionPolicy):
    """One threshold between each model and the next. Beyond a threshold the choice passes on; back it comes only ``hysteresis`` before it."""

    uses = frozenset({"thresholds", "hysteresis"})

    def __init__(self, options: SelectionOptions) -> None:
        super().__init__(options)
        self._at = 0
        self._sign = -1.0 if self.descending else 1.0
        self._down: Sequence[float] = [self._sign * threshold for threshold in options.thresholds]
        self._up = [threshold - options.hysteresis for threshold in self._down]

    @abstractmethod
    def reading(self, view: SelectionView) -> float:
        """What is compared with the thresholds."""

    def choose(self, view: SelectionView) -> int:
        value, at = self._sign * self.reading(view), self._at
        while at < len(self._down) and value >= self._down[at]:
            at += 1
        while at > 0 and value < self._up[at - 1]:
            at -= 1
        self._at = at
        return at


SELECTION: Registry[type[SelectionPolicy]] = Registry("selection policy")
