"""Servers with random service times, several units and batches against queueing theory, within 99 % confidence intervals.

Means come from independent replications with fixed seeds, the first part of each left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import serving
import synthetic

from sim.trace import Status, Trace

SERVICE_S = 0.01
REPLICATIONS, REQUESTS, LEFT_OUT = 12, 6000, 0.1


def _stage(units: int, **spread: Any) -> dict[str, Any]:
    return serving.code(units=[f"cpu{index}" for index in range(units)], **({"spread": spread} if spread else {}))


def _replicated(run: Callable[[int], Trace]) -> tuple[np.ndarray, np.ndarray]:
    """Mean wait and mean number in the system, of each replication."""
    waits, numbers = [], []
    for seed in range(REPLICATIONS):
        trace = run(seed)
        requests = trace.requests.columns()
        from_s = LEFT_OUT * trace.end_s
        counted = (requests["arrival_s"] > from_s) & (requests["status"] != Status.UNFINISHED)
        waits.append(float((requests["start_s"] - requests["arrival_s"])[counted].mean()))
        numbers.append(serving.number_in_system(trace, from_s, trace.end_s))
    return np.array(waits), np.array(numbers)


def _agrees(values: np.ndarray, expected: float, narrow: float = 0.25) -> None:
    """The expected mean lies in the 99 % interval, and that is narrow enough to tell something."""
    from scipy import stats

    half = float(stats.t.ppf(0.995, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    assert values.mean() - half <= expected <= values.mean() + half, (values.mean(), half, expected)
    assert half < narrow * expected


def _against(load: float, units: int, wait_s: float, stage: dict[str, Any]) -> None:
    rate_hz = load * units / SERVICE_S
    workload = {"arrival": {"kind": "poisson", "rate": f"{rate_hz} Hz"}, "pipeline": [stage]}
    given = serving.scenario({"load": workload}, REQUESTS / rate_hz)
    device = synthetic.device([f"cpu{index}" for index in range(units)])
    waits, numbers = _replicated(lambda seed: serving.run(given, device, {"one": {1: SERVICE_S}}, seed=seed))
    _agrees(waits, wait_s)
    _agrees(numbers, rate_hz * (wait_s + SERVICE_S))  # Little


@pytest.mark.parametrize("load", [0.4, 0.65])
def test_mm1(load: float) -> None:
    """Wq = rho s / (1 - rho)."""
    _against(load, 1, load * SERVICE_S / (1 - load), _stage(1, kind="exponential"))


@pytest.mark.parametrize("load", [0.5, 0.75])
def test_md1(load: float) -> None:
    """Wq = rho s / (2 (1 - rho))."""
    _against(load, 1, load * SERVICE_S / (2 * (1 - load)), _stage(1))


@pytest.mark.parametrize(("units", "load"), [(2, 0.6), (4, 0.7)])
def test_mmc(units: int, load: float) -> None:
    """Erlang's C formula: Wq = C(c, a) s / (c - a)."""
    offered = units * load
    tail = offered**units / math.factorial(units) / (1 - load)
    waits = tail / (sum(offered**k / math.factorial(k) for k in range(units)) + tail)
    _against(load, units, waits * SERVICE_S / (units - offered), _stage(units, kind="exponential"))


@pytest.mark.parametrize(("kind", "cv"), [("gamma", 0.5), ("gamma", 1.4), ("lognormal", 0.8), ("uniform", 0.4)])
def test_mg1(kind: str, cv: float) -> None:
    """Pollaczek and Khinchine: Wq = rho s (1 + cv^2) / (2 (1 - rho))."""
    load = 0.6
    _against(load, 1, load * SERVICE_S * (1 + cv**2) / (2 * (1 - load)), _stage(1, kind=kind, cv=cv))


def _bulk(rate_hz: float, seconds: dict[int, float], largest: int) -> tuple[float, float, float]:
    """M/D^[1,b]/1 with a length for each compiled size: wait in the queue, number in the system, batch size, all means.

    The chain of what is left behind when a batch ends: the next one takes up to ``largest`` of it (or the first who comes), and a
    Poisson number comes while it runs. Time averages by weighting with the time between ends.
    """
    from scipy import stats

    states = 600
    taken = np.minimum(np.maximum(np.arange(states), 1), largest)
    left = np.maximum(np.arange(states) - taken, 0)
    length = np.array([seconds[min(size for size in seconds if size >= one)] for one in taken])
    step = np.zeros((states, states))
    for state in range(states):
        step[state, left[state] :] = stats.poisson.pmf(np.arange(states - left[state]), rate_hz * length[state])
        step[state, -1] += 1 - step[state].sum()
    share = np.linalg.lstsq(np.vstack([step.T - np.eye(states), np.ones(states)]), np.append(np.zeros(states), 1.0), rcond=None)[0]
    assert share[-50:].sum() < 1e-9
    cycle_s = share @ length + share[0] / rate_hz
    waiting = share @ (left * length + rate_hz * length**2 / 2) / cycle_s
    return waiting / rate_hz, waiting + share @ (taken * length) / cycle_s, share @ taken


@pytest.mark.parametrize(
    ("rate_hz", "seconds", "largest"),
    [
        (300.0, {4: 0.01}, 4),  # one length for all sizes, load 0.75 of full batches
        (350.0, {8: 0.02}, 8),
        (250.0, {1: 0.004, 2: 0.006, 4: 0.01, 8: 0.018}, 8),  # compiled for four sizes: three requests run as four
        (400.0, {1: 0.005, 6: 0.012}, 6),
    ],
)
def test_bulk_service(rate_hz: float, seconds: dict[int, float], largest: int) -> None:
    stage = serving.batched(max_size=largest, buckets=sorted(seconds), policy="greedy")
    given = serving.scenario({"load": {"arrival": {"kind": "poisson", "rate": f"{rate_hz} Hz"}, "pipeline": [stage]}}, REQUESTS / rate_hz)
    device = synthetic.device(["cpu"])
    sizes: list[float] = []

    def run(seed: int) -> Trace:
        trace = serving.run(given, device, {"one": seconds}, seed=seed)
        batches = trace.queues[0].sizes
        sizes.append(sum(size * number for (size, _), number in batches.items()) / sum(batches.values()))
        return trace

    waits, numbers = _replicated(run)
    wait_s, number, size = _bulk(rate_hz, seconds, largest)
    _agrees(waits, wait_s)
    _agrees(numbers, number)
    _agrees(np.array(sizes), size)


def test_delay_fills_batches() -> None:
    """Far below capacity a batch is whoever comes within the delay after its first: 1 + lambda d requests."""
    rate_hz, delay_s = 200.0, 0.02
    stage = serving.batched(max_size=64, buckets=[64], max_delay=f"{delay_s} s")
    given = serving.scenario({"load": {"arrival": {"kind": "poisson", "rate": f"{rate_hz} Hz"}, "pipeline": [stage]}}, REQUESTS / rate_hz)
    means = []
    for seed in range(REPLICATIONS):
        batches = serving.run(given, synthetic.device(["cpu"]), {"one": {64: 1e-6}}, seed=seed).queues[0].sizes
        means.append(sum(size * number for (size, _), number in batches.items()) / sum(batches.values()))
    _agrees(np.array(means), 1 + rate_hz * delay_s)
