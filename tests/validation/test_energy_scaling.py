"""Energy and latency of tiny accelerators at two voltages through the simulator, and mean power of microcontrollers against their clock."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sim.fidelity.datasets import load_dataset
from sim.fidelity.predict import predict
from sim.fidelity.tiny_systems import by_line

SOURCE = "MLPerf Tiny results v0.7 to v1.3 (mlcommons/tiny_results_*)"
# board -> software release of the rows with active power; fast and slow clock MHz with the core voltage of the range each needs.
# The ranges are those of ST's reference manuals RM0455, RM0432, RM0456: recalled, unconfirmed, hence estimated.
BOARDS = {
    "NUCLEO-H7A3ZI-Q": ("v1.2", (280.0, 1.3), (40.0, 1.0)),
    "NUCLEO-L4R5ZI-P": ("v1.3", (120.0, 1.28), (70.0, 1.2)),
    "NUCLEO-U575ZI-Q": ("v1.3", (160.0, 1.2), (60.0, 1.1)),
}
WAIT_FLOOR_SHARE = 0.5  # estimated: of waiting with the clock running, half is the clock tree and half has no clock


@pytest.mark.parametrize(("group", "pairs"), [("GAP9", 4), ("NDP9120", 3)])
@pytest.mark.parametrize("name", ["tiny_energy", "tiny_latency"])
def test_energy_and_latency_at_another_voltage_and_clock(name: str, group: str, pairs: int) -> None:
    """One capacitance and one set of cycles for both operating points: the ratio between them is the measured one within 15 %."""
    dataset = load_dataset(name)
    cases = [case for case in dataset.cases() if case.group == group]
    devices = dataset.devices(cases, "in-sample")
    ratios: dict[str, list[tuple[float, float, float]]] = {}
    for case, device in zip(cases, devices, strict=True):
        assert device is not None
        ratios.setdefault(case.family, []).append((by_line()[case.line].clock_hz, predict(case, device), case.measured))
    print(f"\n{SOURCE}")
    errors = []
    for family, points in ratios.items():
        (_, slow, slow_measured), (_, fast, fast_measured) = sorted(points)
        errors.append(fast / slow / (fast_measured / slow_measured) - 1)
        print(f"{group} {name} {family:4s} from the slow point to the fast one {errors[-1]:+.1%}")
    assert len(errors) == pairs
    assert np.abs(errors).max() <= 0.15


def mean_w(active_w: float, wait_w: float, floor_w: float, duty: float, scale: float) -> float:
    """Mean power at a duty cycle where all but ``floor_w`` of working and waiting follows ``scale`` (clock times voltage squared)."""
    working, waiting = (floor_w + (watts - floor_w) * scale for watts in (active_w, wait_w))
    return duty * working + (1 - duty) * waiting


def test_mean_power_of_a_duty_cycle_at_another_clock(shared: Path) -> None:
    """Power at the slow clock from active power and the fast row alone, with half of the waiting power held to be fixed.

    Printed beside it: everything in proportion to the clock, without recalled voltages.
    """
    errors, plain_errors = [], []
    print(f"\n{SOURCE}, streaming wake word; core voltages of the ranges are recalled")
    for board, pair in _duty_rows(shared).items():
        scale = pair["slow_hz"] / pair["fast_hz"]
        squared = (pair["slow_v"] / pair["fast_v"]) ** 2
        powers = pair["active_w"], pair["wait_w"]
        errors.append(mean_w(*powers, WAIT_FLOOR_SHARE * pair["wait_w"], pair["slow_duty"], scale * squared) / pair["slow_w"] - 1)
        plain_errors.append(mean_w(*powers, 0.0, pair["slow_duty"], scale) / pair["slow_w"] - 1)
        print(f"{board:16s} measured {1e3 * pair['slow_w']:.2f} mW, error {errors[-1]:+.1%} (in proportion to the clock {plain_errors[-1]:+.1%})")
    assert len(errors) == 3
    assert np.abs(errors).max() <= 0.15
    assert np.median(np.abs(plain_errors)) <= 0.15


def _duty_rows(shared: Path) -> dict[str, dict[str, float]]:
    table = list(_rows(shared))
    found = {}
    for board, (release, (fast, fast_v), (slow, slow_v)) in BOARDS.items():
        own = [row for row in table if row["board"] == board and row["energy_run_power_mw"]]
        words = [row for row in own if row["benchmark"] == "sww"]
        duty = {float(row["freq_mhz"]): (float(row["variant"].removeprefix("duty_cycle=")), float(row["energy_run_power_mw"]) / 1e3) for row in words}
        busy = [float(row["energy_run_power_mw"]) / 1e3 for row in own if row["benchmark"] != "sww" and row["version"] == release]
        active = float(np.median(busy))
        share, mean = duty[fast]
        found[board] = {
            "active_w": active, "wait_w": (mean - share * active) / (1 - share), "slow_duty": duty[slow][0], "slow_w": duty[slow][1],
            "fast_hz": fast * 1e6, "slow_hz": slow * 1e6, "fast_v": fast_v, "slow_v": slow_v,
        }  # fmt: skip
    return found


def _rows(shared: Path) -> Iterator[dict[str, str]]:
    with (shared / "measurements" / "mlperf_tiny.csv").open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
