"""What runs in a fleet that offloads: groups of devices, kinds of tasks, and the ways a task can take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from device_models.radio import RadioSpec
from sim.compiler.program import Program
from sim.fleet.server import ServedWork
from sim.scenario.batching import Spread
from sim.scenario.model import Arrival


@dataclass(frozen=True)
class Near:
    """What a device computes: seconds and joules above its idle power. ``programs``: that run, for devices that are simulated in full."""

    seconds: float = 0.0
    joules: float = 0.0
    programs: tuple[Program, ...] = ()


@dataclass(frozen=True)
class Exit:
    """An early exit on the device. ``until``: share of all tasks that have left here or before; ``near``: all that is computed up to here."""

    name: str
    until: float
    near: Near


@dataclass(frozen=True)
class Way:
    """One way a task can take. ``server``: "" if the device does all; ``cut``: the operator or exit after which the server goes on, "" if it does all.

    ``near``: on the device, by tasks that leave at none of the ``exits``. ``up_bytes``, ``down_bytes``: sent and received.
    ``work``: what the server runs, None without one.
    """

    server: str = ""
    cut: str = ""
    near: Near = Near()
    up_bytes: float = 0.0
    down_bytes: float = 0.0
    work: ServedWork | None = None
    exits: tuple[Exit, ...] = ()

    @property
    def name(self) -> str:
        """Of the way, for tables."""
        if not self.server:
            return "local"
        return f"{self.server} after {self.cut}" if self.cut else self.server

    @cached_property
    def goes_on(self) -> float:
        """Share of tasks that leave at no exit."""
        return 1.0 - (self.exits[-1].until if self.exits else 0.0)

    def expected_near(self) -> Near:
        """The mean over the exits of what the device computes."""
        seconds, joules, before = self.goes_on * self.near.seconds, self.goes_on * self.near.joules, 0.0
        for exit in self.exits:
            share, before = exit.until - before, exit.until
            seconds, joules = seconds + share * exit.near.seconds, joules + share * exit.near.joules
        return Near(seconds, joules)

    def exit_of(self, draw: float) -> int:
        """The exit at which a task leaves that drew this number from 0 to 1; -1 for none."""
        return next((index for index, exit in enumerate(self.exits) if draw < exit.until), -1)


@dataclass(frozen=True)
class Path:
    """From a device to a server: positions of the links in both directions, and what a transfer takes beyond its bytes.

    ``latency_s``: one way; ``jitter_s``: uniform on top, each way; ``loss``: share of packets that are lost and sent again.
    ``up_bytes_per_s``, ``down_bytes_per_s``: of links on the way that the device has to itself. ``hops``: connections on the way.
    """

    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()
    latency_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    up_bytes_per_s: float = math.inf
    down_bytes_per_s: float = math.inf
    hops: int = 1


@dataclass(frozen=True)
class Move:
    """A hand-over of a group: from ``at_s`` on, and again after every ``every_s``, by other ``paths``, after an outage."""

    at_s: float
    paths: Mapping[str, Path]
    outage_s: float = 0.0
    every_s: float = math.inf


@dataclass(frozen=True)
class Roaming:
    """Each device moves by itself from node to node. ``places``: the paths from each; ``dwell_s``: mean stay, all alike or ``exponential``."""

    places: tuple[Mapping[str, Path], ...]
    dwell_s: float
    exponential: bool = True
    outage_s: float = 0.0


@dataclass(frozen=True)
class Group:
    """Devices of one kind. ``idle_w``: of each while it does nothing, radio apart. ``up_bytes_per_s``, ``down_bytes_per_s``: of its radio.

    ``battery_j``: what a full battery holds; None without one. ``paths``: to each server, at the start; ``moves``: hand-overs of them
    all; ``roaming``: of each by itself, None for neither.
    """

    name: str
    count: int
    idle_w: float
    radio: RadioSpec | None
    up_bytes_per_s: float = math.inf
    down_bytes_per_s: float = math.inf
    battery_j: float | None = None
    paths: Mapping[str, Path] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    roaming: Roaming | None = None


@dataclass(frozen=True)
class TaskKind:
    """A stream of equal tasks on every device of a group. ``ways``: the first is the device alone. ``spread``: how the device's work scatters."""

    name: str
    group: str
    ways: tuple[Way, ...]
    arrival: Arrival
    policy: str = "local"
    tunables: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float = math.inf
    timeout_s: float = math.inf
    input_bytes: float = 0.0
    spread: Spread | None = None
