"""Fits the resistances and heat capacities of an RC network to a measured temperature trace.

The parameters are logarithms (all are positive) with a wide log-normal prior, so that what a trace cannot tell stays near a
plausible value instead of running away; the model is the exact response of :class:`~device_models.thermal.RcNetwork`; the
residuals are weighed robustly (a fan that starts, a sensor that jumps) and by their own noise and correlation, which a first
round estimates. Needs scipy, which is imported by the fit alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from device_models.figure import Figure
from device_models.spec import ThermalSpec
from device_models.thermal import RcNetwork

ROOM_C = 22.0
ROOM_SPREAD_K = 3.0  # living rooms and offices; the prior of an ambient temperature that nobody wrote down
WIDE = 2.0  # standard deviation of a logarithm: a factor of 7 either way
STARTS = 5
_FIRST_NOISE_K = 0.7  # temperature sensors of SoCs step by 0.5 to 1 K; the second round uses the residuals of the first
_FIRST_CORRELATION = 5.0
_LEAST_NOISE_K = 0.01
_MOST_CORRELATION = 20.0
_LIMIT = 30.0  # of a parameter's distance from its prior, in standard deviations


@dataclass(frozen=True)
class Topology:
    """Nodes, links (``"ambient"`` is the air), what heats each node, and the node whose temperature was measured."""

    nodes: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    heated_by: Mapping[str, tuple[str, ...]]
    observed: str


@dataclass(frozen=True)
class PowerProfile:
    """Power that is constant from each of ``starts_s`` ``[segments]`` on, W by component ``[segments]``; the last one stays."""

    starts_s: np.ndarray
    watts: Mapping[str, np.ndarray]

    def segment(self, index: int) -> dict[str, float]:
        """Power by component, W."""
        return {part: float(values[index]) for part, values in self.watts.items()}


@dataclass(frozen=True)
class Trace:
    """Measured temperatures ``[samples]`` in degC at ascending ``time_s`` ``[samples]``.

    ``settled``: the device had idled at the first power for long. Otherwise its warmth spreads over the nodes as in the
    steady state, scaled to the first temperature.
    """

    time_s: np.ndarray
    temperature_c: np.ndarray
    settled: bool = True

    def until(self, time_s: float) -> Trace:
        """The samples up to a time."""
        keep = self.time_s <= time_s
        return replace(self, time_s=self.time_s[keep], temperature_c=self.temperature_c[keep])


@dataclass(frozen=True)
class Parameters:
    """``resistance_k_per_w`` ``[links]``, ``heat_capacity_j_per_k`` ``[nodes]`` and the ambient temperature."""

    topology: Topology
    resistance_k_per_w: np.ndarray
    heat_capacity_j_per_k: np.ndarray
    ambient_c: float

    @cached_property
    def network(self) -> RcNetwork:
        """The network with these parameters."""
        shape = self.topology
        nodes = {
            name: {"heat_capacity": Figure(value), "heated_by": shape.heated_by.get(name, ())}
            for name, value in zip(shape.nodes, self.heat_capacity_j_per_k, strict=True)
        }
        links = [{"between": ends, "resistance": Figure(value)} for ends, value in zip(shape.links, self.resistance_k_per_w, strict=True)]
        return RcNetwork(ThermalSpec.model_validate({"nodes": nodes, "links": links}))

    @property
    def time_constants_s(self) -> np.ndarray:
        """Ascending, one per node."""
        return np.sort(1.0 / self.network.rates_hz)

    def vector(self) -> np.ndarray:
        """``[links + nodes + 1]``: logarithms of R and C, then the ambient temperature."""
        return np.concatenate([np.log(self.resistance_k_per_w), np.log(self.heat_capacity_j_per_k), [self.ambient_c]])

    def moved(self, vector: np.ndarray) -> Parameters:
        """The parameters whose vector this is."""
        links = len(self.topology.links)
        return Parameters(self.topology, np.exp(vector[:links]), np.exp(vector[links:-1]), float(vector[-1]))


@dataclass(frozen=True)
class Prior:
    """Where the search begins, and how far each parameter may be from there: a standard deviation per entry of the vector; 0 holds it."""

    middle: Parameters
    spread: np.ndarray


@dataclass(frozen=True)
class ThermalFit:
    """The parameters, the standard deviation of each entry of their vector, and the root mean square of the residuals."""

    parameters: Parameters
    spread: np.ndarray
    rms_k: float
    samples: int


def temperatures(parameters: Parameters, profile: PowerProfile, trace: Trace) -> np.ndarray:
    """Temperatures of the observed node ``[samples]`` at the trace's times, degC. Of its temperatures only the first counts, if not settled."""
    network, ambient = parameters.network, parameters.ambient_c
    node = parameters.topology.nodes.index(parameters.topology.observed)
    starts = np.asarray(profile.starts_s, dtype=float).copy()
    starts[0] = min(starts[0], float(trace.time_s[0]))
    heated = np.array([network.node_power({part: 1.0}) for part in profile.watts])
    powers = np.column_stack([*profile.watts.values()]) @ heated
    finals = np.linalg.solve(network.conductance_w_per_k, powers.T).T @ network.to_modes.T  # modes [segments, modes] above ambient, in the end
    first = network.to_modes @ (_start(network, powers[0], ambient, node, trace) - ambient)
    decays = np.exp(-np.outer(np.diff(starts), network.rates_hz))
    states = _recurrence(first, decays, (1.0 - decays) * finals[:-1])
    segment = np.maximum(np.searchsorted(starts, trace.time_s, side="right") - 1, 0)
    left = np.exp(-np.outer(trace.time_s - starts[segment], network.rates_hz))
    return np.asarray(ambient + (finals[segment] + (states[segment] - finals[segment]) * left) @ network.from_modes[node])


def fit_network(trace: Trace, profile: PowerProfile, prior: Prior, starts: int = STARTS, seed: int = 0) -> ThermalFit:
    """The most probable parameters. Raises ValueError where the trace has fewer samples than there are free parameters."""
    free = int(np.count_nonzero(prior.spread))
    if len(trace.time_s) < free + 2:
        raise ValueError(f"{len(trace.time_s)} samples cannot tell {free} parameters")
    rough = _search(trace, profile, prior, _FIRST_NOISE_K, _FIRST_CORRELATION, starts, seed)
    residual = temperatures(rough.parameters, profile, trace) - trace.temperature_c
    noise = max(rough.rms_k, _LEAST_NOISE_K)
    begun = Prior(prior.middle, prior.spread)
    return _search(trace, profile, begun, noise, _correlation(residual), starts, seed, first=rough.parameters)


def ladder(names: tuple[str, ...], heated_by: Mapping[str, tuple[str, ...]]) -> Topology:
    """A chain from the measured node to the air."""
    return Topology(names, tuple(itertools.pairwise((*names, "ambient"))), heated_by, names[0])


def plausible(topology: Topology, trace: Trace, profile: PowerProfile, ambient_c: float | None = None) -> Prior:
    """A wide prior of a ladder from the trace itself: its rise over the rise of power, time constants spread over its length.

    ``ambient_c`` None: a room. Raises ValueError where the power never changes.
    """
    total = sum(profile.watts.values())
    change = float(np.ptp(total))
    if change <= 0:
        raise ValueError("the power never changes: the trace cannot tell a resistance")
    nodes = len(topology.nodes)
    resistance = max(float(np.ptp(trace.temperature_c)) / change, 1e-3) / nodes
    duration = float(trace.time_s[-1] - trace.time_s[0])
    slowest, fastest = duration / 4, max(duration / 400, float(np.median(np.diff(trace.time_s))))
    time_constants = np.geomspace(fastest, slowest, nodes) if nodes > 1 else np.array([math.sqrt(fastest * slowest)])
    middle = Parameters(topology, np.full(nodes, resistance), time_constants / resistance, ROOM_C if ambient_c is None else ambient_c)
    return Prior(middle, np.concatenate([np.full(2 * nodes, WIDE), [ROOM_SPREAD_K if ambient_c is None else 0.0]]))


def _recurrence(first: np.ndarray, factors: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """``x[0] = first``, ``x[k + 1] = factors[k] x[k] + terms[k]``: all ``x`` ``[steps + 1, modes]``, by doubling the stride instead of a loop."""
    scale, offset = factors.copy(), terms.copy()
    stride = 1
    while stride < len(scale):
        offset[stride:] = offset[stride:] + scale[stride:] * offset[:-stride]
        scale[stride:] = scale[stride:] * scale[:-stride]
        stride *= 2
    return np.concatenate([first[None, :], scale * first + offset])


def _start(network: RcNetwork, power_w: np.ndarray, ambient_c: float, node: int, trace: Trace) -> np.ndarray:
    settled = network.steady_state(power_w, ambient_c)
    if trace.settled:
        return settled
    above = float(trace.temperature_c[0]) - ambient_c
    rise = float(settled[node]) - ambient_c
    return ambient_c + (settled - ambient_c) * (above / rise) if rise > 1e-6 else network.uniform(ambient_c + above)


def _search(
    trace: Trace, profile: PowerProfile, prior: Prior, noise_k: float, correlation: float, starts: int, seed: int, first: Parameters | None = None
) -> ThermalFit:
    from scipy.optimize import least_squares

    middle, free = prior.middle.vector(), np.flatnonzero(prior.spread)
    scale = noise_k * math.sqrt(correlation)

    def vector(offsets: np.ndarray) -> np.ndarray:
        whole = middle.copy()
        whole[free] += offsets * prior.spread[free]
        return whole

    def errors(offsets: np.ndarray) -> np.ndarray:
        deviation = temperatures(prior.middle.moved(vector(offsets)), profile, trace) - trace.temperature_c
        return np.concatenate([_soft(deviation / noise_k) * (noise_k / scale), offsets])

    random = np.random.default_rng(seed)
    begins = [np.zeros(len(free)), *(0.3 * random.standard_normal((starts - 1, len(free))))]
    if first is not None:
        begins = [(first.vector() - middle)[free] / prior.spread[free], *begins[:1]]
    results = [least_squares(errors, begin, bounds=(-_LIMIT, _LIMIT), x_scale="jac") for begin in begins]
    best = min(results, key=lambda result: float(result.cost))
    spread = np.zeros(len(middle))
    spread[free] = np.sqrt(np.diag(np.linalg.pinv(best.jac.T @ best.jac))) * prior.spread[free]
    fitted = prior.middle.moved(vector(best.x))
    rms = float(np.sqrt(np.mean((temperatures(fitted, profile, trace) - trace.temperature_c) ** 2)))
    return ThermalFit(fitted, spread, rms, len(trace.time_s))


def _soft(residual: np.ndarray) -> np.ndarray:
    """Residuals whose squares grow linearly beyond one standard deviation (the soft L1 loss)."""
    return np.sign(residual) * np.sqrt(2.0 * (np.sqrt(1.0 + residual**2) - 1.0))


def _correlation(residual: np.ndarray) -> float:
    """How many samples tell as much as one independent one, from the correlation of neighbours (an AR(1) process)."""
    about = residual - residual.mean()
    power = float(about @ about)
    if power <= 0 or len(about) < 3:
        return 1.0
    neighbours = min(max(float(about[1:] @ about[:-1]) / power, 0.0), 0.99)
    return min((1 + neighbours) / (1 - neighbours), _MOST_CORRELATION)


def load_steps(trace: Trace, window: int = 4) -> tuple[float, float | None]:
    """When load begins and, if it does before the trace ends, when it ends: the steepest rise and the steepest fall after it, s.

    Raises ValueError where the temperature never rises clearly.
    """
    temperature, jump = trace.temperature_c, np.zeros(len(trace.time_s))
    for index in range(1, len(jump)):
        before, after = temperature[max(0, index - window) : index], temperature[index : index + window]
        jump[index] = after.mean() - before.mean()
    rise = int(np.argmax(jump))
    noise = float(np.median(np.abs(np.diff(temperature)))) + 1e-9
    if jump[rise] < max(2 * noise, 0.5):
        raise ValueError("no step of the load is seen in the temperature")
    fall = rise + int(np.argmin(jump[rise:]))
    ended = jump[fall] < -0.5 * jump[rise] and fall > rise
    return _kink(trace, rise, window), _kink(trace, fall, window) if ended else None


def _kink(trace: Trace, index: int, window: int) -> float:
    """Where a flat line best turns into a slope near a sample, s: between samples, as the load does not wait for the sensor."""
    low, high = max(index - 2 * window, 0), min(index + window, len(trace.time_s) - 1)
    time, values = trace.time_s[low : high + 1], trace.temperature_c[low : high + 1]

    def error(begin: float) -> float:
        columns = np.column_stack([np.ones(len(time)), np.maximum(time - begin, 0.0)])
        return float(np.sum((columns @ np.linalg.lstsq(columns, values, rcond=None)[0] - values) ** 2))

    return float(min(np.linspace(trace.time_s[max(index - window, 0)], trace.time_s[index], 8 * window + 1), key=error))
