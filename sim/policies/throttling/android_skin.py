"""Android's skin-temperature throttling, as the thermal HAL of Pixel phones does it (thermal_info_config of the Pixel 6)."""

from __future__ import annotations

from collections.abc import Sequence

from device_models.thermal_spec import PowerControl
from sim.policies.throttling.allocation import divided
from sim.policies.throttling.policy import THROTTLING, ThermalGovernor, TripView, ZoneView


@THROTTLING.register("android_skin")
class AndroidSkin(ThermalGovernor):
    """Severities by skin temperature; each has fixed limits per domain and a power budget by PID, bounded by ceilings.

    The zone's trips are the thresholds of the severities LIGHT, MODERATE ... in degC, each left ``hysteresis`` below it. From the
    first on, ``limits`` of the present severity apply at once. The budget aims at the next trip with ``control`` above the present
    severity (the last one if there is none): ``P = sustainable_power + k err + I + k_d d(err)/dt``, ``err`` = its threshold less
    the temperature (K), ``k`` = k_po above the threshold and k_pu below it, ``I`` grown by ``k_i err`` per poll while ``err`` is
    below integral_cutoff, bounded by integral_max; within min_power and max_power (W). It is split by weights, surplus by
    head-room, and takes at most the ``ceilings`` of the present severity from each domain.
    """

    needs_power = True

    def __init__(self) -> None:
        self._severity = 0  # trips that are exceeded
        self._integral_w = 0.0
        self._before_k: float | None = None

    def decide(self, zone: ZoneView) -> Sequence[int]:
        self._severity = _severity(zone, self._severity)
        if not self._severity:
            self._integral_w, self._before_k = 0.0, None
            return [0] * len(zone.actors)
        now = zone.trips[self._severity - 1]
        states = [min(now.limits.get(actor.name, 0), actor.deepest) for actor in zone.actors]
        target = _target(zone, self._severity)
        if target is None or target.control is None:
            return states
        weights = [float(target.control.weights.get(actor.name, 0.0)) for actor in zone.actors]
        most_w = [actor.power_w[-1] if weight else 0.0 for actor, weight in zip(zone.actors, weights, strict=True)]
        granted = divided(self._budget_w(zone, target, target.control), weights, most_w)
        for position, (actor, weight, grant) in enumerate(zip(zone.actors, weights, granted, strict=True)):
            if weight:
                states[position] = max(states[position], min(actor.state_for(grant), now.ceilings.get(actor.name, actor.deepest)))
        return states

    def _budget_w(self, zone: ZoneView, target: TripView, control: PowerControl) -> float:
        error_k = target.temperature_c - zone.temperature_c
        gain = control.k_po_w_per_k if error_k < 0 else control.k_pu_w_per_k
        if error_k < float(control.integral_cutoff_k or 0.0):
            bound = float("inf") if control.integral_max_w is None else float(control.integral_max_w)
            self._integral_w = min(max(self._integral_w + float(control.k_i_w_per_k or 0.0) * error_k, -bound), bound)
        change_k = 0.0 if self._before_k is None else error_k - self._before_k
        self._before_k = error_k
        watts = float(control.sustainable_w or 0.0) + float(gain or 0.0) * error_k + self._integral_w
        watts += float(control.k_d_w_per_k or 0.0) * change_k / zone.polling_s
        most = float("inf") if control.max_w is None else float(control.max_w)
        return min(max(watts, float(control.min_w or 0.0)), most)


def _severity(zone: ZoneView, before: int) -> int:
    """How many trips are exceeded; one that was exceeded stays so until the temperature is ``hysteresis`` below it."""
    for position in range(len(zone.trips), 0, -1):
        trip = zone.trips[position - 1]
        if zone.temperature_c >= trip.temperature_c - (trip.hysteresis_k if before >= position else 0.0):
            return position
    return 0


def _target(zone: ZoneView, severity: int) -> TripView | None:
    """The trip whose temperature is aimed at."""
    controlled = [trip for trip in zone.trips if trip.control is not None]
    above = [trip for trip in zone.trips[severity:] if trip.control is not None]
    return above[0] if above else controlled[-1] if controlled else None
