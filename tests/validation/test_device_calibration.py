"""A few of a user's measurements make predictions of other networks better, on published latencies of real boards.

Shortest times of ncnn's benchmark tables, ms (Tencent/ncnn, commit a4d2ea1d44, benchmark/README.md). The boards are predicted from
their specification alone (without the catalogue's fitted parameters), then after five networks were measured; the others judge.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.spec import DeviceSpec
from device_models.unit_parameters import parameter_table
from sim.fidelity.case import Case
from sim.fidelity.device_calibration import calibrate_device
from sim.fidelity.measured_cases import Measured, measured_cases
from sim.fidelity.predict import lowered_of, predict
from sim.fidelity.repricing import Repriced
from sim.measurements import Measurement, Readings
from sim.scenario.model import ModelUse

MODELS = (
    *("squeezenet", "mobilenet", "mobilenet_v2", "mobilenet_v3", "shufflenet", "proxylessnasnet"),
    *("efficientnetv2_b0", "regnety_400m", "resnet18", "alexnet", "vgg16", "squeezenet_ssd"),
)
BOARDS = {
    # catalogue name, threads -> ms of MODELS
    ("raspberry_pi_4", 1): (73.35, 123.76, 92.98, 72.48, 47.17, 98.48, 155.06, 105.39, 190.8, 139.34, 1066.58, 178.9),
    ("raspberry_pi_4", 4): (46.28, 60.74, 61.63, 47.08, 32.91, 53.02, 79.1, 65.27, 122.27, 75.75, 541.66, 127.01),
    ("jetson_orin_nano", 1): (15.94, 28.77, 19.32, 16.57, 10.39, 21.97, 41.72, 25.71, 48.49, 57.67, 280.03, 46.26),
    ("jetson_orin_nano", 6): (5.07, 6.96, 5.86, 5.6, 5.2, 5.92, 12.79, 14.04, 12.26, 12.27, 59.43, 14.52),
}
# NVIDIA Jetson AGX Orin, one thread: a board the catalogue has not, calibrated from its smaller sister
AGX_ORIN = (11.66, 19.56, 13.2, 11.39, 8.07, 15.18, 35.99, 16.81, 30.93, 44.19, 173.94, 37.78)
# Snapdragon 8 Gen 3, Hexagon, float networks in float16, QNN: median of at least four runs, ms (quic/ai-hub-models, commit 52c080d2)
HEXAGON = {
    "resnet18": 0.889, "mobilenet_v3_large": 0.6375, "efficientnet_v2_s": 1.8905,
    "inception_v3": 1.008, "resnet101": 2.3715, "regnet": 1.417, "resnext50": 1.7715, "wideresnet50": 3.6045, "efficientnet_b4": 2.3355,
    "mobilenet_v2": 0.561, "mnasnet05": 0.4785, "convnext_base": 6.032,
}  # fmt: skip
SHOTS = ("mobilenet", "resnet18", "squeezenet", "efficientnetv2_b0", "vgg16")


def from_specification(name: str) -> DeviceSpec:
    known = load_device(name)
    return known.model_copy(update={"units": {unit: spec.model_copy(update={"parameters": {}}) for unit, spec in known.units.items()}})


def readings(times_ms: tuple[float, ...], threads: int) -> Readings:
    rows = zip(MODELS, times_ms, strict=True)
    return Readings([Measurement(model, ms / 1e3, "", threads, "cpu", "ncnn", "table.csv", line, 1, naming="ncnn") for line, (model, ms) in enumerate(rows, 2)])


def errors(items: list[Measured], device: DeviceSpec) -> np.ndarray:
    return np.array([abs(predict(item.case, device) / item.case.measured - 1) for item in items])


def report(what: str, before: np.ndarray, after: np.ndarray, expected: float | None) -> None:
    figures = f"mean {before.mean():6.1%} -> {after.mean():6.1%}   median {np.median(before):6.1%} -> {np.median(after):6.1%}"
    print(f"{what:40s} {len(after):2d} unseen networks   {figures}   expected {'-' if expected is None else f'{expected:.1%}'}")


def test_five_networks_make_the_others_better_predicted() -> None:
    before, after, expected = [], [], []
    for (board, threads), times_ms in BOARDS.items():
        base = from_specification(board)
        everything, _ = measured_cases(readings(times_ms, threads), base)
        shots = [item for item in everything if item.model in SHOTS]
        unseen = [item for item in everything if item.model not in SHOTS]
        assert len(unseen) >= 6
        result = calibrate_device(shots, base)
        before.append(errors(unseen, base))
        after.append(errors(unseen, result.device))
        expected.append(result.units[0].error)
        report(f"{board}, {threads} threads, 5 measured", before[-1], after[-1], expected[-1])
        assert after[-1].mean() < max(before[-1].mean(), 0.12)
    assert np.concatenate(after).mean() < 0.75 * np.concatenate(before).mean() and np.concatenate(after).mean() < 0.17
    assert np.median(np.concatenate(after)) < 0.11
    assert 0.5 < np.mean([error for error in expected if error is not None]) / np.concatenate(after).mean() < 2.0


def test_a_board_the_catalogue_has_not_from_the_one_that_comes_closest() -> None:
    base = load_device("jetson_orin_nano")
    everything, _ = measured_cases(readings(AGX_ORIN, 1), base)
    shots = [item for item in everything if item.model in SHOTS]
    unseen = [item for item in everything if item.model not in SHOTS]
    before = errors(unseen, base)
    for count in (1, 3, 5):
        result = calibrate_device(shots[:count], base)
        after = errors(unseen, result.device)
        report(f"AGX Orin from the Orin Nano, {count} measured", before, after, result.units[0].error)
        assert after.mean() < 0.75 * before.mean()


def test_three_networks_on_an_accelerator_nobody_fitted() -> None:
    base = from_specification("snapdragon_8_gen_3_phone")
    rows = [
        Measurement(model, ms / 1e3, "float16", None, "npu", "qnn", "table.csv", line, 1, naming="aihub") for line, (model, ms) in enumerate(HEXAGON.items(), 2)
    ]
    everything, _ = measured_cases(Readings(rows), base)
    result = calibrate_device(everything[:3], base)
    before, after = errors(everything[3:], base), errors(everything[3:], result.device)
    report("Hexagon of the 8 Gen 3, 3 measured", before, after, result.units[0].error)
    assert after.mean() < max(before.mean(), 0.12) and after.mean() < 0.2


def test_thirty_measurements_take_seconds() -> None:
    base = load_device("raspberry_pi_4")
    rows = readings(BOARDS["raspberry_pi_4", 1], 1).measurements + readings(BOARDS["raspberry_pi_4", 4], 4).measurements
    start = time.process_time()
    measured, _ = measured_cases(Readings(rows), base)
    extra = [item for item in measured for _ in range(2)][: 30 - len(measured)]
    result = calibrate_device([*measured, *extra], base)
    print(f"{len(result.rows)} measurements, 2 thread counts: {time.process_time() - start:.1f} s of CPU")
    assert len(result.rows) == 30


def _measured(case: Case) -> Measured:
    use = ModelUse.model_validate(dict(case.use), by_alias=True, by_name=False)
    repriced = Repriced(lowered_of(case), use, case.spec, case.unit)
    table = parameter_table(case.spec.units[case.unit], repriced.used_threads, repriced.numbers, repriced.cost_name)
    return Measured(case, repriced, table, repriced.seconds(case.spec), 1, Measurement(case.model, case.measured))


def test_boards_of_all_kinds_after_five_networks_each() -> None:
    """CPUs of ncnn's tables, each known by its specification and five networks drawn at random; the others judge."""
    published = pytest.importorskip("sim.fidelity.datasets.ncnn_cpu").DATASET.cases()
    boards: dict[tuple[str, str, object], list[Case]] = {}
    for case in published:
        boards.setdefault((case.device, case.group, case.use.get("threads")), []).append(case)
    chosen = [cases for cases in boards.values() if len(cases) >= 15][::7]
    before, after = [], []
    for cases in chosen:
        order = np.random.default_rng(7).permutation(len(cases))[:12]
        items = [_measured(cases[index]) for index in order]
        result = calibrate_device(items[:5], items[0].case.spec)
        before += [abs(item.before_s / item.case.measured - 1) for item in items[5:]]
        after += [abs(item.repriced.seconds(result.device) / item.case.measured - 1) for item in items[5:]]
    report(f"{len(chosen)} boards, 5 measured", np.array(before), np.array(after), None)
    assert len(chosen) >= 6
    assert np.mean(after) < 0.9 * np.mean(before) and np.mean(after) < 0.18 and np.median(after) < 0.13
