"""When tasks come to the devices of a group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath

import numpy as np

from sim.fleet.device import Device
from sim.scenario.model import Arrival, Periodic, Poisson
from sim.workload.arrivals import arrival_times
from sim.workload.streams import stream

_DRAWS = 4096


def task_arrivals(arrival: Arrival, name: str, devices: Sequence[Device], duration_s: float, seed: int, directory: FilePath) -> Iterator[tuple[float, Device]]:
    """All arrivals of a kind of task over its group, in order of time: merged streams of Poisson and periodic tasks, or one stream for each device."""
    rng = stream(seed, f"arrival/{name}")
    if isinstance(arrival, Poisson):
        return _merged_poisson(float(arrival.rate_hz) * len(devices), devices, duration_s, rng)
    if isinstance(arrival, Periodic) and not arrival.jitter_s:
        return _staggered(float(arrival.rate_hz), devices, duration_s, rng)
    from heapq import merge

    streams = (
        ((time_s, device) for time_s in arrival_times(arrival, duration_s, 0.0, None, stream(seed, f"arrival/{name}/{device.number}"), directory))
        for device in devices
    )
    return merge(*streams, key=lambda row: row[0])


def _merged_poisson(rate_hz: float, devices: Sequence[Device], duration_s: float, rng: np.random.Generator) -> Iterator[tuple[float, Device]]:
    """The sum of independent Poisson processes: one of the sum of the rates, each arrival on a device at random."""
    last_s = 0.0
    while True:
        times = last_s + np.cumsum(rng.exponential(1.0 / rate_hz, _DRAWS))
        chosen = rng.integers(0, len(devices), _DRAWS)
        for time_s, index in zip(times.tolist(), chosen.tolist(), strict=True):
            if time_s >= duration_s:
                return
            yield time_s, devices[index]
        last_s = float(times[-1])


def _staggered(rate_hz: float, devices: Sequence[Device], duration_s: float, rng: np.random.Generator) -> Iterator[tuple[float, Device]]:
    """Every device once a period, each with a phase of its own."""
    phases = rng.random(len(devices)) / rate_hz
    order = np.argsort(phases, kind="stable").tolist()
    ordered = [(float(phases[index]), devices[index]) for index in order]
    period = 0
    while True:
        begin_s = period / rate_hz
        for phase_s, device in ordered:
            if begin_s + phase_s >= duration_s:
                return
            yield begin_s + phase_s, device
        period += 1
