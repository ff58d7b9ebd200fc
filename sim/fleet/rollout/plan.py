"""What a roll-out is made of, as numbers and arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.fleet.federated.population import ClientRadio

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RolloutPlan:
    """``stages``: (share of the devices, seconds until the next stage). Shares in ``corrupt``, ``install_fails``, ``crash`` are chances of each try.

    ``tolerated``: share of troubled devices among the updated at which the update is taken back, once ``least_reports`` are updated.
    """

    duration_s: float
    step_s: float
    update_bytes: float
    stages: tuple[tuple[float, float], ...]
    wifi_only: bool = False
    resume: bool = True
    corrupt: float = 0.0
    install_fails: float = 0.0
    attempts: int = 3
    crash: float = 0.0
    tolerated: float = 1.0
    least_reports: int = 20
    install_s: float = 0.0
    install_w: float = 0.0
    server_bytes_per_s: float = math.inf
    radio: ClientRadio = field(default_factory=ClientRadio)


@dataclass(frozen=True)
class UpdatedFleet:
    """Arrays ``[devices]``: rate of the own link, and when the device can be reached: every ``period_s`` for ``session_s``, from a phase of its own.

    ``wifi``: share of the sessions that are on Wi-Fi, by chance and anew in each session.
    """

    down_bytes_per_s: Values
    period_s: Values
    session_s: Values
    phase_s: Values
    wifi: float = 1.0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.down_bytes_per_s)


@dataclass(frozen=True)
class RolloutResult:
    """``done_s``: when each device was updated, infinity if it never was, ``[devices]``; ``received_bytes``, ``energy_j`` likewise.

    ``times_s``, ``sent_bytes_per_s``: the server's rate in each step. ``began_s``: of each stage that was begun. ``taken_back_s``: None if the
    update was not. Counts: tries that were damaged, installations that failed, downloads cut off, devices that gave up, and troubled ones.
    """

    plan: RolloutPlan
    done_s: Values
    received_bytes: Values
    energy_j: Values
    times_s: Values
    sent_bytes_per_s: Values
    began_s: tuple[float, ...]
    taken_back_s: float | None
    corrupt_count: int
    failed_installs_count: int
    cut_off_count: int
    gave_up_count: int
    troubled_count: int
    wasted_bytes: float
    end_s: float
