"""What every battery law can say, and the law of a battery's specification.

A law knows how charge leaves and enters a battery whose power is constant between changes; the state it hands round is a tuple
of charges in coulombs. Powers are watts at the terminals, negative while the battery is charged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_models.spec import BatterySpec

State = tuple[float, ...]
YEAR_S = 31557600.0
EMPTY, CUT_OFF = "empty", "cut-off"


@dataclass(frozen=True)
class Flow:
    """What powers ``[n]`` in turn did: the state after them, coulombs that left and entered at the terminals.

    ``charges_c``, ``volts``: all charge left, and the voltage at the terminals, at the end of each ``[n]``.
    """

    state: State
    out_c: float
    in_c: float
    charges_c: NDArray[np.float64]
    volts: NDArray[np.float64]


class BatteryLaw(ABC):
    """Charge, voltage and end of a battery."""

    def __init__(self, spec: BatterySpec) -> None:
        self.spec = spec
        self.capacity_c = float(spec.capacity_c)
        self.resistance_ohm = float(spec.resistance_ohm)
        self.leak_a = self.capacity_c * float(spec.self_discharge) / YEAR_S

    @abstractmethod
    def charged(self, share: float) -> State:
        """The rested battery with this share of its capacity, 0..1."""

    @abstractmethod
    def state_of_charge(self, state: State) -> float:
        """All charge left over capacity, 0..1."""

    @abstractmethod
    def terminal_v(self, state: State, power_w: float) -> float:
        """Voltage under a load; of a load the battery cannot carry, at the largest it can."""

    @abstractmethod
    def after(self, state: State, seconds: NDArray[np.float64], powers_w: NDArray[np.float64]) -> Flow:
        """What follows from powers ``[n]``, each in force for its ``seconds`` ``[n]``, in turn. Past its end the battery stays as it is."""

    @abstractmethod
    def end_after_s(self, state: State, power_w: float) -> float:
        """Seconds until it is empty or its voltage falls to the cut-off at a constant power; infinite if it never is."""

    @abstractmethod
    def life_s(self, state: State, seconds: NDArray[np.float64], powers_w: NDArray[np.float64]) -> float:
        """Seconds until a regime that repeats ends it: powers ``[n]`` in the shares of their ``seconds`` ``[n]``, none negative.

        Exact for a period that is short against the life: every power sees every state of charge, and the first that the battery
        cannot carry ends it.
        """

    @abstractmethod
    def energy_j(self, state: State) -> float:
        """Energy left at open circuit, J: what a load without losses could take."""

    def end_reason(self, state: State) -> str:
        """Why a battery that has ended did: :data:`EMPTY` or :data:`CUT_OFF`."""
        return EMPTY if self.state_of_charge(state) <= 1e-9 else CUT_OFF


def battery_law(spec: BatterySpec) -> BatteryLaw:
    """The law of a specification: two wells of charge where it has them, else the open-circuit voltage by state of charge."""
    from device_models.battery_kinetic import KineticLaw
    from device_models.battery_voltage import OpenCircuitLaw

    return OpenCircuitLaw(spec) if spec.kinetic is None else KineticLaw(spec)
