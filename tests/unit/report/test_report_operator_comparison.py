"""Measured operators beside simulated ones: sums and shares in closed form, profiles of another model refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.errors import EdgesimError
from sim.frontends.zoo import build
from sim.measurements import Measurement, OperatorTiming
from sim.report.operator_comparison import compare_operators, profiled
from sim.report.operator_profile import OperatorProfile, operator_profile
from sim.report.quantities import described

DEVICE = load_device("raspberry_pi_4")
PROGRAM = compile_model(build("mobilenet_v2"), DEVICE, runtime="tflite", precision="float32")
PROFILE = operator_profile(PROGRAM, DEVICE)


def measured(profile: OperatorProfile, factor: float = 1.0, named: bool = True) -> Measurement:
    """A profile of the same model that took ``factor`` times as long."""
    rows = tuple(OperatorTiming(f"{row.name}:0" if named else "", row.operator.split("+")[0], factor * row.time_s, "cpu") for row in profile.operators)
    return Measurement("m", sum(row.seconds for row in rows), runtime="tflite", file="p.json", operators=rows)


@pytest.mark.parametrize("named", [True, False])
def test_the_same_model_has_a_partner_for_everything(named: bool) -> None:
    found = compare_operators(PROGRAM, PROFILE, measured(PROFILE, 2.0, named))
    assert len(found.rows) == len(PROFILE.operators) and not found.only_measured and not found.only_simulated
    assert [row.simulated_over_measured_ratio for row in found.rows] == pytest.approx([0.5] * len(found.rows))
    assert found.matched_measured_ratio == pytest.approx(1.0) and found.named_ratio == pytest.approx(1.0 if named else 0.0)
    assert bool(found.warnings) is not named
    differences = [abs(row.difference_s) for row in found.rows]
    assert differences == sorted(differences, reverse=True)
    described(found)  # every number has a unit


def test_totals_are_the_sums_of_their_parts() -> None:
    full = measured(PROFILE, 1.5)
    extra = OperatorTiming("somewhere", "ReorderInput", 1e-3, "cpu")
    found = compare_operators(PROGRAM, PROFILE, replace(full, operators=(extra, *full.operators[:-3])))
    rows_s, alone_s = sum(row.measured_s for row in found.rows), sum(row.time_s for row in found.only_measured)
    assert rows_s + alone_s == pytest.approx(found.measured_total_s)
    assert sum(row.simulated_s for row in found.rows) + sum(row.time_s for row in found.only_simulated) == pytest.approx(found.simulated_total_s)
    assert sum(row.measured_s for row in found.sums) == pytest.approx(found.measured_total_s)
    assert sum(row.simulated_s for row in found.sums) == pytest.approx(found.simulated_total_s)
    assert sum(row.measured_rows_count for row in found.sums) == len(full.operators) - 2
    assert [row.operator for row in found.only_measured] == ["Relayout"] and len(found.only_simulated) == 3


def test_a_profile_of_another_model_is_refused() -> None:
    other = operator_profile(compile_model(build("resnet18"), DEVICE, runtime="tflite", precision="float32"), DEVICE)
    with pytest.raises(EdgesimError, match=r"p\.json.*not a profile of this model.*% of the convolutions"):
        compare_operators(PROGRAM, PROFILE, measured(other))


def test_a_partition_in_one_row() -> None:
    delegate = Measurement("m", 0.02, runtime="tflite", file="p", operators=(OperatorTiming("TfLiteXNNPackDelegate:0", "TfLiteXNNPackDelegate", 0.02),))
    found = compare_operators(PROGRAM, PROFILE, delegate)
    assert len(found.rows) == 1 and found.rows[0].by == "partition" and found.rows[0].simulated_s == pytest.approx(found.simulated_total_s)


def test_the_runtimes_are_compared() -> None:
    found = compare_operators(PROGRAM, PROFILE, replace(measured(PROFILE), runtime="onnxruntime", precision="int8"))
    assert any("measured under onnxruntime" in each for each in found.warnings) and any("in int8" in each for each in found.warnings)


def test_operators_are_needed() -> None:
    with pytest.raises(EdgesimError, match=r"x\.csv: holds latencies but no operators"):
        profiled([Measurement("m", 1.0)], "x.csv", "m")
    both = [measured(PROFILE), replace(measured(PROFILE), model="n")]
    assert profiled(both, "x", "n").model == "n" and profiled(both, "x", "other").model == "m"
