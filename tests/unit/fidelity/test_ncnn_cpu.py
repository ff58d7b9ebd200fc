"""The dataset of CPUs: what was measured on which cores, and that a prediction never sees what its regime leaves out."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sim.fidelity.case import Case
from sim.fidelity.cpu_devices import DATA, UNIT, clusters, core_clocks_hz, core_speeds, device_of, specification
from sim.fidelity.cpu_factors import fit_factors
from sim.fidelity.cpu_features import FACTORS, POWERS, price
from sim.fidelity.cpu_structure import catalogued, folds, parameters, parts_of
from sim.fidelity.datasets.ncnn_cpu import DATASET, FAMILIES, measured_rows, soc_of
from sim.fidelity.predict import predict


def some(*devices: str) -> list[Case]:
    return [case for case in DATASET.cases() if device_of(case.device) in devices]


def test_every_row_of_a_network_the_zoo_has_is_a_case() -> None:
    with (DATA / "ncnn_cpu.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cases = DATASET.cases()
    unknown = Counter(row["network"] for row in rows)
    unknown.subtract(case.model for case in cases)
    assert {name: count for name, count in unknown.items() if count} == {"mobilenet_yolov3": 2}
    for case in cases:
        row = rows[case.line - 2]
        assert (row["network"], float(row["min_ms"])) == (case.model, pytest.approx(case.measured * 1e3))
        assert row["device"] == device_of(case.device)
        assert case.source.startswith("Tencent/ncnn@")


def test_int8_rows_belong_to_the_family_of_their_float_network() -> None:
    families = {case.model: case.family for case in DATASET.cases()}
    for model, family in families.items():
        assert families.get(model.removesuffix("_int8"), family) == family
    assert set(families.values()) <= set(FAMILIES)


def test_groups_are_formats_and_thread_counts() -> None:
    groups = Counter(case.group for case in DATASET.cases() if "RISC" not in case.group)
    assert set(groups) == {f"CPU {form}, {threads}" for form in ("float", "int8") for threads in ("1 thread", "threads")}
    assert min(groups.values()) > 200


@pytest.mark.parametrize(
    ("device", "powersave", "threads", "speeds"),
    [
        ("rk3588_second", 2, 4, [1.0] * 4),
        ("orangepi_5", 1, 4, [1.0] * 4),
        ("orangepi_5", 0, 8, [1.0] * 4 + [8 * 1.8 / (16 * 2.4)] * 4),  # rates: 8 and 16 a cycle
        ("snapdragon_855_plus", 2, 4, [1.0] + [2.42 / 2.96] * 3),
        ("rk3588_second", 0, 1, [1.0] * 4),  # one thread of all cores: on a big one
    ],
)
def test_cores_a_run_used(device: str, powersave: int, threads: int, speeds: list[float]) -> None:
    unit = specification(device, powersave, threads).units[UNIT]
    assert [float(speed) for speed in unit.core_speeds] == pytest.approx([] if min(speeds) == 1.0 else speeds)
    assert int(unit.cores) == len(speeds)
    assert not unit.parameters


def test_clocks_are_those_of_the_label() -> None:
    for name, rows in clusters().items():
        for row in rows:
            assert core_speeds([row])[0] == 1.0
            assert 0.5e9 < core_clocks_hz(row)[0] < 4e9, name
            assert {"float32", "int8"} <= {column for column in ("float32", "float16", "int8") if row[column]}


def test_parts_priced_apart_are_what_the_simulator_says() -> None:
    cases = some("raspberry_pi_4b", "orangepi_5")
    configurations = measured_rows(cases, range(len(cases)))
    logs = catalogued()
    measured = [one for one, _ in configurations]
    parts = parts_of(measured, logs)
    factors = fit_factors(parts, np.stack([one.measured_s for one in measured]))
    devices = DATASET.devices(cases, "in-sample")
    names = sorted({case.model for case in cases})
    for (_, rows), seconds in zip(configurations, price(parts, factors), strict=True):
        for row in rows[::6]:
            device = devices[row]
            assert device is not None
            assert predict(cases[row], device) == pytest.approx(seconds[names.index(cases[row].model)], rel=1e-6)


def test_factors_are_found_again() -> None:
    """Times made with known factors: many measurements find them, none keeps the prior."""
    cases = some("raspberry_pi_4b")
    measured = [one for one, _ in measured_rows(cases, range(len(cases)))]
    parts = parts_of(measured, catalogued())
    true = np.array([0.3, -0.2, 0.1, 0.4, 0.1, -0.2, 0.05])
    found = fit_factors(parts, price(parts, np.tile(true, (len(parts), 1))))
    assert np.abs(np.log(price(parts, found) / price(parts, np.tile(true, (len(parts), 1))))).max() < 0.05
    assert np.sign(found[:, FACTORS.index("compute")]).tolist() == [1.0] * len(parts)
    assert (fit_factors(parts, np.full(parts.shape[:2], np.nan)) == 0).all()


def test_powers_name_every_factor() -> None:
    assert POWERS.shape[1] == len(FACTORS)
    assert (np.abs(POWERS).sum(axis=0) > 0).all()


def _priced(cases: list[Case], regime: str, shots: int = 5) -> list[dict[str, dict[str, float]] | None]:
    devices = DATASET.devices(cases, regime, shots)  # type: ignore[arg-type]
    return [None if device is None else {"own": dict(device.units[UNIT].parameters), **device.units[UNIT].structure} for device in devices]


def test_a_left_out_family_is_not_looked_at() -> None:
    cases = some("rk3288")
    changed = [replace(case, measured=7 * case.measured) if case.family == "resnet" else case for case in cases]
    for case, before, after in zip(cases, _priced(cases, "leave-family-out"), _priced(changed, "leave-family-out"), strict=True):
        assert (before == after) == (case.family == "resnet"), case.model


def test_zero_shot_looks_at_no_measurement_of_the_chip() -> None:
    cases = some("rk3288", "kirin_970")
    changed = [replace(case, measured=3 * case.measured) for case in cases]
    assert _priced(cases, "zero-shot") == _priced(changed, "zero-shot")


def test_shots_are_the_only_measurements_seen() -> None:
    cases = some("rk3288")
    devices = DATASET.devices(cases, "k-shot", 3)
    assert sum(device is None for device in devices) == 2 * 3  # one and four threads
    changed = [replace(case, measured=case.measured * (1 if device is None else 9)) for case, device in zip(cases, devices, strict=True)]
    assert _priced(cases, "k-shot", 3) == _priced(changed, "k-shot", 3)


def test_folds_are_stored_for_every_family_and_chip() -> None:
    cases = DATASET.cases()
    wanted = {f"family {case.family}" for case in cases} | {f"soc {soc_of(case)}" for case in cases}
    assert set(folds()) == {"all", *wanted}
    assert all(len(fit) == len(parameters()) for fit in folds().values())
    assert all(np.isfinite(fit).all() for fit in folds().values())


def test_the_catalogue_carries_the_fit_on_everything() -> None:
    assert np.abs(catalogued() - folds()["all"]).max() < 2e-3
