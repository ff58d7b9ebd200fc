"""The tile-padded law of matrix accelerators against a scalar re-calculation, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import invocation_costs, kernel_costs, kernel_seconds, max_frequency_hz, unit_supports
from device_models.work import DType, KernelWork, Kind, Work

PHONE = load_device("snapdragon_8_gen_2_phone")
HZ = max_frequency_hz(PHONE, "npu")


def row(kind: Kind, h: int, w: int, c_in: int, c_out: int, k: int = 1, dtype: DType = DType.F16, **more: object) -> KernelWork:
    width = 2.0 if dtype == DType.F16 else 1.0
    weights = 0 if kind in (Kind.ELEMENTWISE, Kind.POOL) else c_in * c_out * k * k
    return KernelWork(
        kind,
        macs=h * w * weights,
        h_in=h,
        w_in=w,
        h_out=h,
        w_out=w,
        c_in=c_in,
        c_out=c_out,
        kernel_h=k,
        kernel_w=k,
        in_elements=h * w * c_in,
        out_elements=h * w * c_out,
        weight_elements=weights,
        in_bytes=h * w * c_in * width,
        out_bytes=h * w * c_out * width,
        weight_bytes=weights * width,
        dtype=dtype,
        weight_dtype=dtype,
    )._replace(**more)  # type: ignore[arg-type]


def figures(key: str) -> tuple[dict[str, float], dict[str, float]]:
    """The phone's own parameters and its class's structural factors."""
    tables = (PHONE.units["npu"].parameters[key], cost_classes()["npu_hexagon"].tables[key])
    return tuple({name: float(value) for name, value in table.items()} for table in tables)  # type: ignore[return-value]


def up(value: float, multiple: int) -> int:
    return max(math.ceil(value / multiple), 1) * multiple


@pytest.mark.parametrize("key", ["float", "int8"])
@pytest.mark.parametrize(("h", "w", "c_in", "c_out", "k"), [(56, 56, 64, 64, 3), (7, 7, 30, 100, 3), (13, 5, 256, 17, 5)])
def test_a_convolution_costs_what_the_formula_says(key: str, h: int, w: int, c_in: int, c_out: int, k: int) -> None:
    own, shared = figures(key)
    dtype, tile_w, peak = (DType.F16, 4, 4096) if key == "float" else (DType.I8, 8, 16384)
    work = row(Kind.CONV, h, w, c_in, c_out, k, dtype)
    positions, depth, width = up(h, 8) * up(w, tile_w) / (h * w), up(c_in, 32) / c_in, up(c_out, 32) / c_out
    padded = work.macs * positions ** shared["pad_positions"] * depth ** shared["pad_depth"] * width ** shared["pad_width"]
    compute = padded / (peak * own["efficiency"] * HZ)
    memory = work.weight_bytes / (own["weight_rate"] * 67.2e9)
    written = shared["output"] * up(h, 8) * up(w, tile_w) * up(c_out, 32) / (own["vector_elements_per_cycle"] * HZ)
    exact = own["overhead_s"] + written + (compute**3 + memory**3) ** (1 / 3)
    got = kernel_seconds(kernel_costs(Work.stack([work]), PHONE, "npu"), HZ)[0]
    assert got == pytest.approx(exact, rel=1e-6)


def test_fitted_rates_stay_in_sight_of_the_nominal_peak() -> None:
    """The array's clock is not published: efficiencies are relative to a nominal one, and must not stray from it by much."""
    assert all(0.5 < figures(key)[0]["efficiency"] < 2 for key in ("float", "int8", "int16"))


def test_what_does_not_fill_a_tile_pays_for_part_of_it() -> None:
    """A multiply-accumulate of a half-empty tile costs more than one of a full tile, and the tile no more than when it is full."""
    half, full = (kernel_costs(Work.stack([row(Kind.PW, 8, 8, 64, c, dtype=DType.I8)]), PHONE, "npu").compute_cycles[0] for c in (16, 32))
    assert full / 2 < half <= full


def test_elementwise_work_runs_on_the_vector_unit() -> None:
    costs = kernel_costs(Work.stack([row(Kind.ELEMENTWISE, 56, 56, 64, 64)]), PHONE, "npu")
    own = PHONE.units["npu"].parameters["float"]
    assert costs.compute_cycles[0] == 0
    assert costs.vector_cycles[0] == pytest.approx(56 * 56 * 64 / float(own["vector_elements_per_cycle"]), rel=1e-9)


def test_branches_off_the_longest_path_cost_less_overhead() -> None:
    costs = kernel_costs(Work.stack([row(Kind.PW, 14, 14, 64, 64, on_longest_path=flag) for flag in (True, False)]), PHONE, "npu")
    on, off = costs.overhead_cycles - costs.vector_cycles
    assert off == pytest.approx(on * figures("float")[1]["par"], rel=1e-9)


def test_what_little_stays_in_float_counts_as_the_network_does() -> None:
    product, copy = row(Kind.CONV, 56, 56, 64, 64, 3, DType.I8), row(Kind.ELEMENTWISE, 56, 56, 64, 64)
    alone, beside = (kernel_costs(Work.stack(rows), PHONE, "npu").vector_cycles[-1] for rows in ([copy], [product, copy]))
    ratio = figures("float")[0]["vector_elements_per_cycle"] / figures("int8")[0]["vector_elements_per_cycle"]
    assert beside == pytest.approx(alone * ratio)


def test_activations_spill_only_beyond_the_on_chip_memory() -> None:
    inside, beyond = (kernel_costs(Work.stack([row(Kind.PW, 112, 112, 64, 64, live_bytes=live)]), PHONE, "npu").dram_bytes[0] for live in (8e6, 64e6))
    assert inside == pytest.approx(64 * 64 * 2)
    assert beyond > inside


def test_sixteen_bit_activations_cost_more_than_eight() -> None:
    work = Work.stack([row(Kind.CONV, 56, 56, 64, 64, 3, DType.I8)])
    w8a8, w8a16 = (kernel_seconds(kernel_costs(work, PHONE, "npu", precision=name), HZ)[0] for name in ("int8", "w8a16"))
    assert 1.2 < w8a16 / w8a8 < 4


def test_weights_of_language_models_stream_at_the_measured_share() -> None:
    work = Work.stack([row(Kind.FC, 1, 1, 4096, 4096, dtype=DType.I8)])
    small = kernel_costs(work, PHONE, "npu").memory_s[0]
    large = kernel_costs(work, PHONE, "npu", network_weight_bytes=4e9).memory_s[0]
    assert large == pytest.approx(4096 * 4096 / (0.43 * 67.2e9), rel=0.02)
    assert small < large


def test_each_runtime_has_its_own_fit() -> None:
    work = Work.stack([row(Kind.CONV, 56, 56, 64, 64, 3, DType.I8)])
    qnn, tflite, unknown = (kernel_costs(work, PHONE, "npu", runtime=name).compute_cycles[0] for name in (None, "tflite", "something_else"))
    assert qnn == unknown != tflite


def test_entering_the_unit_costs_time_and_copies() -> None:
    costs = invocation_costs(PHONE, "npu", precision="int8")
    own, shared = figures("int8")
    assert costs.fixed_s == pytest.approx(own["invocation_s"])
    assert costs.seconds(150528, 1000) == pytest.approx(costs.fixed_s + (shared["input_share"] * 150528 + 1000) / own["io_bytes_per_s"])
    assert invocation_costs(PHONE, "npu", precision="w8a16").fixed_s == pytest.approx(figures("int16")[0]["invocation_s"])
    assert invocation_costs(PHONE, "npu", precision="float16").seconds(150528, 1000) > costs.seconds(150528, 1000)


def test_an_integer_only_unit_refuses_float() -> None:
    kit = load_device("qcs6490_kit")
    assert not unit_supports(kit.units["npu"], DType.F32)
    assert unit_supports(kit.units["npu"], DType.I8)
    with pytest.raises(ValueError, match=r"cannot run F16 kernels.*quantize the model"):
        kernel_costs(Work.stack([row(Kind.CONV, 8, 8, 32, 32)]), kit, "npu")
    assert invocation_costs(kit, "npu").fixed_s == pytest.approx(float(kit.units["npu"].parameters["int8"]["invocation_s"]))


def test_user_code_runs_even_on_an_integer_only_unit() -> None:
    costs = kernel_costs(Work.stack([KernelWork(Kind.CODE, macs=1e6)]), load_device("qcs6490_kit"), "npu")
    assert np.isfinite(kernel_seconds(costs, 1e9)).all() and costs.vector_cycles[0] > 0


def test_user_code_moves_its_bytes() -> None:
    costs = kernel_costs(Work.stack([KernelWork(Kind.CODE, macs=0.0, in_bytes=3e6, out_bytes=1e6)]), PHONE, "npu")
    assert costs.dram_bytes[0] == 4e6 and costs.memory_s[0] > 4e6 / 67.2e9 / 2


def test_a_look_up_reads_its_rows_not_the_table() -> None:
    table = KernelWork(
        Kind.EMBED,
        weight_elements=32000 * 2048,
        weight_bytes=32000 * 2048 * 2,
        out_elements=10 * 2048,
        out_bytes=10 * 2048 * 2,
        dtype=DType.F16,
        weight_dtype=DType.F16,
    )
    costs = kernel_costs(Work.stack([table]), PHONE, "npu")
    assert costs.dram_bytes[0] == pytest.approx(10 * 2048 * 2)


def test_a_sequence_fills_one_row_of_the_tiles() -> None:
    line, image = (kernel_costs(Work.stack([row(Kind.NORM, h, w, 768, 768)]), PHONE, "npu").vector_cycles[0] for h, w in ((1, 196), (14, 14)))
    assert line == pytest.approx(8 * image * (196 / (16 * 16)), rel=1e-6)


def test_products_of_odd_extents_are_dearer() -> None:
    even, odd = (kernel_costs(Work.stack([row(Kind.BMM, rows, 1, 64, rows, weight_bytes=0.0)]), PHONE, "npu").vector_cycles[0] for rows in (200, 199))
    assert odd > 1.2 * even


def test_weights_faster_than_the_memory_are_compressed_there() -> None:
    """A stream above the memory's bandwidth moves no more bytes than the memory can."""
    unit = PHONE.units["npu"]
    fast = {**unit.parameters["int8"], "weight_rate": type(unit.on_chip_bytes)(2.0)}
    device = PHONE.model_copy(update={"units": {**PHONE.units, "npu": unit.model_copy(update={"parameters": {"int8": fast}})}})
    costs = kernel_costs(Work.stack([row(Kind.CONV, 7, 7, 512, 512, 3, DType.I8)]), device, "npu")
    assert costs.dram_bytes[0] == pytest.approx(costs.memory_s[0] * 67.2e9)


def test_kinds_without_a_shape_still_move_their_elements() -> None:
    bare = KernelWork(Kind.PERMUTE, in_elements=1e6, out_elements=1e6, in_bytes=2e6, out_bytes=2e6, dtype=DType.F16)
    own = PHONE.units["npu"].parameters["float"]
    passed = kernel_costs(Work.stack([bare]), PHONE, "npu").vector_cycles[0] * float(own["vector_elements_per_cycle"])
    assert passed == pytest.approx(1e6 * figures("float")[1]["permute"])
