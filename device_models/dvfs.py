"""Operating points of a DVFS domain as arrays, and the look-ups that governors and throttling need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.spec import DvfsDomain


@dataclass(frozen=True)
class OperatingTable:
    """``frequency_hz`` and ``voltage_v`` ``[points]``, ascending; NaN where the voltage is not published."""

    frequency_hz: np.ndarray
    voltage_v: np.ndarray

    @classmethod
    def of(cls, domain: DvfsDomain) -> OperatingTable:
        points = domain.operating_points
        return cls(
            frequency_hz=np.array([float(point.frequency_hz) for point in points]),
            voltage_v=np.array([np.nan if point.voltage_v is None else float(point.voltage_v) for point in points]),
        )

    def __len__(self) -> int:
        return len(self.frequency_hz)

    def voltage(self, index: int) -> float | None:
        """Volts of a point, None where unpublished."""
        volts = float(self.voltage_v[index])
        return None if np.isnan(volts) else volts

    @property
    def highest_voltage(self) -> float | None:
        return self.voltage(len(self) - 1)

    def at_least(self, frequency_hz: float, cap: int | None = None) -> int:
        """Index of the lowest point that is not below ``frequency_hz``, and not above the index ``cap``."""
        index = int(np.searchsorted(self.frequency_hz, frequency_hz * (1 - 1e-12)))
        return min(index, len(self) - 1 if cap is None else self.clamp(cap))

    def at_most(self, frequency_hz: float) -> int:
        """Index of the highest point that is not above ``frequency_hz``; the lowest point if all are."""
        return max(int(np.searchsorted(self.frequency_hz, frequency_hz * (1 + 1e-12), side="right")) - 1, 0)

    def clamp(self, index: int) -> int:
        """The nearest valid index."""
        return min(max(index, 0), len(self) - 1)

    def cap(self, cooling_state: int) -> int:
        """Highest allowed index in a cooling state: state 0 allows all, each further state takes one point away."""
        if cooling_state < 0:
            raise ValueError(f"a cooling state is not negative, got {cooling_state}")
        return self.clamp(len(self) - 1 - cooling_state)
