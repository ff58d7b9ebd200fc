"""From a measured temperature trace to an RC network: whose network, what power, the fit, and the device-file section of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from device_models.power import idle_w, running_w
from device_models.spec import DeviceSpec
from device_models.thermal_fit import (
    ROOM_SPREAD_K,
    WIDE,
    Parameters,
    PowerProfile,
    Prior,
    ThermalFit,
    Topology,
    Trace,
    fit_network,
    ladder,
    load_steps,
    plausible,
)
from sim.errors import EdgesimError, Problem
from sim.scenario.temperature_trace import TemperatureTrace

NODE_NAMES = ("soc", "board", "case")
LOAD, IDLE = "load", "idle"  # components of the power profile: what the load adds heats the measured node, the rest the board
_IDLE_PHASES = ("idle", "rest", "cool", "off", "before", "after", "warm")
_HARDLY = math.log(2.0)  # beyond a factor of two either way the trace tells little


@dataclass(frozen=True)
class Calibration:
    """A fit with what it was made of."""

    trace: Trace
    profile: PowerProfile
    fit: ThermalFit
    power_text: str
    ambient_given: bool
    device: DeviceSpec | None


def power_by_phase(measured: TemperatureTrace, idle: float, load: float) -> tuple[PowerProfile, str]:
    """Two powers; when each applies is told by the phase column or, without one, by the steps of the temperature itself."""
    if load <= idle:
        raise EdgesimError(f"the power under load ({load:g} W) must be above the idle power ({idle:g} W)")
    if measured.phase is not None:
        busy = np.array([not phase.lower().startswith(_IDLE_PHASES) for phase in measured.phase])
        if busy.all() or not busy.any():
            missing, known = "idling" if busy.all() else "load", ", ".join(_IDLE_PHASES)
            what = f"{measured.columns['phase']}: no phase of {missing}; idle phases begin with {known}"
            raise EdgesimError(Problem(measured.file, 1, what=what))
        return PowerProfile(measured.time_s, {LOAD: np.where(busy, load - idle, 0.0), IDLE: np.full(len(busy), idle)}), "phases as the file says"
    try:
        begin, end = load_steps(Trace(measured.time_s, measured.temperature_c))
    except ValueError as error:
        what = f"{error}; add a phase column (idle, load) or a power column to the trace"
        raise EdgesimError(Problem(measured.file, what=what)) from None
    starts = [0.0, begin] + ([] if end is None else [end])
    profile = PowerProfile(np.array(starts), {LOAD: np.array([0.0, load - idle, 0.0][: len(starts)]), IDLE: np.full(len(starts), idle)})
    return profile, f"load from {begin:.1f} s" + ("" if end is None else f" to {end:.1f} s") + ", where the temperature steps"


def power_by_sample(measured: TemperatureTrace) -> tuple[PowerProfile, str]:
    """The power column; each value holds until the next sample, and all of it heats the measured node."""
    assert measured.power_w is not None
    text = f"column {measured.columns['power']!r}, mean {measured.power_w.mean():.2f} W"
    return PowerProfile(measured.time_s, {LOAD: measured.power_w, IDLE: np.zeros(len(measured.time_s))}), text


def device_powers(device: DeviceSpec) -> tuple[float, float]:
    """Idle power, and power with all cores of its CPUs busy at their highest operating point, at 50 degC, W."""
    idle = float(device.base_w) + float(device.memory.idle_w)
    load = idle
    for unit in device.units.values():
        top = device.domains[unit.domain].operating_points[-1]
        waiting = idle_w(unit.power, 50.0)
        running = running_w(unit.power, float(top.frequency_hz), top.voltage_v, 50.0, active_cores=float(unit.cores))
        idle += waiting
        load += running if unit.kind in ("cpu", "mcu") else waiting
    return idle, load


def calibrate(
    measured: TemperatureTrace, power: tuple[PowerProfile, str], nodes: int, ambient_c: float | None, device: DeviceSpec | None = None, node: str | None = None
) -> Calibration:
    """The fit. With a device its own network is fitted, from its own numbers; else a ladder of ``nodes``. Needs scipy."""
    try:
        import scipy.optimize  # noqa: F401
    except ImportError:
        raise EdgesimError("fitting needs scipy; install it with: pip install 'edgesim[calibrate]'") from None
    profile, text = power
    settled = IDLE in profile.watts and bool(profile.watts[IDLE].any())
    trace = Trace(measured.time_s, measured.temperature_c, settled)
    try:
        prior = _ladder_prior(trace, profile, nodes, ambient_c) if device is None else _device_prior(device, node, ambient_c)
        fit = fit_network(trace, profile, prior)
    except ValueError as error:
        raise EdgesimError(Problem(measured.file, what=str(error))) from None
    return Calibration(trace, profile, fit, text, ambient_c is not None, device)


def rows(result: Calibration) -> list[tuple[str, str, str]]:
    """What was fitted: name, value and how well the trace tells it."""
    parameters, spread = result.fit.parameters, result.fit.spread
    names = [f"{a} - {b}" for a, b in parameters.topology.links] + list(parameters.topology.nodes)
    units = ["K/W"] * len(parameters.topology.links) + ["J/K"] * len(parameters.topology.nodes)
    values = [*parameters.resistance_k_per_w, *parameters.heat_capacity_j_per_k]
    table = [(name, f"{value:.3g} {unit}", _certainty(width)) for name, value, unit, width in zip(names, values, units, spread[:-1], strict=True)]
    known = "given" if result.ambient_given else f"+- {spread[-1]:.1f} K, fitted"
    return [*table, ("ambient", f"{parameters.ambient_c:.1f} degC", known)]


def fragment(result: Calibration, source: str) -> str:
    """The ``thermal`` section as YAML: each number with its source, for a device file or under ``device: {base: ...}``."""
    return "\n".join(_fragment_lines(result, source)) + "\n"


def _fragment_lines(result: Calibration, source: str) -> Iterator[str]:
    parameters, spread = result.fit.parameters, result.fit.spread
    shape, links = parameters.topology, len(parameters.topology.links)

    def figure(value: float, unit: str, index: int) -> str:
        note = f"RC network fitted to {result.fit.samples} samples, rms error {result.fit.rms_k:.2f} K; {_certainty(spread[index])}"
        return f"{{value: {value:.4g} {unit}, source: {json.dumps(source)}, kind: derived, note: {json.dumps(note)}}}"

    if result.device is None:
        yield "# heated_by: put the names of your device's units, base, memory and storage on the nodes they warm"
    yield "thermal:"
    yield "  nodes:"
    for index, (name, value) in enumerate(zip(shape.nodes, parameters.heat_capacity_j_per_k, strict=True)):
        yield f"    {name}:"
        yield f"      heat_capacity: {figure(float(value), 'J/K', links + index)}"
        if result.device is None:
            parts = {LOAD: "cpu", IDLE: "base, memory, storage"}
            yield f"      heated_by: [{', '.join(parts[part] for part in shape.heated_by.get(name, ()))}]"
    yield "  links:"
    for index, (ends, value) in enumerate(zip(shape.links, parameters.resistance_k_per_w, strict=True)):
        yield f"    - {{between: [{ends[0]}, {ends[1]}], resistance: {figure(float(value), 'K/W', index)}}}"


def _certainty(spread: float) -> str:
    if spread > _HARDLY:
        return "hardly told by this trace"
    return f"+- {100 * (math.exp(spread) - 1):.2g} %"


def _ladder_prior(trace: Trace, profile: PowerProfile, nodes: int, ambient_c: float | None) -> Prior:
    names = NODE_NAMES[:nodes]
    board = names[min(1, nodes - 1)]
    heated: dict[str, tuple[str, ...]] = {names[0]: (LOAD, IDLE)} if board == names[0] else {names[0]: (LOAD,), board: (IDLE,)}
    return plausible(ladder(names, heated), trace, profile, ambient_c)


def _device_prior(device: DeviceSpec, node: str | None, ambient_c: float | None) -> Prior:
    thermal = device.thermal
    measured = node or next(name for name, spec in thermal.nodes.items() if set(spec.heated_by) & set(device.units))
    if measured not in thermal.nodes:
        raise EdgesimError(f"{device.name} has no thermal node {measured!r}; nodes: {', '.join(thermal.nodes)}")
    board = next((name for name, spec in thermal.nodes.items() if "base" in spec.heated_by), measured)
    heated: dict[str, tuple[str, ...]] = {measured: (LOAD, IDLE)} if board == measured else {measured: (LOAD,), board: (IDLE,)}
    shape = Topology(tuple(thermal.nodes), tuple(link.between for link in thermal.links), heated, measured)
    resistance = np.array([float(link.resistance_k_per_w) for link in thermal.links])
    capacity = np.array([float(spec.heat_capacity_j_per_k) for spec in thermal.nodes.values()])
    middle = Parameters(shape, resistance, capacity, float(device.default_ambient_c) if ambient_c is None else ambient_c)
    spread = np.concatenate([np.full(len(resistance) + len(capacity), WIDE), [ROOM_SPREAD_K if ambient_c is None else 0.0]])
    return Prior(middle, spread)
