"""What an offloading policy sees and decides: which way a task takes, computed here, there, or divided between both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sim.policies.tunables import Tunables
from sim.registry import Registry


class OptionView(Protocol):
    """One way a task can take, with what is expected of it now. ``server`` is "" for the device alone; ``cut``: the operator after which the rest is sent."""

    server: str
    cut: str

    @property
    def latency_s(self) -> float:
        """Expected time until the answer: waiting, computing, transfers."""

    @property
    def energy_j(self) -> float:
        """Expected energy of the device: computing, radio with its tail, and waiting for the answer."""


class TaskView(Protocol):
    """A task at the moment it arrives."""

    @property
    def options(self) -> Sequence[OptionView]:
        """The ways it can take; the first is the device alone."""

    @property
    def deadline_s(self) -> float:
        """Seconds from its arrival; infinity without one."""

    @property
    def wait_s(self) -> float:
        """Until the device's processor is free."""

    @property
    def input_bytes(self) -> float:
        """Of the whole input."""

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Expected rate of sending, from the transfers before."""

    @property
    def charge_ratio(self) -> float:
        """State of charge of the device's battery; 1 without one."""


class OffloadingPolicy(Tunables):
    """Chooses for one kind of task on one group of devices; one object serves them all, in order of time.

    ``start`` is called once; ``learn`` with what became of a choice, for policies that do.
    """

    def start(self, rng: np.random.Generator) -> None:
        """A run begins; ``rng`` is the policy's own stream."""

    def choose(self, task: TaskView) -> int:
        """The position of the way to take among the options."""
        raise NotImplementedError

    def learn(self, option: int, latency_s: float, energy_j: float, in_time: bool) -> None:
        """A task that took this way was answered, or given up (latency infinite)."""


OFFLOADING: Registry[type[OffloadingPolicy]] = Registry("offloading policy")
