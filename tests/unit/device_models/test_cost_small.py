"""Microcontrollers, fixed-function arrays and GPUs: their laws step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import invocation_costs, kernel_costs, kernel_seconds, max_frequency_hz
from device_models.cost_mcu import gathered_elements, gathered_runs
from device_models.work import DType, KernelWork, Kind, Work

L4R5, U55, GAP9, CORAL = (load_device(name) for name in ("stm32l4r5", "cortex_m55_ethos_u55", "gap9", "coral_dev_board"))


def int8(kind: Kind, h: int, c_in: int, c_out: int, k: int = 1, groups: int = 1) -> KernelWork:
    weights = c_in * c_out * k * k / groups
    ins, outs = h * h * c_in, h * h * c_out
    return KernelWork(kind, h * h * weights, 1, h, h, h, h, c_in, c_out, k, k, 1, groups, ins, outs, weights, ins, outs, weights, DType.I8, DType.I8)


def by_hand(row: KernelWork, *, core: float, core_elements: float, library: float, conv: float, power: float, per_mac: float) -> float:
    """The microcontroller law written out once more, for a convolution of 3x3 windows or a plain product."""
    law = cost_classes()["mcu_cortex_m4"].values
    windows = row.macs / row.c_out if row.kind in (Kind.CONV, Kind.FIRST) else 0.0
    macs = row.macs * per_mac * library**power * (conv if row.kind == Kind.CONV else 1.0)
    gathered = windows * law["cycles_per_gathered_element"] + windows / row.c_in * law["cycles_per_gathered_run"]
    elements = row.out_elements * law["cycles_per_element"] * core_elements * library ** law["element_library_power"]
    return core * (macs + library * (gathered + law["cycles_per_operator"]) + elements)


@pytest.mark.parametrize("kind", [Kind.CONV, Kind.PW, Kind.DW, Kind.FC, Kind.FIRST])
@pytest.mark.parametrize("runtime", ["x_cube_ai", "tvm", None])
def test_microcontroller_cycles_are_those_of_the_form(kind: Kind, runtime: str | None) -> None:
    row = int8(kind, 16, 32, 32, 1 if kind in (Kind.PW, Kind.FC) else 3, groups=32 if kind == Kind.DW else 1)
    unit, law = L4R5.units["mcu"], cost_classes()["mcu_cortex_m4"]
    own = unit.parameters.get(f"int8.{runtime}", {}).get("compute", 1.0)
    cycles = by_hand(
        row,
        core=law.values["core"] * own,
        core_elements=law.values["core_elements"],
        library=law.table("libraries").get(runtime or "", law.values["library"]),
        conv=law.table("library_conv").get(runtime or "", 1.0),
        power=law.table("library_power").get(kind.name.lower(), 1.0),
        per_mac=law.table("cycles_per_mac")[kind.name.lower()],
    )
    costs = kernel_costs(Work.stack([row]), L4R5, "mcu", runtime=runtime)
    assert kernel_seconds(costs, 120e6)[0] == pytest.approx(cycles / 120e6, rel=1e-12)
    assert kernel_seconds(costs, 60e6)[0] == pytest.approx(cycles / 60e6, rel=1e-12)


def test_windows_of_few_channels_cost_more_to_gather() -> None:
    """The same windows in runs of 3 or of 32 channels: one copy a run."""
    deep, shallow = int8(Kind.CONV, 16, 32, 32, 3), int8(Kind.FIRST, 16, 3, 32, 3)
    runs = gathered_runs(Work.stack([deep, shallow]))
    assert runs == pytest.approx([16 * 16 * 9, 16 * 16 * 9])
    assert gathered_elements(Work.stack([deep, shallow])) == pytest.approx([16 * 16 * 9 * 32, 16 * 16 * 9 * 3])


def test_plain_products_gather_nothing_and_strided_ones_do() -> None:
    row = int8(Kind.PW, 16, 32, 64)
    assert gathered_elements(Work.stack([row, row._replace(stride=2)])) == pytest.approx([0.0, 16 * 16 * 32])


def test_float_on_a_microcontroller_costs_more_than_int8() -> None:
    row = int8(Kind.CONV, 16, 32, 32, 3)
    wide = row._replace(dtype=DType.F32, weight_dtype=DType.F32)
    small, large = (kernel_costs(Work.stack([r]), L4R5, "mcu").compute_cycles[0] for r in (row, wide))
    assert large > 2 * small


def test_user_code_on_a_microcontroller_does_not_depend_on_the_kernel_library() -> None:
    row = KernelWork(Kind.CODE, macs=1e5, in_bytes=1000, out_bytes=1000)
    first, second = (kernel_costs(Work.stack([row]), L4R5, "mcu", runtime=name).compute_cycles[0] for name in ("x_cube_ai", "tvm"))
    assert first == second == pytest.approx(1e5 / 0.7 + 2000 / 2.0)


def test_ethos_u_is_the_larger_of_computing_and_memory() -> None:
    """128 MACs a cycle in tiles of 2 positions x 8 outputs x 8 inputs; weights come from flash at 0.5 GB/s."""
    heavy = int8(Kind.CONV, 32, 64, 64, 3)
    costs = kernel_costs(Work.stack([heavy]), U55, "npu")
    assert costs.compute_cycles[0] == pytest.approx(heavy.macs / (128 * 0.9), rel=1e-9)
    streaming = int8(Kind.FC, 1, 512, 512)
    costs = kernel_costs(Work.stack([streaming]), U55, "npu")
    assert costs.memory_s[0] == pytest.approx(512 * 512 / 0.5e9 + 1024 / 4e9, rel=1e-9)
    total = kernel_seconds(costs, 500e6)[0] - costs.overhead_cycles[0] / 500e6
    assert total == pytest.approx(max(costs.memory_s[0], costs.compute_cycles[0] / 500e6), rel=0.012)


def test_a_depthwise_layer_on_ethos_u_uses_one_of_eight_inputs_and_whole_groups_of_four_window_elements() -> None:
    row = int8(Kind.DW, 32, 64, 64, 3, groups=64)
    assert kernel_costs(Work.stack([row]), U55, "npu").compute_cycles[0] == pytest.approx(8 * row.macs * 12 / 9 / (128 * 0.9), rel=1e-9)


@pytest.mark.parametrize(("c_in", "k", "rows"), [(3, 3, 8 * 12), (8, 3, 8 * 12), (16, 1, 32), (40, 1, 64), (40, 3, 40 * 12), (64, 3, 64 * 9)])
def test_ethos_u_takes_the_traversal_that_fills_the_array_better(c_in: int, k: int, rows: int) -> None:
    """Depth first pads channels to 32, part-kernel first pads them to 8 and the window to 4."""
    row = int8(Kind.CONV, 32, c_in, 64, k)
    got = kernel_costs(Work.stack([row]), U55, "npu").compute_cycles[0]
    assert got == pytest.approx(max(32 * 32 * 64 * rows / (128 * 0.9), 0.75 * row.out_elements), rel=1e-9)


def test_a_single_position_on_ethos_u_waits_for_the_accumulators() -> None:
    row = int8(Kind.FC, 1, 256, 64)
    assert kernel_costs(Work.stack([row]), U55, "npu").compute_cycles[0] == pytest.approx(16 * row.macs / (128 * 0.9), rel=1e-9)


def test_writing_limits_shallow_layers_of_ethos_u() -> None:
    row = int8(Kind.PW, 32, 8, 64)
    assert kernel_costs(Work.stack([row]), U55, "npu").compute_cycles[0] == pytest.approx(0.75 * row.out_elements, rel=1e-9)


def test_edge_tpu_streams_only_weights_that_do_not_fit_on_chip() -> None:
    row = int8(Kind.PW, 14, 512, 512)
    small = kernel_costs(Work.stack([row]), CORAL, "npu", network_weight_bytes=4e6)
    large = kernel_costs(Work.stack([row]), CORAL, "npu", network_weight_bytes=100e6)
    assert small.dram_bytes[0] == 0 and small.memory_s[0] == 0
    outside = 1 - 0.8 * 8 * 2**20 / 100e6
    assert large.dram_bytes[0] == pytest.approx(512 * 512 * outside, rel=1e-9)
    assert large.memory_s[0] == pytest.approx(512 * 512 * outside / 4.2e8, rel=1e-9)


def test_edge_tpu_is_entered_at_the_fitted_cost() -> None:
    assert invocation_costs(CORAL, "npu").fixed_s == pytest.approx(8.6e-4)


def test_gap9_time_scales_with_its_clock() -> None:
    costs = kernel_costs(Work.stack([int8(Kind.CONV, 16, 32, 32, 3)]), GAP9, "npu")
    compute_s = [float(kernel_seconds(costs, hertz)[0] - costs.memory_s[0]) for hertz in (240e6, 370e6)]
    assert compute_s[0] / compute_s[1] == pytest.approx(370 / 240, rel=1e-9)


def test_gpu_launch_overhead_does_not_scale_with_the_clock() -> None:
    phone = load_device("snapdragon_8_gen_3_phone")
    tiny = KernelWork(Kind.PW, macs=64.0, c_in=8, c_out=8, in_bytes=16, out_bytes=16, dtype=DType.F16)
    costs = kernel_costs(Work.stack([tiny]), phone, "gpu")
    assert costs.fixed_s[0] == pytest.approx(float(cost_classes()["gpu_adreno"].values["overhead_s"]))
    assert kernel_seconds(costs, 231e6)[0] == pytest.approx(kernel_seconds(costs, 834e6)[0], rel=0.01)


def test_gpu_rate_is_the_fitted_share_of_the_peak() -> None:
    phone = load_device("snapdragon_8_gen_3_phone")
    big = KernelWork(Kind.PW, macs=1e10, h_out=1e3, w_out=1e3, c_in=8e3, c_out=8e3, dtype=DType.F16)
    costs = kernel_costs(Work.stack([big]), phone, "gpu")
    assert 1e10 / costs.compute_cycles[0] == pytest.approx(float(cost_classes()["gpu_adreno"].values["efficiency"]) * 3072, rel=0.01)


def test_gpu_without_int8_arithmetic_runs_int8_as_float16() -> None:
    phone = load_device("snapdragon_8_gen_3_phone")
    half, byte = (
        kernel_costs(Work.stack([KernelWork(Kind.PW, macs=1e9, h_out=100, w_out=100, c_in=512, c_out=512, dtype=d)]), phone, "gpu")
        for d in (DType.F16, DType.I8)
    )
    assert byte.compute_cycles[0] == pytest.approx(half.compute_cycles[0], rel=1e-12)


def test_a_sum_takes_one_thread_its_time_however_many_cores_stand_idle() -> None:
    jetson = load_device("jetson_orin_nano")
    long, short = (
        kernel_costs(Work.stack([KernelWork(Kind.FC, macs=64.0 * depth, c_in=depth, c_out=64, out_elements=64, dtype=DType.F16)]), jetson, "gpu")
        for depth in (8192, 4096)
    )
    steps = float(cost_classes()["gpu_nvidia"].values["serial_cycles"]) * 4096 / float(jetson.units["gpu"].parameters["float"]["efficiency"])
    assert long.compute_cycles[0] - short.compute_cycles[0] >= steps


def test_tensor_cores_of_the_jetson_carry_int8() -> None:
    jetson = load_device("jetson_orin_nano")
    half, byte = (
        kernel_costs(Work.stack([KernelWork(Kind.PW, macs=1e9, h_out=100, w_out=100, c_in=512, c_out=512, dtype=d)]), jetson, "gpu")
        for d in (DType.F16, DType.I8)
    )
    assert half.compute_cycles[0] / byte.compute_cycles[0] == pytest.approx(8, rel=0.05)  # less what one thread's own loop takes


@pytest.mark.parametrize("name", ["array_edgetpu", "array_ethos_u55", "array_gap9"])
def test_array_tiles_are_whole_numbers(name: str) -> None:
    values = cost_classes()[name].values
    assert all(float(values[key]) == math.floor(float(values[key])) for key in ("tile_pixels", "tile_c_out", "tile_c_in"))


def test_highest_clock_of_every_small_device_is_the_submitted_one() -> None:
    assert [max_frequency_hz(load_device(n), "mcu") for n in ("stm32l4r5", "stm32h7a3", "stm32u575")] == [120e6, 280e6, 160e6]
    assert np.isclose(max_frequency_hz(GAP9, "npu"), 370e6)
