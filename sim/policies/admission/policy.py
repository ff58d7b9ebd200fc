"""What an admission policy sees and decides: whether a request may join a queue."""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import Protocol

from sim.policies.tunables import Tunables
from sim.registry import Registry


class Decision(Enum):
    """What becomes of a request that has come."""

    ADMIT = "admit"
    REFUSE = "refuse"
    DISPLACE = "displace"  # it is let in, and the least urgent request that waits is given up for it


class Arrival(Protocol):
    """A request that has come, and the queue it wants to join, read-only."""

    @property
    def now_s(self) -> float:
        """Now."""

    @property
    def deadline_s(self) -> float:
        """When it is due, absolute; infinity without a deadline."""

    @property
    def priority(self) -> int:
        """Of its workload; higher is more urgent."""

    @property
    def waiting(self) -> int:
        """Requests in the queue."""

    @property
    def least_priority(self) -> int:
        """The lowest priority among those in the queue."""

    @property
    def answered_s(self) -> float:
        """When it would be through with all its stages, as the queue, what runs and the lengths of programs predict."""


class AdmissionPolicy(Tunables):
    """Asked once for every request. One object serves one queue, so that it may remember what it let in."""

    @abstractmethod
    def decide(self, arrival: Arrival) -> Decision:
        """Whether the request may come in."""

    def open_hz(self, has_deadline: bool) -> float:
        """Requests a second that it lets in at the most however many wait already; 0 where it turns them away then."""
        return 0.0


ADMISSION: Registry[type[AdmissionPolicy]] = Registry("admission policy")
