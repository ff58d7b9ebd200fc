"""Heat: a network of heat capacities and thermal resistances, stepped exactly.

With constant power the temperatures of an RC network are sums of exponentials. Scaling by the root of the heat capacities
makes the system symmetric, so one eigen-decomposition at construction gives every step, the steady state, and the exact
moment at which a node reaches a temperature.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from device_models.spec import ThermalSpec

_BISECTIONS = 200  # a double has 53 bits of mantissa and 11 of exponent; the loop ends earlier, when the interval cannot shrink


class RcNetwork:
    """``C dT/dt = P - G (T - T_ambient)``; temperatures ``[nodes]`` in degC in the order of ``names``, power ``[nodes]`` in W."""

    def __init__(self, spec: ThermalSpec) -> None:
        self.names: tuple[str, ...] = tuple(spec.nodes)
        self._heated: dict[str, list[int]] = {}
        for index, node in enumerate(spec.nodes.values()):
            for part in node.heated_by:
                self._heated.setdefault(part, []).append(index)
        capacity = np.array([float(node.heat_capacity_j_per_k) for node in spec.nodes.values()])
        self.heat_capacity_j_per_k = capacity
        self.conductance_w_per_k, self.to_ambient_w_per_k = _conductances(spec, self.names)
        root = np.sqrt(capacity)
        rates, vectors = np.linalg.eigh(self.conductance_w_per_k / np.outer(root, root))
        self.rates_hz = np.maximum(rates, 0.0)
        self.to_modes = vectors.T * root  # amplitude [modes] = to_modes @ (temperature above ambient [nodes])
        self.from_modes = vectors / root[:, None]  # and back; the amplitude of each mode decays with its rate

    def node_power(self, component_w: Mapping[str, float]) -> np.ndarray:
        """Power ``[nodes]`` from power by component; what heats several nodes is split evenly, what heats none leaves the device."""
        power = np.zeros(len(self.names))
        for part, watts in component_w.items():
            nodes = self._heated.get(part, [])
            for index in nodes:
                power[index] += watts / len(nodes)
        return power

    def gains(self, components: Sequence[str]) -> np.ndarray:
        """``[components, modes]``: the amplitude that a constant watt of each component holds in the end."""
        heated = np.array([self.node_power({component: 1.0}) for component in components])
        root = np.sqrt(self.heat_capacity_j_per_k)
        return np.asarray((heated / root) @ (self.to_modes / root).T / self.rates_hz)

    def uniform(self, temperature_c: float) -> np.ndarray:
        """All nodes at one temperature, ``[nodes]``."""
        return np.full(len(self.names), float(temperature_c))

    def steady_state(self, node_power_w: np.ndarray, ambient_c: float) -> np.ndarray:
        """Temperatures ``[nodes]`` after infinite time at constant power."""
        return np.asarray(ambient_c + np.linalg.solve(self.conductance_w_per_k, node_power_w))

    def step(self, temperatures_c: np.ndarray, node_power_w: np.ndarray, ambient_c: float, dt_s: float) -> np.ndarray:
        """Temperatures ``[nodes]`` after ``dt_s`` of constant power, exact for any length."""
        if dt_s < 0:
            raise ValueError(f"time runs forward, got a step of {dt_s:g} s")
        final = self.steady_state(node_power_w, ambient_c)
        modes = self.to_modes @ (temperatures_c - final)
        return np.asarray(final + self.from_modes @ (modes * np.exp(-self.rates_hz * dt_s)))

    def response(self, temperatures_c: np.ndarray, node_power_w: np.ndarray, ambient_c: float, times_s: np.ndarray) -> np.ndarray:
        """Temperatures ``[times, nodes]`` at ``times_s`` after the start, of constant power: what ``step`` gives for each time."""
        final = self.steady_state(node_power_w, ambient_c)
        modes = self.to_modes @ (temperatures_c - final)
        return np.asarray(final + (np.exp(-np.outer(times_s, self.rates_hz)) * modes) @ self.from_modes.T)

    def heat_to_ambient_j(self, temperatures_c: np.ndarray, node_power_w: np.ndarray, ambient_c: float, dt_s: float) -> float:
        """Energy that leaves to ambient during ``dt_s`` of constant power, J: what went in less what is stored."""
        stored = float(self.heat_capacity_j_per_k @ (self.step(temperatures_c, node_power_w, ambient_c, dt_s) - temperatures_c))
        return float(node_power_w.sum()) * dt_s - stored

    def time_to_reach(
        self,
        node: str,
        temperature_c: float,
        temperatures_c: np.ndarray,
        node_power_w: np.ndarray,
        ambient_c: float,
        horizon_s: float = math.inf,
        tolerance_k: float = 1e-9,
    ) -> float | None:
        """Seconds until ``node`` first is at ``temperature_c`` with constant power; None if not within ``horizon_s``.

        0 if it is there already (within ``tolerance_k``). Exact: the temperature is a constant and a sum of exponentials,
        whose first zero is isolated by the zeros of its derivatives.
        """
        index = self.names.index(node)
        if abs(float(temperatures_c[index]) - temperature_c) <= tolerance_k:
            return 0.0
        final = self.steady_state(node_power_w, ambient_c)
        weights = self.from_modes[index] * (self.to_modes @ (temperatures_c - final))
        zeros = _zeros(np.concatenate([[float(final[index]) - temperature_c], weights]), np.concatenate([[0.0], self.rates_hz]), horizon_s)
        return zeros[0] if zeros else None


def _conductances(spec: ThermalSpec, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The conductance matrix ``[nodes, nodes]`` (Laplacian plus the ties to ambient) and those ties ``[nodes]``, W/K."""
    position = {name: index for index, name in enumerate(names)}
    matrix, ambient = np.zeros((len(names), len(names))), np.zeros(len(names))
    for link in spec.links:
        conductance = 1.0 / float(link.resistance_k_per_w)
        ends = [position[end] for end in link.between if end != "ambient"]
        for end in ends:
            matrix[end, end] += conductance
        if len(ends) == 2:
            matrix[ends[0], ends[1]] -= conductance
            matrix[ends[1], ends[0]] -= conductance
        elif ends:
            ambient[ends[0]] += conductance
    return matrix, ambient


def _zeros(weights: np.ndarray, rates: np.ndarray, horizon_s: float) -> list[float]:
    """Zeros in ``(0, horizon_s]``, ascending, of ``sum w_i exp(-r_i t)`` with ascending rates.

    Taking out the slowest exponential leaves a constant and exponentials; the derivative of that has one term less, and
    between its zeros the function is monotone (Rolle), so that each change of sign brackets one zero.
    """
    keep = weights != 0.0
    weights, rates = weights[keep], rates[keep]
    if len(weights) < 2:
        return []
    relative = rates - rates[0]
    turning = _zeros(-weights[1:] * relative[1:], relative[1:], horizon_s)

    def value(time_s: float) -> float:
        return float(weights @ np.exp(-relative * time_s))

    found: list[float] = []
    borders = [0.0, *turning, horizon_s]
    for low, high in itertools.pairwise(borders):
        if math.isinf(high):
            high = _beyond(value, float(weights[0]), low, relative)
        if value(low) * value(high) < 0 or (value(high) == 0.0 and high > 0):
            found.append(_bisect(value, low, high))
    return found


def _beyond(value: Callable[[float], float], limit: float, low: float, relative: np.ndarray) -> float:
    """A time after which the sum has the sign of its constant term for good."""
    slowest = float(relative[relative > 0].min()) if (relative > 0).any() else 1.0
    high = low + 1.0 / slowest
    while value(high) * limit <= 0 and (high - low) * slowest < 700:  # exp(-700) is the smallest double
        high = low + 2 * (high - low)
    return high


def _bisect(value: Callable[[float], float], low: float, high: float) -> float:
    """The zero between two ends of different sign, to the last bit."""
    negative_low = value(low) < 0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if (value(middle) < 0) == negative_low:
            low = middle
        else:
            high = middle
    return high
