"""Linux thermal ``power_allocator`` (drivers/thermal/gov_power_allocator.c; Documentation/driver-api/thermal/power_allocator.rst)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from device_models.thermal_spec import PowerControl
from sim.policies.throttling.allocation import divided
from sim.policies.throttling.policy import THROTTLING, Actor, ThermalGovernor, TripView, ZoneView
from sim.policies.tunables import Tunable

_GAIN = "W/K; estimated from sustainable_power if not set"


@THROTTLING.register("power_allocator")
class PowerAllocator(ThermalGovernor):
    """A PID controller of power, split among the domains by weighted request.

    With ``err = control - T`` (K): ``P = sustainable_power + k err + k_i sum(err) + k_d d(err)/dt`` (W), ``k`` = k_po above the
    control temperature and k_pu below it, bounded by 0 and the most all actors can draw. The zone's first trip with ``control``, or
    its last, is the control temperature; its first trip, if that is lower, switches the controller on. Where the device gives none, as the kernel does:
    sustainable_power is the actors' least power, ``k_po = sustainable_power / (control - switch_on)``, ``k_pu = 2 k_po``,
    ``k_i = k_pu / 10``, ``k_d = 0``, and the integral grows only while ``err < integral_cutoff`` (0 K) and its term is less than
    the actors' most. Each actor gets a part in proportion to weight x requested power; surplus goes by head-room.
    """

    needs_power = True
    tunables: ClassVar[Mapping[str, Tunable]] = {
        "sustainable_power": Tunable("power", "that can be drawn for ever at the control temperature", 0.0, 1e6),
        "k_po": Tunable("power_per_kelvin", f"proportional gain above the control temperature, {_GAIN}"),
        "k_pu": Tunable("power_per_kelvin", f"proportional gain below it, {_GAIN}"),
        "k_i": Tunable("power_per_kelvin", f"integral gain per poll, {_GAIN}"),
        "k_d": Tunable("power_per_kelvin", "differential gain, W per K/s"),
        "integral_cutoff": Tunable("temperature_difference", "errors below which the integral grows"),
        "control": Tunable("temperature", "to hold; the trip's if not set", -100.0, 400.0),
        "switch_on": Tunable("temperature", "from which on power is controlled; the first trip's if not set", -100.0, 400.0),
    }
    sustainable_power: float | None = None
    k_po: float | None = None
    k_pu: float | None = None
    k_i: float | None = None
    k_d: float | None = None
    integral_cutoff: float | None = None
    control: float | None = None
    switch_on: float | None = None

    def __init__(self) -> None:
        self._integral_k = 0.0
        self._before_k: float | None = None

    def decide(self, zone: ZoneView) -> Sequence[int]:
        if zone.temperature_c < self.begins_c(zone):
            self._integral_k, self._before_k = 0.0, None
            return [0] * len(zone.actors)
        control = _control_trip(zone).control or PowerControl()
        weights = [float(control.weights.get(actor.name, 1.0)) for actor in zone.actors]
        budget_w = self.budget_w(zone, control)
        requests = [weight * actor.requested_w for weight, actor in zip(weights, zone.actors, strict=True)]
        granted = divided(budget_w, requests, [actor.power_w[-1] for actor in zone.actors])
        return [actor.state_for(grant, _load(actor)) for actor, grant in zip(zone.actors, granted, strict=True)]

    def budget_w(self, zone: ZoneView, control: PowerControl) -> float:
        """The power all actors together may draw until the next poll."""
        most_w = sum(actor.power_w[-1] for actor in zone.actors)
        sustainable_w = _first(self.sustainable_power, control.sustainable_w, sum(actor.power_w[0] for actor in zone.actors))
        control_c = self._control_c(zone)
        span_k = control_c - max(self.begins_c(zone), 0.0)  # the kernel counts from 0 degC where nothing switches it on
        k_po = _first(self.k_po, control.k_po_w_per_k, sustainable_w / span_k)
        k_pu = _first(self.k_pu, control.k_pu_w_per_k, 2 * sustainable_w / span_k)
        k_i = _first(self.k_i, control.k_i_w_per_k, k_pu / 10)
        k_d = _first(self.k_d, control.k_d_w_per_k, 0.0)
        error_k = control_c - zone.temperature_c
        if error_k < _first(self.integral_cutoff, control.integral_cutoff_k, 0.0) and abs(k_i * (self._integral_k + error_k)) < most_w:
            self._integral_k += error_k
        change_k = 0.0 if self._before_k is None else error_k - self._before_k
        self._before_k = error_k
        watts = sustainable_w + (k_po if error_k < 0 else k_pu) * error_k + k_i * self._integral_k + k_d * change_k / zone.polling_s
        return min(max(watts, 0.0), most_w)

    def begins_c(self, zone: ZoneView) -> float:
        begins_c = _first(self.switch_on, zone.trips[0].temperature_c)
        return begins_c if begins_c < self._control_c(zone) else float("-inf")

    def _control_c(self, zone: ZoneView) -> float:
        return _first(self.control, _control_trip(zone).temperature_c)


def _control_trip(zone: ZoneView) -> TripView:
    return next((trip for trip in zone.trips if trip.control is not None), zone.trips[-1])


def _load(actor: Actor) -> float:
    """Of the most the domain can draw at its operating point, the share it drew; at least 1 %, as the kernel."""
    return min(max(actor.requested_w / actor.power_w[actor.index], 0.01), 1.0)


def _first(*values: float | None) -> float:
    return float(next(value for value in values if value is not None))
