"""Predictions of the simulator's own path against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.power import running_w
from sim.compiler import compile_model
from sim.errors import EdgesimError
from sim.fidelity.case import Case
from sim.fidelity.predict import predict
from sim.frontends.zoo import build

BOARD = load_device("stm32l4r5")
CASE = Case("set", "group", "board", BOARD, "cpu", "ds_cnn", "ds_cnn", {"source": "ds_cnn", "runtime": "tvm", "precision": "int8"}, "latency_s", 1.0, "nobody")


def test_latency_is_that_of_a_warm_inference_alone() -> None:
    program = compile_model(build("ds_cnn"), BOARD, runtime="tvm", precision="int8")
    expected = sum(segment.entry_s + kernel_seconds(segment.costs, max_frequency_hz(BOARD, segment.unit)).sum() for segment in program.segments)
    case = replace(CASE, unit=program.segments[0].unit)
    assert predict(case, BOARD) == pytest.approx(expected, rel=1e-9)


def test_energy_is_power_for_that_long() -> None:
    latency_s = predict(CASE, BOARD)
    energy_j = predict(replace(CASE, metric="energy_j"), BOARD)
    (spec,) = BOARD.units.values()
    point = BOARD.domains[spec.domain].operating_points[-1]
    most_w = running_w(spec.power, float(point.frequency_hz), point.voltage_v, 60.0, 1.0) + float(BOARD.base_w) + 0.2
    assert float(BOARD.base_w) < energy_j / latency_s < most_w


def test_tokens_are_counted() -> None:
    phone = load_device("snapdragon_8_gen_3_phone")
    use = {"source": "llama3.2_1b", "runtime": "executorch", "precision": "w4a16", "placement": {"prefer": ["cpu"]}}
    decode = replace(CASE, spec=phone, use={**use, "options": {"phase": "decode"}}, metric="decode_tokens_per_s")
    prefill = replace(decode, use={**use, "options": {"phase": "prefill", "sequence": 64}}, metric="prefill_tokens_per_s")
    assert predict(decode, phone) == pytest.approx(1 / predict(replace(decode, metric="latency_s"), phone))
    assert predict(prefill, phone) == pytest.approx(64 / predict(replace(prefill, metric="latency_s"), phone))


def test_memory_is_the_planned_arena() -> None:
    program = compile_model(build("ds_cnn"), BOARD, runtime="tvm", precision="int8")
    assert predict(replace(CASE, metric="memory_bytes"), BOARD) == program.plan.arena_bytes


def test_what_cannot_be_run_is_said() -> None:
    with pytest.raises(EdgesimError, match="qnn"):
        predict(replace(CASE, use={**CASE.use, "runtime": "qnn"}), BOARD)
