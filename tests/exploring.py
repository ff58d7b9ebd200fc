"""Points and evaluators whose outcomes are known beforehand, cheap or dear as wanted."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point

BASE = "0" * 64
AXES = ("device.units.npu.frequency", "models.detector.precision", "seed")


def points(count: int) -> Iterator[Point]:
    """A grid over two axes and as many seeds as it takes."""
    for position in range(count):
        frequency = ("600 MHz", "1 GHz", "1.2 GHz")[position % 3]
        precision = ("fp16", "int8")[position // 3 % 2]
        yield Point(position, ((AXES[0], frequency), (AXES[1], precision), (AXES[2], position // 6)))


def outcome(point: Point) -> Outcome:
    """Some number for everything, from the changes alone."""
    canonical = json.dumps({"base": BASE, **dict(point.changes)}, sort_keys=True)
    key = hashlib.sha256(canonical.encode()).hexdigest()
    number = int(key[:8], 16)
    metrics: dict[str, float | int | str | None] = {
        "latency_p99_s": math.sin(number) * 1e-3 + 0.02,
        "energy_j": number / 7,
        "requests_count": number % 100,
        "bound": ("memory", "compute")[number % 2],
        "accuracy_ratio": None if number % 3 else 0.7,
    }
    return Outcome(point=point, key=key, canonical=canonical, metrics=metrics, problems=(), status="done", cpu_s=0.0)


@dataclass(frozen=True)
class Burn:
    """Takes so many seconds of processor time a point. Positions in ``deadly`` end their worker as kill -9 does; ``wrong``: mistakes; ``faulty``: raise."""

    seconds: float = 0.0
    deadly: frozenset[int] = frozenset()
    wrong: frozenset[int] = frozenset()
    faulty: frozenset[int] = frozenset()
    log: Path | None = None  # a line per evaluation: position and process

    def __call__(self, point: Point) -> Outcome:
        if self.log is not None:
            with self.log.open("a") as stream:
                stream.write(f"{point.position} {os.getpid()}\n")
        until_s = time.thread_time() + self.seconds
        while time.thread_time() < until_s:
            pass
        if point.position in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if point.position in self.faulty:
            raise ZeroDivisionError("faulty")
        if point.position in self.wrong:
            return Outcome(point=point, key="", canonical="", metrics={}, problems=("seed: must be at least 0",), status="mistake", cpu_s=0.0)
        return outcome(point)
