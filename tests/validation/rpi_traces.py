"""The Raspberry Pi cooling traces of nschloe/stressberry: 150 s idle, 300 s of load on four cores, 150 s of cooling down."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from device_models.thermal_fit import Parameters, PowerProfile, Prior, Topology, Trace, ladder, load_steps, plausible

SOURCE = "nschloe/stressberry (temperatures, clock); Raspberry Pi documentation, power-supplies (idle 0.6 A, stress 1.2 A at 5.1 V)"
IDLE_W, LOAD_W = 3.06, 6.12
CPU_IDLE_W = 0.2  # of the idle power, on the die; the rest warms the board. Estimated: 0.1 W of leakage and as much of idle clocks
NOMINAL_MHZ = 1500.0
LEARNT_UNTIL_S, PREDICTED_UNTIL_S = 300.0, 450.0  # idle and the first 150 s of load; the second 150 s of load
HEAT = {"soc": ("cpu",), "board": ("base",)}


def read_runs(shared: Path) -> dict[str, tuple[Trace, PowerProfile]]:
    """Trace and power of each run. Overclocked runs draw more in proportion to their clock: nobody states their voltage."""
    rows: dict[str, list[dict[str, str]]] = {}
    with (shared / "measurements" / "rpi_thermal_traces.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["run"], []).append(row)
    return {run: _run(table) for run, table in rows.items()}


def board_and_air(trace: Trace, profile: PowerProfile) -> Prior:
    """Die, board and what surrounds it."""
    return plausible(ladder(("soc", "board", "case"), HEAT), trace, profile)


def with_sink(board: Parameters, trace: Trace, profile: PowerProfile) -> Prior:
    """A board that is known, and on its die a heat sink that is not: pad, sink and the way to the air are free."""
    old = board.topology
    links = (*old.links, ("soc", "sink"), ("sink", "ambient"))
    shape = Topology((*old.nodes, "sink"), links, old.heated_by, old.observed)
    guess = plausible(ladder(("soc", "sink"), HEAT), trace, profile).middle
    middle = Parameters(
        shape,
        np.concatenate([board.resistance_k_per_w, guess.resistance_k_per_w]),
        np.append(board.heat_capacity_j_per_k, guess.heat_capacity_j_per_k[-1]),
        guess.ambient_c,
    )
    known = len(old.links)
    spread = np.concatenate([np.zeros(known), [2.0, 2.0], np.zeros(len(old.nodes)), [2.0, 3.0]])
    return Prior(middle, spread)


def rms_k(predicted: np.ndarray, trace: Trace, after_s: float, until_s: float) -> float:
    """Root mean square of the error in ``(after_s, until_s]``, K."""
    inside = (trace.time_s > after_s) & (trace.time_s <= until_s)
    return float(np.sqrt(np.mean((predicted - trace.temperature_c)[inside] ** 2)))


def _run(rows: list[dict[str, str]]) -> tuple[Trace, PowerProfile]:
    trace = Trace(np.array([float(row["t_s"]) for row in rows]), np.array([float(row["soc_temp_C"]) for row in rows]))
    on, off = load_steps(trace)
    assert off is not None
    clock = max((float(row["cpu_MHz"]) for row in rows if row["cpu_MHz"]), default=NOMINAL_MHZ)
    load = (LOAD_W - IDLE_W) * clock / NOMINAL_MHZ
    cpu = np.array([CPU_IDLE_W, CPU_IDLE_W + load, CPU_IDLE_W])
    return trace, PowerProfile(np.array([0.0, on, off]), {"cpu": cpu, "base": np.full(3, IDLE_W - CPU_IDLE_W)})
