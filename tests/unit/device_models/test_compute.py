"""The common front of the cost laws: joining costs, naming bounds, formats, roofline figures, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, device_names, load_device
from device_models.compute import (
    LAWS,
    KernelCosts,
    arithmetic_intensity,
    bound,
    invocation_costs,
    kernel_activity,
    kernel_costs,
    kernel_seconds,
    max_frequency_hz,
    p_norm,
    peak_macs_per_s,
    unit_supports,
)
from device_models.work import DType, KernelWork, Kind, Work

UNITS = [(name, unit) for name in device_names() for unit, spec in load_device(name).units.items() if spec.kind != "neuromorphic"]  # which runs spikes alone


def costs(exponent: float = 1.0, **columns: float) -> KernelCosts:
    made = KernelCosts.empty(1, exponent)
    for name, value in columns.items():
        getattr(made, name)[0] = value
    return made


def test_time_is_overhead_plus_the_norm_of_compute_and_memory() -> None:
    one = costs(exponent=3, fixed_s=1.0, overhead_cycles=2e9, compute_cycles=3e9, memory_s=4.0)
    assert kernel_seconds(one, 1e9)[0] == pytest.approx(1 + 2 + (27 + 64) ** (1 / 3), rel=1e-12)
    assert kernel_seconds(one, 2e9, 0.5)[0] == pytest.approx(1 + 1 + (1.5**3 + 8**3) ** (1 / 3), rel=1e-12)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0, 64.0, np.inf])
def test_p_norm_lies_between_maximum_and_sum_and_survives_extremes(exponent: float) -> None:
    first, second = np.array([0.0, 1e-200, 3.0, 1e200]), np.array([0.0, 1e-200, 0.0, 1e199])
    joined = p_norm(first, second, exponent)
    assert np.all(joined >= np.maximum(first, second)) and np.all(joined <= (first + second) * (1 + 1e-12))
    assert np.isfinite(joined).all()


def test_the_bound_is_the_largest_part() -> None:
    assert bound(costs(compute_cycles=2e9, memory_s=1.0, fixed_s=0.5), 1e9)[0] == "compute"
    assert bound(costs(compute_cycles=2e9, memory_s=1.0, fixed_s=0.5), 4e9)[0] == "memory"
    assert bound(costs(compute_cycles=2e9, memory_s=1.0, fixed_s=0.5), 1e9, 0.4)[0] == "memory"
    assert bound(costs(compute_cycles=1.0, memory_s=1e-9, fixed_s=0.5), 1e9)[0] == "overhead"
    assert bound(costs(overhead_cycles=5e9, vector_cycles=4e9, memory_s=1e-9), 1e9)[0] == "compute"


def test_activity_is_one_while_computing_and_less_while_waiting() -> None:
    assert kernel_activity(costs(compute_cycles=1e9), 1e9)[0] == pytest.approx(1.0)
    assert kernel_activity(costs(memory_s=1.0), 1e9)[0] == pytest.approx(0.35)
    assert kernel_activity(costs(compute_cycles=1e9, memory_s=1.0), 1e9)[0] == pytest.approx(0.35 + 0.65 / 2)


@pytest.mark.parametrize(("hertz", "share"), [(0.0, 1.0), (1e9, 0.0), (1e9, 1.5), (-1e9, 1.0)])
def test_impossible_operating_conditions_are_refused(hertz: float, share: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        kernel_seconds(costs(), hertz, share)


def all_kinds(dtype: DType) -> Work:
    rows = [
        KernelWork(kind, macs=1e6, h_in=14, w_in=14, h_out=14, w_out=14, c_in=32, c_out=64, in_elements=6272, out_elements=12544, weight_elements=2048,
                   in_bytes=12544, out_bytes=25088, weight_bytes=4096, dtype=dtype, weight_dtype=dtype, exp_elements=10.0, epilogue_elements=5.0)
        for kind in Kind
    ]  # fmt: skip
    return Work.stack([*rows, *(KernelWork(kind, dtype=dtype) for kind in Kind)])


@pytest.mark.parametrize(("name", "unit"), UNITS)
@pytest.mark.parametrize("dtype", [DType.F32, DType.F16, DType.I8, DType.I4])
def test_every_kind_on_every_unit_takes_finite_positive_time(name: str, unit: str, dtype: DType) -> None:
    device = load_device(name)
    work = all_kinds(dtype)
    if not unit_supports(device.units[unit], dtype):
        with pytest.raises(ValueError, match="cannot run"):
            kernel_costs(work, device, unit)
        return
    made = kernel_costs(work, device, unit, threads=2)
    assert len(made) == len(work)
    for column in (made.fixed_s, made.overhead_cycles, made.vector_cycles, made.compute_cycles, made.memory_s, made.dram_bytes):
        assert column.shape == (len(work),) and np.isfinite(column).all() and (column >= 0).all()
    assert (made.vector_cycles <= made.overhead_cycles).all()
    for point in device.domains[device.units[unit].domain].operating_points:
        assert (kernel_seconds(made, float(point.frequency_hz), 0.1) > 0).all()
    entering = invocation_costs(device, unit, precision="int8" if dtype == DType.I8 else "float16")
    assert entering.fixed_s >= 0 and entering.seconds(10, 10, 10, 10) >= entering.fixed_s


@pytest.mark.parametrize(("name", "unit"), UNITS)
def test_an_empty_program_costs_nothing(name: str, unit: str) -> None:
    assert kernel_seconds(kernel_costs(Work.stack([]), load_device(name), unit), 1e9).shape == (0,)


@pytest.mark.parametrize(("name", "unit"), UNITS)
def test_costs_of_rows_do_not_depend_on_their_neighbours(name: str, unit: str) -> None:
    """Only the weights of the whole network couple kernels; given those, parts cost what they cost in the whole."""
    device, work = load_device(name), all_kinds(DType.I8)
    whole = kernel_costs(work, device, unit, network_weight_bytes=1e7)
    part = kernel_costs(work.take(slice(5, 20)), device, unit, network_weight_bytes=1e7)
    hertz = max_frequency_hz(device, unit)
    assert kernel_seconds(part, hertz) == pytest.approx(kernel_seconds(whole, hertz)[5:20], rel=1e-12)


def test_float32_runs_as_float16_on_units_that_have_only_that() -> None:
    assert unit_supports(load_device("snapdragon_8_gen_2_phone").units["npu"], DType.F32)
    assert not unit_supports(load_device("coral_dev_board").units["npu"], DType.F32)
    assert unit_supports(load_device("raspberry_pi_4").units["cpu"], DType.F64)
    assert not unit_supports(load_device("snapdragon_8_gen_2_phone").units["gpu"], DType.F64)
    assert unit_supports(load_device("snapdragon_8_gen_2_phone").units["npu"], DType.I16)
    assert not unit_supports(load_device("coral_dev_board").units["npu"], DType.I16)


def test_peak_and_intensity_are_the_roofline() -> None:
    device = load_device("coral_dev_board")
    assert 2 * peak_macs_per_s(device, "npu", DType.I8) == pytest.approx(4e12, rel=0.05)
    assert peak_macs_per_s(device, "npu", DType.F32) == 0.0
    assert peak_macs_per_s(device, "npu", DType.I8, 62.5e6) == pytest.approx(4096 * 62.5e6)
    rows = [KernelWork(Kind.PW, macs=600.0, in_bytes=100, out_bytes=100, weight_bytes=100), KernelWork(Kind.PW)]
    assert arithmetic_intensity(Work.stack(rows)).tolist() == [2.0, 0.0]


def test_mistakes_are_named() -> None:
    device = load_device("raspberry_pi_4")
    with pytest.raises(ValueError, match="no unit 'npu'; units: cpu"):
        kernel_costs(Work.stack([]), device, "npu")
    with pytest.raises(ValueError, match="at least 1"):
        kernel_costs(Work.stack([]), device, "cpu", threads=0)
    stranger = device.model_copy(update={"units": {"cpu": device.units["cpu"].model_copy(update={"cost_class": "abacus"})}})
    with pytest.raises(ValueError, match="no cost class 'abacus'"):
        kernel_costs(Work.stack([]), stranger, "cpu")


def test_every_cost_class_names_a_law() -> None:
    assert {cost_class.form for cost_class in cost_classes().values()} == set(LAWS)
