"""Whether a search among architectures would find the order that real hardware has: Kendall's tau of simulated against measured latencies."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from device_models.catalog.catalog import load_device
from sim.fidelity.case import Case
from sim.fidelity.datasets.nasbench201 import DATASET
from sim.fidelity.predict import predict
from sim.frontends.zoo import build
from sim.graph.work import total_macs

BLOCKS = Path(__file__).parent / "once_for_all_note10.csv"
WIDTHS = (24, 32, 48, 96, 136, 192)  # of the supernet of width 1.2
EXTENTS = (112, 56, 28, 14, 14, 7)


@pytest.mark.parametrize("device", ["raspberry_pi_4", "pixel_3"])
def test_cells_of_nasbench201(device: str) -> None:
    """From the specification alone, nothing fitted to the device."""
    cases = [case for case in DATASET.cases() if case.device == device][::4]
    assert len(cases) >= 35
    measured = [case.measured for case in cases]
    tau = kendalltau([predict(case, case.spec) for case in cases], measured).statistic
    by_work = kendalltau([work(case) for case in cases], measured).statistic
    print(f"{device}: tau {tau:.2f} on {len(cases)} cells, by their MACs {by_work:.2f}")
    assert tau > max(0.8, by_work)


def work(case: Case) -> int:
    return total_macs(build(str(case.use["source"]), **case.use["options"]))


def subnets(count: int) -> list[dict[str, Any]]:
    dice = random.Random(7)
    return [
        {
            "width": 1.2,
            "resolution": 224,
            "depths": [dice.choice((2, 3, 4)) for _ in range(5)],
            "kernels": [dice.choice((3, 5, 7)) for _ in range(20)],
            "expansions": [dice.choice((3, 4, 6)) for _ in range(20)],
        }
        for _ in range(count)
    ]


def measured_s(options: dict[str, Any]) -> float:
    """The sum of its blocks as measured one by one on a Samsung Note10 (mit-han-lab/once-for-all, tutorial/checkpoints/latency_table@note10)."""
    with BLOCKS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = {tuple(row[key] for key in list(row)[:-1]): float(row["milliseconds"]) for row in rows}
    fixed = [values for values in table if not values[4] or values[0] == values[2] == "112"]
    total = sum(table[values] for values in fixed)
    for stage in range(5):
        for block in range(options["depths"][stage]):
            source = stage if block == 0 else stage + 1
            expanded = WIDTHS[source] * options["expansions"][4 * stage + block]
            found = (EXTENTS[source], WIDTHS[source], EXTENTS[stage + 1], WIDTHS[stage + 1], expanded, options["kernels"][4 * stage + block])
            total += table[tuple(str(value) for value in found)]
    return total / 1e3


def test_subnets_of_once_for_all_on_a_phone() -> None:
    """Its processor is not stated; here the Snapdragon 855 that the Note10 was sold with in places (estimated: recalled, unconfirmed)."""
    phone = load_device("snapdragon_855_phone")
    use = {"source": "once_for_all", "precision": "float32", "runtime": "tflite", "threads": 1, "placement": {"prefer": ["cpu_prime"]}}
    options = subnets(30)
    cases = [
        Case(dataset="note10", group="", device=phone.name, spec=phone, unit="cpu_prime", model=str(number), family="", use={**use, "options": one},
             metric="latency_s", measured=measured_s(one), source="", line=0, kind="")
        for number, one in enumerate(options)
    ]  # fmt: skip
    simulated = np.array([predict(case, phone) for case in cases])
    measured = np.array([case.measured for case in cases])
    tau, by_work = kendalltau(simulated, measured).statistic, kendalltau([work(case) for case in cases], measured).statistic
    factor = simulated / measured
    print(f"tau {tau:.2f}, by their MACs {by_work:.2f}; simulated / measured {factor.min():.2f} to {factor.max():.2f}")
    assert tau > max(0.7, by_work)
    assert factor.min() > 0.7 and factor.max() < 1.3
