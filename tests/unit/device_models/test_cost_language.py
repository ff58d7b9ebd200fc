"""Language models on matrix accelerators: streams at the unit's rate, never slower for more of anything."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import kernel_costs, kernel_seconds
from device_models.spec import DeviceSpec
from device_models.work import DType, KernelWork, Kind, Work, macs_by_format

DEVICE = load_device("snapdragon_8_elite_phone")
HZ = float(DEVICE.domains["npu"].operating_points[-1].frequency_hz)


def _product(rows: float = 1.0, dtype: DType = DType.I16) -> KernelWork:
    weights = 4096.0**2
    return KernelWork(
        Kind.FC if rows == 1 else Kind.GEMM, macs=rows * weights, h_in=rows, h_out=rows, c_in=4096, c_out=4096, weight_elements=weights,
        weight_bytes=weights / 2, in_elements=4096 * rows, out_elements=4096 * rows, in_bytes=8192 * rows, out_bytes=8192 * rows, dtype=dtype,
        weight_dtype=DType.I4,
    )  # fmt: skip


def _attention(length: float) -> KernelWork:
    return KernelWork(Kind.ATTENTION, macs=32 * length * 256, batch=32, c_in=128, c_out=length, in_bytes=4 * 8 * length * 128, in_elements=2e6, dtype=DType.I16)


def _seconds(device: DeviceSpec, *rows: KernelWork, runtime: str = "qnn", hz: float = HZ) -> float:
    return float(kernel_seconds(kernel_costs(Work.stack(list(rows)), device, "npu", runtime=runtime, network_weight_bytes=4e9), hz).sum())


def _with_memory(scale: float) -> DeviceSpec:
    rate = DEVICE.memory.bandwidth_bytes_per_s
    return DEVICE.model_copy(update={"memory": DEVICE.memory.model_copy(update={"bandwidth_bytes_per_s": type(rate)(float(rate) * scale)})})


def test_weights_of_a_token_stream_at_bytes_a_cycle_of_the_unit() -> None:
    per_cycle = float(DEVICE.units["npu"].structure["stream"]["qnn.integer"])
    assert _seconds(DEVICE, _product()) == pytest.approx(4096**2 / 2 / (per_cycle * HZ), rel=0.1)


def test_a_narrow_memory_limits_the_stream() -> None:
    limit = float(cost_classes()["npu_hexagon"].values["stream_limit"])
    rate = 0.1 * float(DEVICE.memory.bandwidth_bytes_per_s) * limit
    assert _seconds(_with_memory(0.1), _product()) == pytest.approx(4096**2 / 2 / rate, rel=0.1)


def test_more_bandwidth_or_clock_is_never_slower() -> None:
    for rows in ((_product(),), (_product(128.0),), (_attention(4096.0),)):
        by_memory = [_seconds(_with_memory(scale), *rows) for scale in np.geomspace(0.01, 10, 20)]
        by_clock = [_seconds(DEVICE, *rows, hz=clock) for clock in np.linspace(0.1 * HZ, HZ, 10)]
        for times in (by_memory, by_clock):
            assert np.all(np.isfinite(times)) and min(times) > 0
            assert np.all(np.diff(times) <= 1e-12)


def test_longer_contexts_and_prompts_take_longer() -> None:
    assert np.all(np.diff([_seconds(DEVICE, _attention(length)) for length in (128.0, 512.0, 4096.0, 32768.0)]) > 0)
    assert _seconds(DEVICE, _product(512.0)) > _seconds(DEVICE, _product(64.0)) >= _seconds(DEVICE, _product(1.0))


def test_small_networks_and_other_runtimes_keep_the_law_of_convolutional_networks() -> None:
    work = Work.stack([_product(dtype=DType.F16)])
    small = kernel_costs(work, DEVICE, "npu", runtime="qnn", network_weight_bytes=1e6)
    other = kernel_costs(work, DEVICE, "npu", runtime="a_new_engine", network_weight_bytes=1e6)
    assert small.memory_s == pytest.approx(other.memory_s, rel=1e-3)


def test_operations_are_counted_by_the_format_they_run_in() -> None:
    code = KernelWork(Kind.CODE, macs=1e9)
    assert macs_by_format(Work.stack([_product(), _product(2.0, DType.F16), code])) == (2 * 4096.0**2, 4096.0**2)
