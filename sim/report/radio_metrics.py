"""What the radios did in a run and what it cost, state by state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from device_models.spec import RADIO
from sim.trace import Trace


@dataclass(frozen=True)
class RadioStateMetrics:
    """How long a radio was in a state, and its energy there."""

    time_s: float
    energy_j: float


@dataclass(frozen=True)
class RadioMetrics:
    """One radio over the whole run. ``states``: ``promotion``, ``send``, ``receive``, ``tail`` and ``idle``; they add up to ``energy_j``.

    Transfers and their bytes are of those that ended.
    """

    energy_j: float
    transfers_count: int
    sent_bytes: float
    received_bytes: float
    states: dict[str, RadioStateMetrics]

    def tail_ratio(self) -> float:
        """Share of the energy that the tail took."""
        return self.states["tail"].energy_j / self.energy_j if self.energy_j > 0 else 0.0


def radio_metrics(trace: Trace) -> dict[str, RadioMetrics]:
    """Of every radio, in the trace's order; as the engine integrated them."""
    return {name: _of(trace, name, trace.totals["radios"][name]) for name in trace.radios if name in trace.totals.get("radios", {})}


def _of(trace: Trace, name: str, found: Mapping[str, Any]) -> RadioMetrics:
    states = {state: RadioStateMetrics(float(found["seconds"][state]), float(joules)) for state, joules in found["joules"].items()}
    energy_j = float(trace.energy_j[RADIO + name])
    idle_s = trace.end_s - sum(state.time_s for state in states.values())
    states["idle"] = RadioStateMetrics(max(idle_s, 0.0), max(energy_j - sum(state.energy_j for state in states.values()), 0.0))
    return RadioMetrics(energy_j, int(found["transfers"]), float(found["sent_bytes"]), float(found["received_bytes"]), states)
