"""Which numbers of a device move together as one parameter, and which are left alone. The first rule that fits a path counts."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """``path``: of a number; ``name``: of its parameter, with the parts of the path that it keeps; ``group`` empty: ``name`` says why it is left alone."""

    path: re.Pattern[str]
    name: str
    group: str


def _rule(path: str, name: str, group: str) -> Rule:
    return Rule(re.compile(path), name, group)


_UNIT = r"units\.(.+)\."
RULES = (
    _rule(_UNIT + r"(?:published_peak|calibration_error)", "says how good a number is, no law reads it", ""),
    _rule(_UNIT + r"core_speeds\[\d+\]", "given relative to the fastest core", ""),
    _rule(_UNIT + r"cores", r"units.\1.cores", "compute"),
    _rule(_UNIT + r"macs_per_cycle\..+", r"units.\1.macs_per_cycle", "compute"),
    _rule(_UNIT + r"on_chip", r"units.\1.on_chip", "compute"),
    _rule(_UNIT + r"sparsity\.(.+)", r"units.\1.sparsity.\2", "compute"),
    _rule(r"units\.(.+?)\.parameters\..+\.([^.]+)", r"units.\1.parameters.\2", "compute"),
    _rule(r"units\.(.+?)\.structure\.(values\.[^.]+|[^.]+)(?:\..+)?", r"units.\1.structure.\2", "compute"),
    _rule(r"units\.(.+?)\.power\.idle_states\[\d+\]\.(.+)", r"units.\1.power.idle_states.\2", "power"),
    _rule(r"units\.(.+?)\.power\.([^.]+)(?:\..+)?", r"units.\1.power.\2", "power"),
    _rule(r"domains\.(.+)\.operating_points\[\d+\]\.(frequency|voltage)", r"domains.\1.\2", "clock"),
    _rule(r"domains\.(.+)\.transition_latency", r"domains.\1.transition_latency", "clock"),
    _rule(r"memory\.(energy|idle)", r"memory.\1", "power"),
    _rule(r"memory\.(.+)", r"memory.\1", "memory"),
    _rule(r"storage\.(read_power|idle)", r"storage.\1", "power"),
    _rule(r"storage\.(.+)", r"storage.\1", "storage"),
    _rule(r"base_power", "base_power", "power"),
    _rule(r"thermal\.cooling\..+", "of a cooling that the scenario does not choose", ""),
    _rule(r"thermal\.nodes\.(.+)\.heat_capacity", r"thermal.nodes.\1.heat_capacity", "heat"),
    _rule(r"thermal\.trips\[(\d+)\]\.temperature", r"thermal.trips.{trip \1}.temperature", "heat"),
    _rule(r"thermal\.trips\[\d+\]\.control\.weights\..+", r"thermal.trips.control.weights", "heat"),
    _rule(r"thermal\.trips\[\d+\]\.(.+)", r"thermal.trips.\1", "heat"),
    _rule(r"thermal\.links\[(\d+)\]\.resistance", r"thermal.links.{link \1}.resistance", "heat"),
    _rule(r"thermal\.fan\.states\[\d+\]\.(.+)", r"thermal.fan.\1", "heat"),
    _rule(r"thermal\.(.+)", r"thermal.\1", "heat"),
    _rule(r"battery\.open_circuit_voltage\[\d+\]\.charge", "a place in a table, not a size", ""),
    _rule(r"battery\.open_circuit_voltage\[\d+\]\.voltage", "battery.voltage", "battery"),
    _rule(r"battery\.(?:nominal_voltage|cutoff_voltage)", "battery.voltage", "battery"),
    _rule(r"battery\.(.+)", r"battery.\1", "battery"),
    _rule(r"radios\.(.+)\.tail\[\d+\]\.(.+)", r"radios.\1.tail_\2", "radio"),
    _rule(r"radios\.(.+)\.([^.]+)", r"radios.\1.\2", "radio"),
    _rule(r"default_ambient", "ambient", "ambient"),
)
GROUPS = tuple(dict.fromkeys(rule.group for rule in RULES if rule.group))


@dataclass(frozen=True)
class Place:
    """The parameter a number belongs to; or, where ``group`` is empty, in ``name`` why it belongs to none."""

    name: str
    group: str


def place_of(path: str) -> Place:
    """Where a number of a device belongs; one that no rule names is a parameter of its own."""
    for rule in RULES:
        if found := rule.path.fullmatch(path):
            return Place(found.expand(rule.name), rule.group)
    return Place(path, path.partition(".")[0])
