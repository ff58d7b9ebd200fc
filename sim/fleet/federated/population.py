"""All clients as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_models.radio import RadioSpec
from sim.fleet.federated.sessions import ChargingWindow

Halves = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ClientRadio:
    """A radio's figures as they are needed for whole transfers; all 0 without one."""

    promotion_s: float = 0.0
    promotion_j: float = 0.0
    send_w: float = 0.0
    receive_w: float = 0.0
    send_j_per_byte: float = 0.0
    receive_j_per_byte: float = 0.0
    tail_s: float = 0.0
    tail_j: float = 0.0

    @classmethod
    def of(cls, spec: RadioSpec | None) -> ClientRadio:
        """Powers above the idle radio's, whose energy is not the study's."""
        if spec is None:
            return cls()
        idle_w = float(spec.idle_w)
        return cls(
            float(spec.promotion_s),
            float(spec.promotion_s) * max(float(spec.promotion_w) - idle_w, 0.0),
            max(float(spec.send_w) - idle_w, 0.0),
            max(float(spec.receive_w) - idle_w, 0.0),
            float(spec.send_j_per_byte),
            float(spec.receive_j_per_byte),
            spec.tail_s,
            sum(float(step.time_s) * max(float(step.power_w) - idle_w, 0.0) for step in spec.tail),
        )


@dataclass(frozen=True)
class Group:
    """One part of the population: what its clients have in common. ``battery_j``: infinity on mains power.

    ``code_s``, ``code_j``: what packing, masking, clipping and the like take in every round on such a device.
    ``step_s``, ``step_j``: what the rule of aggregation adds to each step.
    """

    name: str
    device: str
    radio: ClientRadio
    battery_j: float
    code_s: float = 0.0
    code_j: float = 0.0
    step_s: float = 0.0
    step_j: float = 0.0


@dataclass
class Population:
    """Arrays ``[clients]``. ``kind``: position of the client's group; ``factor``: of its computing time; rates in bytes per second.

    ``windows[clients, 3]``: period, length and phase of its sessions, s, side by side because they are always looked up together.
    ``charge_phase_s``: when it charges, ``charge_j``: its battery at ``charged_s``; None without batteries.
    ``excess_c``, ``warmed_s``: how warm it was when it last trained. ``loss_level``: of its data.
    """

    groups: tuple[Group, ...]
    kind: NDArray[np.int8]
    factor: Halves
    up_bytes_per_s: Halves
    down_bytes_per_s: Halves
    samples: Halves
    steps: Halves
    windows: Halves
    excess_c: Halves
    warmed_s: NDArray[np.float64]
    loss_level: Halves
    charging: ChargingWindow | None = None
    charge_phase_s: Halves | None = None
    charge_j: Halves | None = None
    charged_s: NDArray[np.float64] | None = None
    least_charge: float = 0.0
    only_charging: bool = False
    failures_s: float = np.inf

    def __post_init__(self) -> None:
        # a fourth number makes each row one of 16 bytes, which is gathered several times as fast as three of 4
        rows = np.zeros((len(self.windows), 4), dtype=np.float32)
        rows[:, :3] = self.windows
        self.windows, self._rows = rows[:, :3], rows.view(np.complex128).ravel()

    def sessions(self, clients: NDArray[np.int64]) -> tuple[Values, Values, Values]:
        """Period, length and phase of clients' sessions. In double precision: moments of a long run do not fit single."""
        rows = self._rows.take(clients).view(np.float32).reshape(-1, 4)
        period_s, length_s, phase_s = (rows[:, column].astype(np.float64) for column in range(3))
        return period_s, length_s, phase_s

    @property
    def count(self) -> int:
        """How many clients there are."""
        return len(self.kind)
