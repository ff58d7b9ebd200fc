"""MLPerf Tiny, closed division: latency of four networks on microcontrollers and tiny accelerators.

``leave-family-out`` leaves out a benchmark on every system, structure of the law included; ``zero-shot`` leaves out every system with
the same chip; ``k-shot`` shows up to ``shots`` other benchmarks of the system on top. See :mod:`sim.fidelity.tiny_regimes`.
"""

from __future__ import annotations

from device_models.spec import DeviceSpec
from sim.fidelity.case import REGIMES, Case, Regime
from sim.fidelity.tiny_regimes import device_for
from sim.fidelity.tiny_systems import by_line, case, rows


class TinyLatency:
    """One inference at the clock that was submitted, inputs and outputs in the core's memory."""

    name = "tiny_latency"
    title = "MLPerf Tiny v0.5 to v1.3, closed division, latency"
    regimes: tuple[Regime, ...] = REGIMES

    def cases(self) -> list[Case]:
        return [case(self.name, "latency_s", row, row.latency_s) for row in rows()]

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        known = by_line()
        return [device_for(known[each.line], regime, shots) for each in cases]


DATASET = TinyLatency()
