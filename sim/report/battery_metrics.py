"""The battery during a run, and how long it lasts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.trace import Trace


@dataclass(frozen=True)
class BatteryMetrics:
    """``life_s``: from the run's first state of charge on, without charging; ``left_s``: from the end of the run on.

    Both are extrapolated from the powers of the run after its warm-up, taken to repeat in the same shares; the life of a battery
    that ended in the run is what it was. None: for ever. ``ended``: why it ended the run (``empty``, ``cut-off``), or nothing.
    """

    start_ratio: float  # state of charge
    end_ratio: float
    lowest_v: float  # at the terminals, under load
    open_circuit_v: float  # at the end
    out_ah: float
    in_ah: float
    life_s: float | None
    left_s: float | None
    ended: str


def battery_metrics(trace: Trace) -> BatteryMetrics | None:
    """What the engine left in the trace's totals; None of a device without a battery."""
    found = trace.totals.get("battery")
    if found is None:
        return None
    return BatteryMetrics(
        start_ratio=found["initial"],
        end_ratio=found["final"],
        lowest_v=found["lowest_v"],
        open_circuit_v=found["open_circuit_v"],
        out_ah=found["out_c"] / 3600.0,
        in_ah=found["in_c"] / 3600.0,
        life_s=_finite(found["life_s"]),
        left_s=_finite(found["left_s"]),
        ended=found["ended"],
    )


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
