"""Energy, power, heat and memory of the device during a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from device_models.spec import DeviceSpec
from sim.compiler.program import Program, stored_bytes
from sim.report.battery_metrics import battery_metrics
from sim.report.step_function import counters_of, total
from sim.trace import Trace


@dataclass(frozen=True)
class EnergyMetrics:
    """Energy of the whole run; ``components_j``: every unit, ``memory``, ``base``, ...; they add up to ``total_j``."""

    total_j: float
    components_j: dict[str, float]


@dataclass(frozen=True)
class PowerMetrics:
    """Power of the device after the warm-up. The peak is of recorded power: means over about a thousandth of the run."""

    average_w: float | None
    peak_w: float | None
    battery_life_s: float | None  # as :class:`~sim.report.battery_metrics.BatteryMetrics`; without one, of a full ideal battery at the average power


@dataclass(frozen=True)
class ThrottleMetrics:
    """A DVFS domain that trip points kept from its highest clock: how long after the warm-up, since when, how far down."""

    throttled_s: float
    throttled_share_ratio: float  # of the time after the warm-up
    first_s: float
    lowest_hz: float


@dataclass(frozen=True)
class RunawayMetrics:
    """Leakage and heat fed each other until the run was over: the hottest node then, and the kelvins that come back for each kelvin more."""

    node: str
    time_s: float
    temperature_c: float
    gain_ratio: float


@dataclass(frozen=True)
class HeatMetrics:
    """Temperatures reached after the warm-up, by node of the thermal network, and throttling (of the domain longest throttled)."""

    nodes_peak_c: dict[str, float]
    nodes_end_c: dict[str, float]
    skin_peak_c: float | None
    die_peak_c: float | None
    throttled_s: float
    first_throttle_s: float | None  # None: never
    domains: dict[str, ThrottleMetrics]  # those that were ever limited
    runaway: RunawayMetrics | None  # None: it did not come to that


@dataclass(frozen=True)
class MemoryMetrics:
    """``peak_bytes``: most that models, arenas and caches ever took at once; ``available_bytes``: capacity without the system's share."""

    peak_bytes: float | None
    available_bytes: float
    storage_bytes: float
    loads_count: int | None  # models read from storage
    evictions_count: int | None  # models put out to make room
    loading_s: float | None  # from when models were wanted until they were there
    cold_starts_count: int | None  # first inferences after loading
    cold_start_s: float | None  # what they took beyond warm ones


def energy_metrics(trace: Trace) -> EnergyMetrics:
    """Totals by component as the engine integrated them."""
    return EnergyMetrics(sum(trace.energy_j.values()), dict(trace.energy_j))


def power_metrics(trace: Trace, device: DeviceSpec, warmup_s: float, energy: EnergyMetrics) -> PowerMetrics:
    """Average and peak power; from the recorded power if there is any, else from the energy of the whole run."""
    power = total(counters_of(trace, "power_w").values())
    average_w, peak_w = None, None
    if trace.end_s > warmup_s > 0 and power is not None:
        average_w, peak_w = power.integral_between(warmup_s, trace.end_s) / (trace.end_s - warmup_s), power.peak(warmup_s)
    elif trace.end_s > 0 and energy.components_j:
        average_w, peak_w = energy.total_j / trace.end_s, None if power is None else power.peak()
    battery = device.battery
    charge_j = None if battery is None else float(battery.capacity_c * battery.nominal_v)
    if (lived := battery_metrics(trace)) is not None:
        return PowerMetrics(average_w, peak_w, lived.life_s)
    return PowerMetrics(average_w, peak_w, charge_j / average_w if charge_j is not None and average_w else None)


def heat_metrics(trace: Trace, device: DeviceSpec, warmup_s: float) -> HeatMetrics:
    """Peak temperatures and throttling."""
    nodes = counters_of(trace, "temperature_c")
    peaks = {name: node.peak(warmup_s) for name, node in nodes.items()}
    skins = [peaks[name] for name, node in device.thermal.nodes.items() if node.is_skin and name in peaks]
    dies = [peaks[name] for name, node in device.thermal.nodes.items() if name in peaks and set(node.heated_by) & set(device.units)]
    domains = throttled_domains(trace, device, warmup_s)
    found = trace.totals.get("runaway")
    return HeatMetrics(
        nodes_peak_c=peaks,
        nodes_end_c={name: node.at(trace.end_s) for name, node in nodes.items()},
        skin_peak_c=max(skins, default=None),
        die_peak_c=max(dies, default=None),
        throttled_s=max((domain.throttled_s for domain in domains.values()), default=0.0),
        first_throttle_s=min((domain.first_s for domain in domains.values()), default=None),
        domains=domains,
        runaway=None if found is None else RunawayMetrics(found["node"], trace.end_s, found["temperature_c"], found["gain"]),
    )


def throttled_domains(trace: Trace, device: DeviceSpec, warmup_s: float) -> dict[str, ThrottleMetrics]:
    """Domains whose recorded thermal limit was ever below their highest clock."""
    result: dict[str, ThrottleMetrics] = {}
    for name, limit in counters_of(trace, "limit_hz").items():
        highest_hz = float(device.domains[name].operating_points[-1].frequency_hz)
        below = limit.values < highest_hz * (1 - 1e-9)
        if below.any():
            throttled_s, window_s = limit.seconds_where(below, warmup_s), trace.end_s - warmup_s
            ratio = throttled_s / window_s if window_s > 0 else 0.0
            result[name] = ThrottleMetrics(throttled_s, ratio, float(limit.times_s[below][0]), float(limit.values.min()))
    return result


def memory_metrics(trace: Trace, device: DeviceSpec, programs: Mapping[str, Program]) -> MemoryMetrics:
    """Peak memory as recorded; where nothing was recorded, all models loaded at once."""
    recorded = total(counters_of(trace, "memory_bytes").values())
    resident = sum(program.resident_bytes for program in programs.values())
    return MemoryMetrics(
        peak_bytes=recorded.peak() if recorded else resident,
        available_bytes=float(device.memory.capacity_bytes - device.memory.reserved_bytes),
        storage_bytes=stored_bytes(programs.values()),
        loads_count=trace.totals.get("model_loads"),
        evictions_count=trace.totals.get("evictions"),
        loading_s=trace.totals.get("loading_s"),
        cold_starts_count=trace.totals.get("cold_starts"),
        cold_start_s=trace.totals.get("cold_start_s"),
    )
