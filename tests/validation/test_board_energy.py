"""Energy of an inference at the wall, and power per operating point, through the simulator's whole path; the tables are printed."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from sim.fidelity.case import Regime
from sim.fidelity.datasets import board_energy, opp_power
from sim.fidelity.predict import predict

EVERY = 6  # of the cases: a sample that holds all boards, engines and families
# regime -> most mean and median error with the latency known, and with the latency predicted too
BOUNDS: dict[Regime, tuple[float, float, float, float]] = {
    "in-sample": (0.05, 0.04, 0.15, 0.12),
    "leave-family-out": (0.07, 0.05, 0.19, 0.14),
    "k-shot": (0.11, 0.08, 0.25, 0.15),
}


@pytest.mark.parametrize("regime", board_energy.DATASET.regimes)
def test_energy_of_an_inference(regime: Regime) -> None:
    cases = board_energy.DATASET.cases()[::EVERY]
    errors: dict[str, list[float]] = defaultdict(list)
    for case, device in zip(cases, board_energy.DATASET.devices(cases, regime), strict=True):
        assert device is not None
        error = abs(predict(case, device) / case.measured - 1)
        errors["known" if case.latency_s is not None else "predicted"].append(error)
        errors[case.group].append(error)
        errors[case.device].append(error)
    print()
    for group, found in sorted(errors.items()):
        print(f"{regime:17s} {group:42s} {len(found):4d} energies   mean {np.mean(found):5.1%}   median {np.median(found):5.1%}")
    mean, median, timed_mean, timed_median = BOUNDS[regime]
    assert np.mean(errors["known"]) <= mean and np.median(errors["known"]) <= median
    assert np.mean(errors["predicted"]) <= timed_mean and np.median(errors["predicted"]) <= timed_median


@pytest.mark.parametrize(("regime", "most"), [("in-sample", 0.06), ("leave-family-out", 0.07)])
def test_power_per_operating_point(regime: Regime, most: float) -> None:
    cases = opp_power.DATASET.cases()
    pairs = list(zip(cases, opp_power.DATASET.devices(cases, regime), strict=True))
    errors = [abs(predict(case, device) / case.measured - 1) for case, device in pairs if device is not None]
    print(f"\npower of one core of gs101, {regime}: {len(errors)} operating points, mean {np.mean(errors):.1%}, median {np.median(errors):.1%}")
    assert len(errors) == len(cases) and np.mean(errors) <= most
