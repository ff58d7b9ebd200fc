"""Linux cpufreq/devfreq ``userspace``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sim.policies.governors.governor import GOVERNORS, DomainView, Governor
from sim.policies.tunables import Tunable


@GOVERNORS.register("userspace")
class Userspace(Governor):
    """Stays at the ``frequency`` it was given (the lowest operating point not below it); without one at the highest."""

    tunables: ClassVar[Mapping[str, Tunable]] = {"frequency": Tunable("frequency", "to stay at", 1.0, 1e13)}
    frequency: float | None = None

    def decide(self, view: DomainView) -> float:
        return view.frequencies_hz[view.index] if self.frequency is None else self.frequency
