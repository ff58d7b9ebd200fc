"""An ideal battery: charge at its nominal voltage, no resistance, no ageing."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.spec import BatterySpec


@dataclass(frozen=True)
class Battery:
    """State of a battery: the charge left, coulombs."""

    spec: BatterySpec
    charge_c: float

    @classmethod
    def full(cls, spec: BatterySpec) -> Battery:
        return cls(spec, float(spec.capacity_c))

    @property
    def state_of_charge(self) -> float:
        """Charge left over capacity, 0..1."""
        return self.charge_c / float(self.spec.capacity_c)

    @property
    def energy_j(self) -> float:
        """Energy left, J."""
        return self.charge_c * float(self.spec.nominal_v)

    def drained(self, energy_j: float) -> Battery:
        """The battery after delivering ``energy_j``; empty is the end of it. Raises ValueError for negative energy."""
        if energy_j < 0:
            raise ValueError(f"energy drawn must not be negative, got {energy_j:g} J")
        return Battery(self.spec, max(self.charge_c - energy_j / float(self.spec.nominal_v), 0.0))

    def life_s(self, power_w: float) -> float:
        """Seconds until it is empty at a constant power; infinite at none."""
        return self.energy_j / power_w if power_w > 0 else float("inf")
