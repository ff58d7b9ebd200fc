"""MLPerf Tiny, closed division: energy of one inference at the supply of the microcontroller or accelerator.

Compared is the energy the simulator's own run draws between requests of a closed loop: the whole chip while it infers, leakage and
memory included, as the energy monitor measures it; nothing of the board. Latency is predicted as in :mod:`tiny_latency`, power by
:mod:`sim.fidelity.tiny_power`.
"""

from __future__ import annotations

from device_models.spec import DeviceSpec
from sim.fidelity.case import Case, Regime
from sim.fidelity.tiny_power import energies, powered_device
from sim.fidelity.tiny_systems import by_line, case


class TinyEnergy:
    """One inference back to back with the next."""

    name = "tiny_energy"
    title = "MLPerf Tiny v0.5 to v1.3, closed division, energy"
    regimes: tuple[Regime, ...] = ("in-sample", "leave-family-out", "k-shot")  # no chip tells the power of another: 56 to 620 uW/MHz

    def cases(self) -> list[Case]:
        return [case(self.name, "energy_j", row, float(row.energy_j or 0.0)) for row in energies()]

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        known = by_line()
        return [powered_device(known[each.line], regime, shots) for each in cases]


DATASET = TinyEnergy()
