"""Checks of governors, trip points, cooling variants and fans of a scenario against its device."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from device_models.spec import DeviceSpec
from sim.scenario.known import Finding, Known, near, unknown_name
from sim.scenario.raw import Raw

_OF_THERMAL = ("governor", "node")


def climate_findings(root: Raw, device: DeviceSpec | None, known: Known) -> Iterator[Finding]:
    """Everything wrong with ``governors``, ``thermal``, ``cooling``, ``fan``, ``idle`` and ``ambient``."""
    for domain, governor in root.get("governors").items():
        yield from tuned_policy(governor, "governor", known.governors, known)
        if device is not None:
            yield from _domain(device, domain, governor)
    yield from tuned_policy(root.get("fan"), "fan governor", known.fan_governors, known)
    yield from unknown_name(root.get("idle"), "idle policy", known.idle_policies)
    yield from _thermal_tunables(root.get("thermal"), device, known)
    if device is not None:
        yield from _cooling(root, device)
        yield from _thermal_node(root.get("thermal"), device)
        yield from _voltages(root.get("thermal"), device, known)
        yield from _ambient(root.get("ambient"), device)


def tuned_policy(choice: Raw, what: str, names: Collection[str] | None, known: Known) -> Iterator[Finding]:
    """A policy by name, or ``{name: policy, tunable: value}``."""
    yield from unknown_name(choice, what, names)
    name = choice.get("name")
    if not isinstance(choice.value, dict) or name.value is None:
        return
    unknown = list(unknown_name(name, what, names))
    yield from unknown
    if unknown or known.tunable_problem is None or (policy := name.text()) is None:
        return
    for key, value in choice.items():
        if key != "name" and (problem := known.tunable_problem(what, policy, key, value.value)):
            yield Finding(value.path, problem, at_key=problem.startswith("unknown"))


def _domain(device: DeviceSpec, name: str, governor: Raw) -> Iterator[Finding]:
    if name not in device.domains:
        yield Finding(governor.path, f"{device.name} has no DVFS domain {name!r}; {near(name, device.domains)}", at_key=True)
        return
    points = [float(point.frequency_hz) for point in device.domains[name].operating_points]
    wanted = governor.get("frequency").quantity("frequency")
    if wanted is not None and not points[0] * (1 - 1e-9) <= wanted <= points[-1] * (1 + 1e-9):
        what = f"{wanted / 1e6:g} MHz is not between the operating points of {name}, {points[0] / 1e6:g} to {points[-1] / 1e6:g} MHz"
        yield Finding(governor.get("frequency").path, what)


def _cooling(root: Raw, device: DeviceSpec) -> Iterator[Finding]:
    cooling, variants = root.get("cooling"), device.thermal.coolings()
    name = cooling.text()
    if name is not None and name not in variants:
        has = near(name, variants) if variants else f"{device.name} has one way of cooling only"
        yield Finding(cooling.path, f"unknown cooling {name!r}; {has}")
        return
    thermal = device.thermal if name is None else device.thermal.cooled(name)
    if root.get("fan").value is not None and thermal.fan is None:
        yield Finding(root.get("fan").path, f"{device.name} has no fan" + (f" with cooling {name}" if name else ""), at_key=True)


def _thermal_node(thermal: Raw, device: DeviceSpec) -> Iterator[Finding]:
    node, trips = thermal.get("node"), {trip.node for trip in device.thermal.trips}
    if (name := node.text()) is not None and name not in trips:
        yield Finding(node.path, f"{device.name} has no trip point on node {name!r}; {near(name, trips)}")
    if thermal.get("governor").text() is not None and not trips:
        yield Finding(thermal.get("governor").path, f"{device.name} has no trip points for a thermal governor to act on")


def _governors_in_use(thermal: Raw, device: DeviceSpec) -> dict[str, set[str]]:
    """Thermal governor -> the domains it acts on."""
    chosen, node = thermal.get("governor").text(), thermal.get("node").text()
    found: dict[str, set[str]] = {}
    for trip in device.thermal.trips:
        name = chosen if chosen is not None and node in (None, trip.node) else trip.governor or device.thermal.governor
        found.setdefault(name, set()).update(trip.domains)
    return found


def _thermal_tunables(thermal: Raw, device: DeviceSpec | None, known: Known) -> Iterator[Finding]:
    governor = thermal.get("governor")
    unknown = list(unknown_name(governor, "thermal governor", known.thermal_governors))
    yield from unknown
    if unknown or known.tunable_problem is None or not isinstance(thermal.value, dict):
        return
    used = {name} if (name := governor.text()) is not None else set(_governors_in_use(thermal, device)) if device else set()
    for key, value in thermal.items():
        if key not in _OF_THERMAL:
            yield from _tunable_of_any(used, key, value, known)


def _tunable_of_any(governors: Collection[str], key: str, value: Raw, known: Known) -> Iterator[Finding]:
    """A tunable must be one of a governor in use, and have a value that it takes."""
    assert known.tunable_problem is not None
    problems = [known.tunable_problem("thermal governor", name, key, value.value) for name in sorted(governors)]
    wrong: Any = [problem for problem in problems if problem is not None and not problem.startswith("unknown")]
    if wrong:
        yield Finding(value.path, wrong[0])
    elif problems and None not in problems:
        yield Finding(value.path, f"{', '.join(sorted(governors))}: {problems[0]}", at_key=True)


def _voltages(thermal: Raw, device: DeviceSpec, known: Known) -> Iterator[Finding]:
    for name, domains in _governors_in_use(thermal, device).items():
        if name not in known.power_governors:
            continue
        bare = sorted(domain for domain in domains if any(point.voltage_v is None for point in device.domains[domain].operating_points))
        if bare:
            what = f"{name} needs the power of each operating point, and so its voltage: {device.name} gives none for {', '.join(bare)}"
            yield Finding((thermal.get("governor") if thermal.get("governor").value else Raw(None, ("device",))).path, what)


def _ambient(ambient: Raw, device: DeviceSpec) -> Iterator[Finding]:
    given = ambient.quantity("temperature")
    if given is None:
        return
    for trip in device.thermal.trips:
        if trip.temperature_c <= given:
            what = f"the trip point of node {trip.node} at {trip.temperature_c:g} degC is not above the ambient {given:g} degC: it would throttle for ever"
            yield Finding(ambient.path, what)
            return
