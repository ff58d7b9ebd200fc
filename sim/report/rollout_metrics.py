"""Every number of a roll-out, with its unit in its name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.fleet.rollout.plan import RolloutResult
from sim.scenario.rollout.model import Rollout

_CURVE = 100
TARGETS = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class RolloutMetrics:
    """``time_to_50_s`` ...: until such a share of all devices was updated; None: never. ``curve_ratio``: updated at even moments of the time simulated.

    ``first_download_s``: of the update over the median link alone. ``wasted_ratio``: of what was sent, in downloads that were damaged or begun anew.
    """

    simulated_s: float
    devices_count: int
    update_bytes: float
    updated_ratio: float
    time_to_50_s: float | None
    time_to_95_s: float | None
    time_to_99_s: float | None
    curve_ratio: tuple[float, ...]
    stages_began_s: tuple[float, ...]
    taken_back_s: float | None
    troubled_count: int
    corrupt_count: int
    failed_installs_count: int
    cut_off_count: int
    gave_up_count: int
    traffic_bytes: float
    wasted_ratio: float
    server_peak_bytes_per_s: float
    server_mean_bytes_per_s: float
    server_j: float | None
    cost_currency: float
    all_devices_j: float
    device_mean_j: float


def measure_rollout(result: RolloutResult, rollout: Rollout) -> RolloutMetrics:
    """Metrics of a roll-out. Pure."""
    done_s, end_s = np.sort(result.done_s), result.end_s
    moments = np.linspace(0.0, end_s, _CURVE)
    traffic = float(result.received_bytes.sum())
    times = [_until(done_s, share, end_s) for share in TARGETS]
    joules_per_byte = rollout.server.joules_per_byte
    steps = np.diff([*result.times_s, end_s]) if len(result.times_s) else np.zeros(0)
    return RolloutMetrics(
        simulated_s=end_s,
        devices_count=len(done_s),
        update_bytes=result.plan.update_bytes,
        updated_ratio=float((done_s <= end_s).mean()),
        time_to_50_s=times[0],
        time_to_95_s=times[1],
        time_to_99_s=times[2],
        curve_ratio=tuple((np.searchsorted(done_s, moments, side="right") / len(done_s)).tolist()),
        stages_began_s=result.began_s,
        taken_back_s=result.taken_back_s,
        troubled_count=result.troubled_count,
        corrupt_count=result.corrupt_count,
        failed_installs_count=result.failed_installs_count,
        cut_off_count=result.cut_off_count,
        gave_up_count=result.gave_up_count,
        traffic_bytes=traffic,
        wasted_ratio=result.wasted_bytes / traffic if traffic else 0.0,
        server_peak_bytes_per_s=float(result.sent_bytes_per_s.max()) if len(steps) else 0.0,
        server_mean_bytes_per_s=traffic / end_s,
        server_j=None if joules_per_byte is None else traffic * float(joules_per_byte),
        cost_currency=traffic / 1e9 * float(rollout.server.price_per_gb),
        all_devices_j=float(result.energy_j.sum()),
        device_mean_j=float(result.energy_j.mean()),
    )


def _until(done_s: np.ndarray, share: float, end_s: float) -> float | None:
    """When so many were updated: the least number that is the share or more."""
    moment = float(done_s[min(int(np.ceil(share * len(done_s))), len(done_s)) - 1])
    return moment if moment <= end_s else None
