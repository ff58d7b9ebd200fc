"""Leakage and temperature feed each other: the steady state of both, or thermal runaway where there is none."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from device_models.power import dynamic_w, leakage_w
from device_models.spec import RADIO, DeviceSpec
from device_models.thermal import RcNetwork

JUNCTION_MAX_C = 150.0  # the usual absolute maximum of a silicon junction
_STEPS = 200


class ThermalRunawayError(ValueError):
    """No steady state: another kelvin adds more leakage than the cooling takes away. ``gain`` is the loop gain at ``temperature_c``."""

    def __init__(self, node: str, temperature_c: float, gain: float) -> None:
        super().__init__(f"thermal runaway of node {node}: at {temperature_c:.4g} degC each kelvin of leakage brings back {gain:.3g} K")
        self.node, self.temperature_c, self.gain = node, temperature_c, gain


class LeakageFeedback:
    """Leakage of a device's units as a function of the node temperatures.

    ``voltages`` maps a domain to (voltage, highest voltage), None where unpublished; a domain that is missing is at its highest.
    """

    def __init__(self, device: DeviceSpec, network: RcNetwork, voltages: Mapping[str, tuple[float | None, float | None]] | None = None) -> None:
        self.network = network
        self._resistance = np.linalg.inv(network.conductance_w_per_k)
        self._units = []
        for name, unit in device.units.items():
            nodes = network.node_power({name: 1.0})
            if nodes.any():
                self._units.append((nodes, unit.power, (voltages or {}).get(unit.domain, (None, None))))

    def leakage(self, temperatures_c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Heat into the nodes ``[nodes]``, W, and its derivative by the node temperatures ``[nodes, nodes]``, W/K.

        A unit that heats several nodes leaks as at their mean temperature.
        """
        watts, slope = np.zeros(len(self.network.names)), np.zeros((len(self.network.names),) * 2)
        for nodes, power, (voltage, highest) in self._units:
            own_w = leakage_w(power, float(nodes @ temperatures_c), voltage, highest)
            watts += own_w * nodes
            slope += own_w * np.log(2.0) / float(power.leakage_doubling_k) * np.outer(nodes, nodes)
        return watts, slope

    def loop_gain(self, temperatures_c: np.ndarray) -> float:
        """Kelvins that come back for one kelvin through leakage and thermal resistance; from 1 on the feedback runs away."""
        _, slope = self.leakage(temperatures_c)
        return float(np.abs(np.linalg.eigvals(self._resistance @ slope)).max())

    def hottest(self, temperatures_c: np.ndarray) -> str:
        return self.network.names[int(np.argmax(temperatures_c))]

    def steady_state(self, node_power_w: np.ndarray, ambient_c: float) -> np.ndarray:
        """Temperatures ``[nodes]`` at which leakage and heat balance, at constant other power. Raises ThermalRunawayError if none.

        Newton's method from below. Leakage is convex and rising, so the steps rise towards the coolest balance; where the loop
        gain reaches 1 on the way, there is no balance above.
        """
        temperatures = np.full(len(node_power_w), ambient_c)
        for _ in range(_STEPS):
            watts, slope = self.leakage(temperatures)
            if (gain := self.loop_gain(temperatures)) >= 1.0:
                raise ThermalRunawayError(self.hottest(temperatures), float(temperatures.max()), gain)
            error = ambient_c + self._resistance @ (node_power_w + watts) - temperatures
            step = np.linalg.solve(np.eye(len(temperatures)) - self._resistance @ slope, error)
            temperatures = temperatures + step
            if np.abs(step).max() < 1e-10 * max(1.0, np.abs(temperatures).max()):
                return temperatures
        raise ThermalRunawayError(self.hottest(temperatures), float(temperatures.max()), self.loop_gain(temperatures))


def sustained(device: DeviceSpec, unit: str | None) -> tuple[float, dict[str, float]]:
    """The steady state of one unit at its highest operating point with all cores busy, others idle; all idle if ``unit`` is None.

    Nothing throttles. Returns the power drawn, W, and the temperatures by node, degC, in the device's default ambient with its fan
    standing. Raises ThermalRunawayError where there is none.
    """
    radios_w = {RADIO + name: float(radio.idle_w) for name, radio in device.radios.items()}
    network = RcNetwork(device.thermal.with_base(list(radios_w)))
    component_w = {name: float(spec.power.idle_w) for name, spec in device.units.items()} | radios_w
    component_w |= {"base": float(device.base_w), "memory": float(device.memory.idle_w)}
    if unit is not None:
        spec, point = device.units[unit], device.domains[device.units[unit].domain].operating_points[-1]
        component_w[unit] = dynamic_w(spec.power, float(point.frequency_hz), point.voltage_v, 1.0, float(spec.cores))
    feedback = LeakageFeedback(device, network)
    temperatures = feedback.steady_state(network.node_power(component_w), float(device.default_ambient_c))
    leakage_watts, _ = feedback.leakage(temperatures)
    return sum(component_w.values()) + float(leakage_watts.sum()), dict(zip(network.names, temperatures.tolist(), strict=True))
