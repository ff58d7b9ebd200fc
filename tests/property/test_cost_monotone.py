"""More of a resource never makes a kernel slower: bandwidth, cores, clock, on-chip memory, share; and time is finite and positive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz, unit_supports
from device_models.figure import Figure
from device_models.spec import DeviceSpec, OperatingPoint
from device_models.work import DTYPE_BITS, DType, KernelWork, Kind, Work

UNITS = [
    ("raspberry_pi_4", "cpu"),
    ("raspberry_pi_5", "cpu"),
    ("rk3588_board", "cpu_little"),
    ("rk3588_board", "npu"),
    ("jetson_orin_nano", "gpu"),
    ("snapdragon_855_phone", "gpu"),
    ("snapdragon_8_gen_2_phone", "cpu_gold"),
    ("snapdragon_8_gen_2_phone", "npu"),
    ("coral_dev_board", "npu"),
    ("cortex_m55_ethos_u55", "npu"),
    ("gap9", "npu"),
    ("ndp9120", "npu"),
    ("stm32l4r5", "mcu"),
    ("stm32h7a3", "mcu"),
    ("edge_server", "cpu"),
]
SLACK = 1 + 1e-9  # rounding

sizes = st.integers(1, 300)
channels = st.integers(1, 2048)


@st.composite
def kernels(draw: st.DrawFn) -> KernelWork:
    kind = draw(st.sampled_from(list(Kind)))
    dtype = draw(st.sampled_from([DType.F32, DType.F16, DType.I8]))
    h, w, c_in, c_out = draw(sizes), draw(sizes), draw(channels), draw(channels)
    k, stride = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    groups = c_in if kind == Kind.DW else draw(st.integers(1, 8)) if kind == Kind.GCONV else 1
    weights = 0.0 if kind in (Kind.ELEMENTWISE, Kind.POOL, Kind.CODE) else float(c_in * c_out * k * k) / groups
    ins, outs, width = float(h * w * c_in), float(h * w * c_out), float(DTYPE_BITS[dtype]) / 8
    return KernelWork(
        kind,
        macs=weights * h * w,
        h_in=h * stride,
        w_in=w * stride,
        h_out=h,
        w_out=w,
        c_in=c_in,
        c_out=c_out,
        kernel_h=k,
        kernel_w=k,
        stride=stride,
        groups=groups,
        in_elements=ins,
        out_elements=outs,
        weight_elements=weights,
        in_bytes=ins * width,
        out_bytes=outs * width,
        weight_bytes=weights * width,
        dtype=dtype,
        weight_dtype=dtype,
        exp_elements=draw(st.sampled_from([0.0, outs])),
        epilogue_elements=draw(st.sampled_from([0.0, outs])),
        steps=draw(st.sampled_from([1.0, 20.0])) if kind == Kind.RNN else 1.0,
        live_bytes=(ins + outs) * width,
        on_longest_path=draw(st.booleans()),
    )


programs = st.lists(kernels(), min_size=1, max_size=6)
factors = st.floats(1.0, 64.0)


def seconds(rows: list[KernelWork], device: DeviceSpec, unit: str, hertz: float | None = None, share: float = 1.0, threads: int = 1) -> np.ndarray:
    supported = [row for row in rows if unit_supports(device.units[unit], row.dtype)]
    costs = kernel_costs(Work.stack(supported), device, unit, threads=threads)
    times = kernel_seconds(costs, hertz or max_frequency_hz(device, unit), share)
    assert np.isfinite(times).all() and (times > 0).all()
    return times


def with_unit(device: DeviceSpec, unit: str, **changes: object) -> DeviceSpec:
    return device.model_copy(update={"units": {**device.units, unit: device.units[unit].model_copy(update=changes)}})


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=25, deadline=None)
@given(rows=programs, factor=factors, threads=st.integers(1, 8))
def test_more_memory_bandwidth_is_never_slower(name: str, unit: str, rows: list[KernelWork], factor: float, threads: int) -> None:
    device = load_device(name)
    wide = device.memory.model_copy(update={"bandwidth_bytes_per_s": Figure(float(device.memory.bandwidth_bytes_per_s) * factor)})
    assert (seconds(rows, device.model_copy(update={"memory": wide}), unit, threads=threads) <= seconds(rows, device, unit, threads=threads) * SLACK).all()


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=25, deadline=None)
@given(rows=programs, more=st.integers(1, 8), threads=st.integers(1, 8))
def test_more_cores_are_never_slower(name: str, unit: str, rows: list[KernelWork], more: int, threads: int) -> None:
    device = load_device(name)
    larger = with_unit(device, unit, cores=Figure(float(device.units[unit].cores) + more))
    assert (seconds(rows, larger, unit, threads=threads) <= seconds(rows, device, unit, threads=threads) * SLACK).all()


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=25, deadline=None)
@given(rows=programs, factor=factors, at=st.floats(0.05, 1.0))
def test_more_on_chip_memory_is_never_slower_at_any_clock(name: str, unit: str, rows: list[KernelWork], factor: float, at: float) -> None:
    device = load_device(name)
    larger = with_unit(device, unit, on_chip_bytes=Figure(float(device.units[unit].on_chip_bytes) * factor))
    hertz = at * max_frequency_hz(device, unit)
    assert (seconds(rows, larger, unit, hertz) <= seconds(rows, device, unit, hertz) * SLACK).all()


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=25, deadline=None)
@given(rows=programs, low=st.floats(0.05, 1.0), high=st.floats(0.05, 1.0))
def test_a_higher_clock_is_never_slower(name: str, unit: str, rows: list[KernelWork], low: float, high: float) -> None:
    device = load_device(name)
    top = max_frequency_hz(device, unit)
    low, high = sorted((low, high))
    assert (seconds(rows, device, unit, high * top) <= seconds(rows, device, unit, low * top) * SLACK).all()


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=15, deadline=None)
@given(rows=programs, factor=st.floats(1.0, 4.0))
def test_a_device_with_a_higher_top_clock_is_never_slower(name: str, unit: str, rows: list[KernelWork], factor: float) -> None:
    device = load_device(name)
    domain = device.units[unit].domain
    points = device.domains[domain].operating_points
    faster = OperatingPoint(frequency=Figure(float(points[-1].frequency_hz) * factor), voltage=points[-1].voltage_v)
    quick = device.model_copy(
        update={"domains": {**device.domains, domain: device.domains[domain].model_copy(update={"operating_points": (*points[:-1], faster)})}}
    )
    assert (seconds(rows, quick, unit) <= seconds(rows, device, unit) * SLACK).all()


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=15, deadline=None)
@given(rows=programs, low=st.floats(0.01, 1.0), high=st.floats(0.01, 1.0))
def test_a_larger_bandwidth_share_is_never_slower(name: str, unit: str, rows: list[KernelWork], low: float, high: float) -> None:
    device = load_device(name)
    low, high = sorted((low, high))
    assert (seconds(rows, device, unit, share=high) <= seconds(rows, device, unit, share=low) * SLACK).all()


@pytest.mark.parametrize(("name", "unit"), UNITS)
@settings(max_examples=15, deadline=None)
@given(row=kernels(), factor=st.floats(1.0, 100.0))
def test_more_of_the_same_work_is_never_faster(name: str, unit: str, row: KernelWork, factor: float) -> None:
    device = load_device(name)
    if unit_supports(device.units[unit], row.dtype):
        larger = row._replace(macs=row.macs * factor, batch=row.batch * factor, in_bytes=row.in_bytes * factor, in_elements=row.in_elements * factor)
        assert seconds([row], device, unit)[0] <= seconds([larger], device, unit)[0] * SLACK
