"""Token-by-token products under language-model engines: their weights stream, and the arithmetic hides behind the stream."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz
from device_models.cost_streams import STREAM_REFERENCE_BYTES_PER_S
from device_models.work import DType, KernelWork, Kind, Work


def _product(rows: float, weights: float = 4096.0**2, weight_bytes: float = 2.0 * 4096**2) -> Work:
    row = KernelWork(Kind.FC if rows == 1 else Kind.GEMM, macs=rows * weights, h_in=rows, h_out=rows, c_in=4096, c_out=4096)
    row = row._replace(weight_elements=weights, weight_bytes=weight_bytes, dtype=DType.F16, weight_dtype=DType.F16)
    return Work.stack([row._replace(in_elements=4096 * rows, out_elements=4096 * rows, in_bytes=8192 * rows, out_bytes=8192 * rows)])


@pytest.mark.parametrize("rows", [1.0, 4.0])
def test_streaming_takes_the_longer_of_arithmetic_and_bytes(rows: float) -> None:
    device = load_device("raspberry_pi_5")
    hz = max_frequency_hz(device, "cpu")
    costs = kernel_costs(_product(rows), device, "cpu", threads=4, runtime="llama_cpp", network_weight_bytes=2e9)
    arithmetic = kernel_costs(_product(rows, weight_bytes=0.0), device, "cpu", threads=4, runtime="llama_cpp", network_weight_bytes=2e9)
    arithmetic_s = arithmetic.compute_cycles[0] / hz  # and the few activations, which both have
    bandwidth, share = float(device.memory.bandwidth_bytes_per_s), float(device.units["cpu"].structure["stream"]["llama_cpp"])
    power = float(cost_classes()[device.units["cpu"].cost_class].values["stream_bandwidth_power"])
    stream_s = 2.0 * 4096**2 / (share * bandwidth * (bandwidth / STREAM_REFERENCE_BYTES_PER_S) ** (power - 1.0))
    joined_s = costs.compute_cycles[0] / hz + costs.memory_s[0] - arithmetic.memory_s[0]
    assert joined_s == pytest.approx(max(arithmetic_s, stream_s), rel=0.02)


def test_more_bandwidth_is_never_slower_at_any_clock() -> None:
    device = load_device("raspberry_pi_5")
    hz = max_frequency_hz(device, "cpu")
    rates = np.geomspace(1e9, 1e12, 25)
    for clock in (0.2 * hz, hz):
        times = []
        for rate in rates:
            memory = device.memory.model_copy(update={"bandwidth_bytes_per_s": type(device.memory.bandwidth_bytes_per_s)(rate)})
            faster = device.model_copy(update={"memory": memory})
            costs = kernel_costs(_product(1.0), faster, "cpu", threads=4, runtime="llama_cpp", network_weight_bytes=2e9)
            times.append(kernel_seconds(costs, clock).sum())
        assert np.all(np.diff(times) <= 1e-15)
