"""MLPerf Tiny through the simulator's whole path: errors by group and regime; the tables are printed (``pytest -s``)."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from sim.fidelity import tiny_regimes
from sim.fidelity.case import Case, Regime
from sim.fidelity.datasets import load_dataset
from sim.fidelity.predict import predict
from sim.fidelity.tiny_regimes import everything, without_benchmark
from sim.fidelity.tiny_systems import DATA, by_line, rows

from .refit_tiny import catalogue_figures

Pick = Callable[[Case], bool]


def cortex(case: Case) -> bool:
    return case.group.startswith("Cortex-M") and "float" not in case.group


def accelerator(case: Case) -> bool:
    return case.unit == "npu"


@cache
def errors(name: str, regime: Regime) -> tuple[tuple[Case, float], ...]:
    """``predicted / measured - 1`` of every case the regime applies to."""
    dataset = load_dataset(name)
    cases = dataset.cases()
    return tuple((case, predict(case, device) / case.measured - 1) for case, device in zip(cases, dataset.devices(cases, regime), strict=True) if device)


# Bounds leave room over what is reached today, so that they catch a regression and not a rounding.
@pytest.mark.parametrize(
    ("name", "regime", "pick", "least", "mean", "median"),
    [
        ("tiny_latency", "in-sample", cortex, 200, 0.05, 0.04),
        ("tiny_latency", "leave-family-out", cortex, 200, 0.085, 0.06),
        ("tiny_latency", "k-shot", cortex, 180, 0.085, 0.055),
        ("tiny_latency", "zero-shot", cortex, 180, 0.25, 0.19),
        ("tiny_latency", "leave-family-out", accelerator, 14, 0.30, 0.35),
        ("tiny_energy", "in-sample", cortex, 90, 0.05, 0.04),
        ("tiny_energy", "leave-family-out", cortex, 90, 0.08, 0.055),
        ("tiny_energy", "k-shot", cortex, 80, 0.07, 0.055),
        ("tiny_energy", "leave-family-out", accelerator, 14, 0.35, 0.40),
    ],
)
def test_errors_against_published_figures(name: str, regime: Regime, pick: Pick, least: int, mean: float, median: float) -> None:
    found = [(case, error) for case, error in errors(name, regime) if pick(case)]
    for group in sorted({case.group for case, _ in found}):
        size = np.abs([error for case, error in found if case.group == group])
        print(f"{name} {regime} {group:16s} {len(size):3d} points   mean {size.mean():6.1%}   median {np.median(size):6.1%}")
    size = np.abs([error for _, error in found])
    print(f"{name} {regime} all {pick.__name__:12s} {len(size):3d} points   mean {size.mean():6.1%}   median {np.median(size):6.1%}")
    assert len(size) >= least
    assert size.mean() < mean
    assert np.median(size) < median


def test_a_benchmark_left_out_tells_nothing_of_itself() -> None:
    """With other times of anomaly detection, what is predicted for it without having seen it stays the same."""
    before = without_benchmark("ad")
    changed = [replace(row, latency_s=9 * row.latency_s) if row.benchmark == "ad" else row for row in tiny_regimes.cores()]
    assert tiny_regimes.fit([row for row in changed if row.benchmark != "ad"]).deltas == before.deltas
    assert tiny_regimes.fit(changed).deltas != everything().deltas


def test_the_catalogue_holds_what_a_refit_gives() -> None:
    """Mend with ``python -m tests.validation.refit_tiny``."""
    classes = cost_classes()
    shared = classes["mcu_cortex_m4"]
    for table, figures in catalogue_figures(everything()).items():
        held = classes[table].values if table.startswith("mcu_") else shared.values if table == "values" else shared.table(table)
        assert {name: float(held[name]) for name in figures} == pytest.approx(figures, rel=0.01), table


@pytest.mark.parametrize(
    ("device", "chip", "runtime", "within"),
    [
        ("stm32l4r5", "STM32L4R", "x_cube_ai", 0.12),
        ("stm32h7a3", "STM32H7A", "x_cube_ai", 0.12),
        ("stm32u575", "STM32U5", "x_cube_ai", 0.12),
        ("stm32l4r5", "STM32L4R", "microtvm", 0.25),
    ],
)
def test_catalogue_devices_give_the_published_latencies_and_powers(device: str, chip: str, runtime: str, within: float) -> None:
    spec = load_device(device)
    measured = [row for row in rows() if (row.chip, row.runtime, row.precision) == (chip, runtime, "int8")]
    assert {row.benchmark for row in measured} == {"kws", "vww", "ic", "ad"}
    cases = {case.line: case for case in load_dataset("tiny_latency").cases()}
    for row in measured:
        assert abs(predict(cases[row.line], spec) / row.latency_s - 1) < within, row
    if powers := [row.power_w or float(row.energy_j or 0) / row.latency_s for row in measured if row.energy_j and row.release == "v1.2"]:
        top, unit = spec.domains["mcu"].operating_points[-1], spec.units["mcu"]
        volts = float(top.voltage_v or 1.0)
        active = float(unit.power.dynamic_capacitance_f) * volts**2 * float(top.frequency_hz) + float(unit.power.leakage_w) + float(spec.base_w)
        assert active == pytest.approx(np.median(powers), rel=0.03)


def test_the_data_are_the_published_ones(shared: Path) -> None:
    """Every row kept is a row of the table of results, figure by figure."""
    published, carried = shared / "measurements" / "mlperf_tiny.csv", DATA / "mlperf_tiny.csv"
    theirs = _figures(published, ("version", "submitter", "system", "benchmark", "latency_ms", "energy_uj_per_inf", "energy_run_power_mw"))
    ours = _figures(carried, ("release", "submitter", "system", "benchmark", "latency_ms", "energy_uj", "power_mw"))
    assert ours <= theirs
    assert len(by_line()) == len(ours)


def _figures(path: Path, columns: tuple[str, ...]) -> set[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {tuple(row[column] for column in columns) for row in csv.DictReader(file)}


def test_memory_that_submissions_set_aside() -> None:
    """What a planner published is met from below; what was allocated is never passed, and not missed by far where it was cut to fit."""
    dataset = load_dataset("tiny_memory")
    cases = dataset.cases()
    ratios = [(case, predict(case, case.spec) / case.measured) for case in cases]
    for case, ratio in ratios:
        print(f"{case.group:24s} {case.device:14s} {case.model:22s} {case.measured:8.0f} B {case.kind:9s} {ratio - 1:+.1%}")
    planned = np.array([ratio for case, ratio in ratios if case.kind == "planned"])
    assert len(ratios) == 12 and len(planned) == 4
    assert planned.max() <= 1.01 and np.abs(planned - 1).mean() < 0.20
    assert max(ratio for case, ratio in ratios if case.kind == "allocated") <= 1.0
    assert np.median([abs(ratio - 1) for _, ratio in ratios]) < 0.25
