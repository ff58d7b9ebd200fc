"""Builds what watches temperatures: thermal zones from a device's trip points, and its fan, with the governors a scenario chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device_models.power import dynamic_w, leakage_w, memory_w
from device_models.spec import RADIO, DeviceSpec
from device_models.thermal import RcNetwork
from device_models.thermal_feedback import JUNCTION_MAX_C
from device_models.thermal_spec import Trip
from sim.policies.cooling import FANS
from sim.policies.throttling import THROTTLING, ThermalGovernor
from sim.runtime.clock import Clock
from sim.runtime.fan import Fan
from sim.runtime.frequency import Domain
from sim.runtime.heat import Heat
from sim.runtime.power import PowerState
from sim.runtime.throttling import Zone
from sim.scenario.model import Scenario, tuned

HOTTEST_C = JUNCTION_MAX_C  # for bounds of leakage


def cooled(device: DeviceSpec, scenario: Scenario) -> DeviceSpec:
    """The device with the cooling variant that the scenario chooses, and radios that heat a node."""
    thermal = device.thermal if scenario.cooling is None else device.thermal.cooled(scenario.cooling)
    thermal = thermal.with_base([RADIO + name for name in device.radios])
    return device if thermal is device.thermal else device.model_copy(update={"thermal": thermal})


def thermal_zones(
    clock: Clock,
    device: DeviceSpec,
    scenario: Scenario,
    heat: Heat,
    domains: Mapping[str, Domain],
    power: PowerState,
    is_idle: Callable[[], bool],
    drawn_w: Callable[[], dict[str, float]],
) -> list[Zone]:
    """One zone for the trips that share node, domains and governor."""
    groups: dict[tuple[str, tuple[str, ...], str], list[Trip]] = {}
    for trip in device.thermal.trips:
        if trip.domains:
            groups.setdefault((trip.node, trip.domains, _governor_name(trip, device, scenario)), []).append(trip)
    zones = []
    for number, ((node, names, governor), trips) in enumerate(groups.items()):
        members = [[index for index, unit in enumerate(device.units.values()) if unit.domain == name] for name in names]
        tables = [highest_powers_w(device, name) for name in names]
        switched_j = _by_domain(power, members)
        acts = _governor(governor, node, scenario)
        power.measures_switching |= acts.needs_power
        zones.append(Zone(clock, heat, number, trips, acts, [domains[name] for name in names], tables, is_idle, drawn_w, switched_j))
    return zones


def the_fan(
    clock: Clock,
    device: DeviceSpec,
    scenario: Scenario,
    heat: Heat,
    is_idle: Callable[[], bool],
    drawn_w: Callable[[], dict[str, float]],
    changed: Callable[[int], None],
) -> Fan | None:
    """The device's fan, if it has one."""
    spec = device.thermal.fan
    if spec is None:
        return None
    choice = tuned(spec.governor if scenario.fan is None else scenario.fan)
    return Fan(clock, heat, spec, FANS[choice.name].tuned(choice.tunables), is_idle, drawn_w, changed)


def highest_powers_w(device: DeviceSpec, domain: str) -> list[float]:
    """The most the units of a domain switch at each operating point: all cores busy, without leakage."""
    units = [unit for unit in device.units.values() if unit.domain == domain]
    points = device.domains[domain].operating_points
    return [sum(dynamic_w(unit.power, float(point.frequency_hz), point.voltage_v, 1.0, float(unit.cores)) for unit in units) for point in points]


def fastest_rise_k_per_s(device: DeviceSpec) -> float:
    """No node warms faster: everything at full power, leakage as at 150 degC, and nothing lost."""
    most = {
        name: sum(highest_powers_w(device, unit.domain)[-1:]) + float(unit.power.idle_w) + leakage_w(unit.power, HOTTEST_C)
        for name, unit in device.units.items()
    }
    most |= {"memory": memory_w(device.memory, float(device.memory.bandwidth_bytes_per_s)), "base": float(device.base_w)}
    most["storage"] = max(float(device.storage.read_w), float(device.storage.idle_w))
    most["fan"] = 0.0 if device.thermal.fan is None else max(float(state.power_w) for state in device.thermal.fan.states)
    most |= {RADIO + name: radio.most_w for name, radio in device.radios.items()}
    network = RcNetwork(device.thermal)
    return float((network.node_power(most) / network.heat_capacity_j_per_k).max())


def _governor_name(trip: Trip, device: DeviceSpec, scenario: Scenario) -> str:
    chosen = scenario.thermal
    own = trip.governor or device.thermal.governor
    return chosen.governor if chosen.governor is not None and chosen.node in (None, trip.node) else own


def _governor(name: str, node: str, scenario: Scenario) -> ThermalGovernor:
    chosen = scenario.thermal
    applies = chosen.node in (None, node) and chosen.governor in (None, name)
    return THROTTLING[name].tuned({key: value for key, value in chosen.tunables.items() if applies and key in THROTTLING[name].tunables})


def _by_domain(power: PowerState, members: list[list[int]]) -> Callable[[], list[float]]:
    def switched_j() -> list[float]:
        energies = power.switched_j()
        return [sum(energies[unit] for unit in units) for units in members]

    return switched_j
