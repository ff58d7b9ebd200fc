"""What runs in a fleet that offloads: groups of devices, kinds of tasks, and the ways a task can take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from device_models.radio import RadioSpec
from sim.fleet.server import ServedWork
from sim.scenario.model import Arrival


@dataclass(frozen=True)
class Way:
    """One way a task can take. ``server``: "" if the device does all; ``cut``: the operator after which the server goes on, "" if it does all.

    ``near_s``, ``near_j``: on the device, above its idle power. ``up_bytes``, ``down_bytes``: sent and received. ``work``: what the
    server runs, None without one.
    """

    server: str = ""
    cut: str = ""
    near_s: float = 0.0
    near_j: float = 0.0
    up_bytes: float = 0.0
    down_bytes: float = 0.0
    work: ServedWork | None = None

    @property
    def name(self) -> str:
        """Of the way, for tables."""
        if not self.server:
            return "local"
        return f"{self.server} after {self.cut}" if self.cut else self.server


@dataclass(frozen=True)
class Path:
    """From a device to a server: positions of the links in both directions, and what a transfer takes beyond its bytes.

    ``latency_s``: one way; ``jitter_s``: uniform on top, each way; ``loss``: share of packets that are lost and sent again.
    """

    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()
    latency_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True)
class Group:
    """Devices of one kind. ``idle_w``: of each while it does nothing, radio apart. ``up_bytes_per_s``, ``down_bytes_per_s``: its own access.

    ``battery_j``: what a full battery holds; None without one. ``paths``: to each server.
    """

    name: str
    count: int
    idle_w: float
    radio: RadioSpec | None
    up_bytes_per_s: float = math.inf
    down_bytes_per_s: float = math.inf
    battery_j: float | None = None
    paths: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskKind:
    """A stream of equal tasks on every device of a group. ``ways``: the first is the device alone."""

    name: str
    group: str
    ways: tuple[Way, ...]
    arrival: Arrival
    policy: str = "local"
    tunables: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float = math.inf
    timeout_s: float = math.inf
    input_bytes: float = 0.0
