"""Fits of a device's parameters: what was put in comes out, unseen networks are predicted, few measurements move what they can tell."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.spec import DeviceSpec
from device_models.unit_parameters import unit_parameters, with_parameters
from sim.fidelity.device_calibration import FEW, LEAST_LEFT_OUT, DeviceCalibration, calibrate_device
from sim.fidelity.measured_cases import Measured, measured_cases
from sim.fidelity.predict import predict
from sim.measurements import Readings

NETS = ("mobilenet_v1", "mobilenet_v2", "resnet18", "resnet50", "vgg16", "squeezenet1_1", "efficientnet_b0", "googlenet", "shufflenet_v2", "alexnet")
UNSEEN = ("mobilenet_v3_large", "inception_v3", "densenet121", "mnasnet")
TRUE = {"compute": 0.7, "memory": 1.4, "cache": 0.8, "overhead": 1.5}


def calibrated(readings: Readings, base: DeviceSpec) -> tuple[DeviceCalibration, list[Measured]]:
    measured, _ = measured_cases(readings, base)
    return calibrate_device(measured, base), measured


def errors(readings: Readings, base: DeviceSpec, device: DeviceSpec) -> np.ndarray:
    measured, _ = measured_cases(readings, base)
    return np.array([abs(predict(item.case, device) / item.case.measured - 1) for item in measured])


@pytest.fixture(scope="module")
def pi(unfitted: Callable[[str], DeviceSpec]) -> DeviceSpec:
    return unfitted("raspberry_pi_4")


@pytest.fixture(scope="module")
def true(pi: DeviceSpec) -> dict[tuple[str, str], float]:
    now = unit_parameters(pi, "cpu", ("threads_1", "threads_4"))
    return {key: value * TRUE.get(key[1], 1.0) for key, value in now.values.items()}


def test_known_parameters_of_a_cpu_are_recovered(pi: DeviceSpec, true: dict, measure: Callable[..., Readings]) -> None:
    result, _ = calibrated(measure(pi, "cpu", true, NETS, "ncnn", 1), pi)
    (fitted,) = result.units
    for name, tolerance in (("compute", 0.08), ("overhead", 0.25), ("memory", 0.4)):
        assert fitted.after["threads_1", name] == pytest.approx(true["threads_1", name], rel=tolerance), name
    assert max(abs(row.after_s / row.measured_s - 1) for row in result.rows) < 0.08
    assert fitted.left_out is not None and fitted.left_out < 0.05


def test_networks_that_were_not_measured_are_predicted(pi: DeviceSpec, true: dict, measure: Callable[..., Readings]) -> None:
    result, _ = calibrated(measure(pi, "cpu", true, NETS[:5], "ncnn", 1), pi)
    unseen = measure(pi, "cpu", true, UNSEEN, "ncnn", 1)
    before, after = errors(unseen, pi, pi), errors(unseen, pi, result.device)
    assert before.mean() > 0.2 and after.mean() < 0.05


def test_other_thread_counts_are_carried_along(pi: DeviceSpec, true: dict, measure: Callable[..., Readings]) -> None:
    fitted_once = with_parameters(pi, "cpu", unit_parameters(pi, "cpu", ("threads_1", "threads_4")).values)
    result, _ = calibrated(measure(fitted_once, "cpu", true, NETS[:6], "ncnn", 1), fitted_once)
    unseen = measure(fitted_once, "cpu", true, UNSEEN, "ncnn", 4)
    assert errors(unseen, fitted_once, result.device).mean() < 0.5 * errors(unseen, fitted_once, fitted_once).mean()
    assert result.units[0].before.tables == ("threads_1", "threads_4") and result.units[0].before.measured == ("threads_1",)


@pytest.mark.parametrize(
    ("device", "unit", "runtime", "precision", "table"),
    [
        ("snapdragon_8_gen_2_phone", "npu", "qnn", "float16", "float"),
        ("snapdragon_8_gen_2_phone", "gpu", "tflite", "as_stored", "float"),
        ("stm32h7a3", "mcu", "x_cube_ai", "int8", "int8"),
        ("coral_dev_board", "npu", "edgetpu", "int8", "int8"),
    ],
)
def test_units_of_other_kinds(
    device: str, unit: str, runtime: str, precision: str, table: str, unfitted: Callable[[str], DeviceSpec], measure: Callable[..., Readings]
) -> None:
    base = unfitted(device)
    nets = (
        ("ds_cnn", "resnet8", "mobilenet_v1_0.25_96", "fc_autoencoder")
        if runtime == "x_cube_ai"
        else ("mobilenet_v1", "mobilenet_v2", "resnet50", "inception_v3")
    )
    now = unit_parameters(base, unit, (table,))
    sense = {name: parameter.sense for name, parameter in now.priors.parameters.items()}
    slower = {"rate": math.exp(-0.5), "cost": math.exp(0.2), "factor": 1.0}
    values = {(of, name): value * slower[sense[name]] for (of, name), value in now.values.items()}
    readings = measure(base, unit, values, nets, runtime, None, precision)
    result, measured = calibrated(readings, base)
    assert {item.table for item in measured} == {table}
    before = np.mean([abs(row.before_s / row.measured_s - 1) for row in result.rows])
    after = np.mean([abs(row.after_s / row.measured_s - 1) for row in result.rows])
    assert before > 0.1 and after < 0.25 * before


def test_one_measurement_moves_a_common_factor_and_little_else(pi: DeviceSpec, measure: Callable[..., Readings]) -> None:
    now = unit_parameters(pi, "cpu", ("threads_1",))
    slower = {key: value * {"rate": 1 / 1.5, "cost": 1.5, "factor": 1.0}[now.priors.parameters[key[1]].sense] for key, value in now.values.items()}
    result, _ = calibrated(measure(pi, "cpu", slower, ["resnet18"], "ncnn", 1), pi)
    (fitted,) = result.units
    rates = [fitted.after["threads_1", name] / now.values["threads_1", name] for name in ("compute", "memory", "cache")]
    assert all(0.6 < rate < 0.85 for rate in rates) and fitted.after["threads_1", "overhead"] > 1.15
    assert fitted.left_out is None and fitted.error is None and fitted.calibration == "1-shot"
    unseen = measure(pi, "cpu", slower, UNSEEN, "ncnn", 1)
    assert errors(unseen, pi, result.device).mean() < 0.5 * errors(unseen, pi, pi).mean()


def test_several_measurements_that_agree_on_a_factor_are_believed_however_far_it_is(pi: DeviceSpec, measure: Callable[..., Readings]) -> None:
    now = unit_parameters(pi, "cpu", ("threads_1",))
    faster = {key: value * {"rate": 5.0, "cost": 0.2, "factor": 1.0}[now.priors.parameters[key[1]].sense] for key, value in now.values.items()}
    result, _ = calibrated(measure(pi, "cpu", faster, NETS[:6], "ncnn", 1), pi)
    assert max(abs(row.after_s / row.measured_s - 1) for row in result.rows) < 0.1


def test_measurements_that_agree_with_the_prediction_change_nothing(pi: DeviceSpec, measure: Callable[..., Readings]) -> None:
    result, _ = calibrated(measure(pi, "cpu", {}, NETS[:4], "ncnn", 1), pi)
    assert all(value == pytest.approx(result.units[0].before.values[key], rel=1e-3) for key, value in result.units[0].after.items())


def test_one_outlier_does_not_rule(pi: DeviceSpec, true: dict, measure: Callable[..., Readings]) -> None:
    readings = measure(pi, "cpu", true, NETS, "ncnn", 1)
    row = readings.measurements[3]
    readings.measurements[3] = type(row)(row.model, row.seconds * 3, row.precision, row.threads, row.unit, row.runtime, row.file, row.line)
    result, _ = calibrated(readings, pi)
    others = [abs(row.after_s / row.measured_s - 1) for index, row in enumerate(result.rows) if index != 3]
    assert float(np.median(others)) < 0.1


def test_left_out_predictions_do_not_see_their_network(pi: DeviceSpec, true: dict, measure: Callable[..., Readings]) -> None:
    readings = measure(pi, "cpu", true, NETS[:4], "ncnn", 1)
    rest, _ = measured_cases(Readings(readings.measurements[1:]), pi)
    alone = calibrate_device(rest, pi)
    everything, _ = calibrated(readings, pi)
    first = everything.rows[0]
    assert first.left_out_s == pytest.approx(predict(first.measured.case, alone.device), rel=0.01)
    row = readings.measurements[0]
    readings.measurements[0] = type(row)(row.model, row.seconds * 1.5, row.precision, row.threads, row.unit, row.runtime, row.file, row.line)
    changed, _ = calibrated(readings, pi)
    assert changed.rows[0].left_out_s == pytest.approx(first.left_out_s, rel=0.02)
    assert changed.rows[0].after_s > first.after_s


def test_a_calibration_is_named_by_what_it_rests_on(pi: DeviceSpec, measure: Callable[..., Readings]) -> None:
    for count in (2, LEAST_LEFT_OUT, FEW + 1):
        result, _ = calibrated(measure(pi, "cpu", {}, NETS[:count], "ncnn", 1), pi)
        (fitted,) = result.units
        assert fitted.calibration == (f"{count}-shot" if count <= FEW else f"fitted on {count} measurements")
        assert (fitted.error is None) == (count < LEAST_LEFT_OUT)


def test_units_are_fitted_apart(unfitted: Callable[[str], DeviceSpec], measure: Callable[..., Readings]) -> None:
    base = unfitted("rk3588_board")
    big, little = (
        measure(base, unit, {(f"threads_{n}", "compute"): factor}, NETS[:3], "ncnn", n) for unit, n, factor in (("cpu_big", 4, 0.6), ("cpu_little", 2, 1.6))
    )
    result, _ = calibrated(Readings(big.measurements + little.measurements), base)
    by_unit = {fitted.unit: fitted for fitted in result.units}
    assert by_unit["cpu_big"].after["threads_4", "compute"] < 0.85 and by_unit["cpu_little"].after["threads_2", "compute"] > 1.2
    assert set(result.device.units["cpu_big"].parameters) == {"threads_4"} and set(result.device.units["cpu_little"].parameters) == {"threads_2"}


def test_the_order_of_rows_does_not_matter(pi: DeviceSpec, true: dict, measure: Callable[..., Readings]) -> None:
    readings = measure(pi, "cpu", true, NETS[:5], "ncnn", 1)
    first, _ = calibrated(readings, pi)
    shuffled = list(readings.measurements)
    random.Random(3).shuffle(shuffled)
    second, _ = calibrated(Readings(shuffled), pi)
    for key, value in first.units[0].after.items():
        assert second.units[0].after[key] == pytest.approx(value, rel=1e-6)


def test_a_fitted_device_is_trusted_more_than_a_class(measure: Callable[..., Readings], unfitted: Callable[[str], DeviceSpec]) -> None:
    known = load_device("raspberry_pi_4")
    assert unit_parameters(known, "cpu", ("threads_1",)).widths < unit_parameters(unfitted("raspberry_pi_4"), "cpu", ("threads_1",)).widths == 1.0
