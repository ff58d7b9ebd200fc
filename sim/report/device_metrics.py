"""Energy, power, heat and memory of the device during a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.report.step_function import counters_of, total
from sim.trace import Trace


@dataclass(frozen=True)
class EnergyMetrics:
    """Energy of the whole run; ``components_j``: every unit, ``memory``, ``base``, ...; they add up to ``total_j``."""

    total_j: float
    components_j: dict[str, float]


@dataclass(frozen=True)
class PowerMetrics:
    """Power of the device. ``average_w`` and ``peak_w`` from the end of the warm-up on, the peak where power was recorded."""

    average_w: float | None
    peak_w: float | None


@dataclass(frozen=True)
class HeatMetrics:
    """Temperatures reached after the warm-up, by node of the thermal network; time below the clock the governor asked for."""

    nodes_peak_c: dict[str, float]
    nodes_end_c: dict[str, float]
    skin_peak_c: float | None
    die_peak_c: float | None
    throttled_s: float | None
    throttled_from_s: float | None
    domains_throttled_s: dict[str, float]
    lowest_frequency_hz: dict[str, float]


@dataclass(frozen=True)
class MemoryMetrics:
    """``peak_bytes``: most that models, arenas and caches ever took at once; ``available_bytes``: capacity without the system's share."""

    peak_bytes: float | None
    available_bytes: float
    storage_bytes: float


def energy_metrics(trace: Trace) -> EnergyMetrics:
    """Totals by component as the engine integrated them."""
    return EnergyMetrics(sum(trace.energy_j.values()), dict(trace.energy_j))


def power_metrics(trace: Trace, warmup_s: float, energy: EnergyMetrics) -> PowerMetrics:
    """Average and peak power; from the recorded power if there is any, else from the energy of the whole run."""
    power = total(counters_of(trace, "power_w").values())
    if power is None or trace.end_s <= warmup_s:
        return PowerMetrics(energy.total_j / trace.end_s if trace.end_s > 0 and energy.components_j else None, None)
    if warmup_s <= 0:
        return PowerMetrics(energy.total_j / trace.end_s, power.peak())
    return PowerMetrics(power.integral_between(warmup_s, trace.end_s) / (trace.end_s - warmup_s), power.peak(warmup_s))


def heat_metrics(trace: Trace, device: DeviceSpec, governors: Mapping[str, str], warmup_s: float) -> HeatMetrics:
    """Peak temperatures and throttling."""
    nodes = counters_of(trace, "temperature_c")
    peaks = {name: node.peak(warmup_s) for name, node in nodes.items()}
    skins = [peaks[name] for name, node in device.thermal.nodes.items() if node.is_skin and name in peaks]
    dies = [peaks[name] for name, node in device.thermal.nodes.items() if name in peaks and set(node.heated_by) & set(device.units)]
    throttled = throttled_times(trace, device, governors, warmup_s)
    return HeatMetrics(
        nodes_peak_c=peaks,
        nodes_end_c={name: node.at(trace.end_s) for name, node in nodes.items()},
        skin_peak_c=max(skins, default=None),
        die_peak_c=max(dies, default=None),
        throttled_s=max((seconds for seconds, _ in throttled.values()), default=None),
        throttled_from_s=min((start for seconds, start in throttled.values() if seconds > 0 and start is not None), default=None),
        domains_throttled_s={name: seconds for name, (seconds, _) in throttled.items()},
        lowest_frequency_hz={
            name: float(clock.values[clock.values > 0].min()) for name, clock in counters_of(trace, "frequency_hz").items() if (clock.values > 0).any()
        },
    )


def throttled_times(trace: Trace, device: DeviceSpec, governors: Mapping[str, str], warmup_s: float) -> dict[str, tuple[float, float | None]]:
    """Domain -> (seconds with a thermal limit below its highest clock, when that began first).

    From recorded limits; where none were recorded, from the clock of domains whose governor always asks for the highest. Of other
    domains nobody knows whether heat or the governor slowed them: they are left out.
    """
    limits = counters_of(trace, "limit_hz")
    if not limits:
        always = {name for name, domain in device.domains.items() if governors.get(name, domain.governor) == "performance"}
        limits = {name: clock for name, clock in counters_of(trace, "frequency_hz").items() if name in always}
    result: dict[str, tuple[float, float | None]] = {}
    for name, limit in limits.items():
        if name not in device.domains:
            continue
        highest_hz = float(device.domains[name].operating_points[-1].frequency_hz)
        below = limit.values < highest_hz * (1 - 1e-9)
        result[name] = (limit.seconds_where(below, warmup_s), float(limit.times_s[below][0]) if below.any() else None)
    return result


def memory_metrics(trace: Trace, device: DeviceSpec, programs: Mapping[str, Program]) -> MemoryMetrics:
    """Peak memory as recorded; where nothing was recorded, all models loaded at once."""
    recorded = total(counters_of(trace, "memory_bytes").values())
    resident = sum(program.resident_bytes for program in programs.values())
    return MemoryMetrics(
        peak_bytes=recorded.peak() if recorded else resident,
        available_bytes=float(device.memory.capacity_bytes - device.memory.reserved_bytes),
        storage_bytes=sum(program.storage_bytes for program in programs.values()),
    )
