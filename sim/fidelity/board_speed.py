"""How fast a board's CPU runs TFLite, from latencies of other networks: a factor each on overheads, arithmetic and memory.

The CPU law is a sum of the three, so that the factors are one least-squares fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.figure import Figure
from device_models.spec import DeviceSpec, UnitSpec
from sim.compiler.program import Program

RIDGE = 1.0  # how firmly the three stay together, in measurements
FASTEST, SLOWEST = 0.05, 20.0


def parts_s(program: Program, device: DeviceSpec) -> np.ndarray:
    """Seconds of overheads, arithmetic (caches with it) and memory of a program ``[3]``, at the highest clocks."""
    total = np.zeros(3)
    for segment in program.segments:
        hz, costs = max_frequency_hz(device, segment.unit), segment.costs
        total += [costs.overhead_cycles.sum() / hz, costs.compute_cycles.sum() / hz, costs.memory_s.sum()]
    return total


def fit_times(parts: Sequence[np.ndarray], measured_s: Sequence[float]) -> np.ndarray:
    """Factors on overheads, arithmetic and memory ``[3]`` that make networks take what was measured; near their common factor where unclear."""
    from scipy.optimize import nnls

    rows, times = np.array(parts), np.array(measured_s)
    common = float(np.exp(np.median(np.log(times / rows.sum(axis=1)))))
    pull = np.sqrt(RIDGE) * np.eye(3)
    found = nnls(np.vstack([common * rows / times[:, None], pull]), np.concatenate([np.ones(len(times)), np.sqrt(RIDGE) * np.ones(3)]))[0]
    return np.asarray(np.clip(common * found, FASTEST, SLOWEST))


def with_times(unit: UnitSpec, threads: int, factors: np.ndarray) -> UnitSpec:
    """The cluster with its overheads, arithmetic and memory taking ``factors`` times as long."""
    overhead, arithmetic, memory = (float(factor) for factor in factors)
    own = {"overhead": overhead, "compute": 1 / arithmetic, "cache": 1 / arithmetic, "memory": 1 / memory}
    figures = {name: Figure(value, "board_energy_fit", "derived", "fitted to latencies of other networks") for name, value in own.items()}
    return unit.model_copy(update={"parameters": {f"threads_{threads}": figures}})
