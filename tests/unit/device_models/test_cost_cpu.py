"""The CPU law against a scalar re-calculation written from the formula, and its behaviour at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz
from device_models.figure import Figure
from device_models.spec import DeviceSpec, UnitSpec
from device_models.work import DType, KernelWork, Kind, Work

PI = load_device("raspberry_pi_4")
HZ = 1.8e9


def conv(kind: Kind, size: int, c_in: int, c_out: int, k: int, stride: int = 1, groups: int = 1, dtype: DType = DType.F32, width: float = 4.0) -> KernelWork:
    out = math.ceil(size / stride)
    weights = c_out * c_in // groups * k * k
    ins, outs = size * size * c_in, out * out * c_out
    return KernelWork(
        kind,
        out * out * weights,
        1,
        size,
        size,
        out,
        out,
        c_in,
        c_out,
        k,
        k,
        stride,
        groups,
        ins,
        outs,
        weights,
        ins * width,
        outs * width,
        weights * width,
        dtype,
        dtype,
    )


def seconds(rows: list[KernelWork], device: DeviceSpec = PI, unit: str = "cpu", hertz: float | None = None, **options: object) -> np.ndarray:
    work = Work.stack(rows)
    return kernel_seconds(kernel_costs(work, device, unit, **options), hertz or max_frequency_hz(device, unit))  # type: ignore[arg-type]


def scalar_pointwise_s(size: int, c_in: int, c_out: int, threads: int, net_weight_bytes: float, hertz: float) -> float:
    """One pointwise convolution on the Raspberry Pi 4, step by step from the published form and the device's own numbers."""
    law = {name: float(value) for name, value in cost_classes()["cpu_armv80_outoforder"].values.items()}
    core = float(cost_classes()["cpu_armv80_outoforder"].table("cores")["cortex_a72"])
    pixels, macs = size * size, size * size * c_in * c_out
    saturation = (1 + law["pixel_saturation"] / pixels) * (1 + law["depth_saturation"] / c_in) * (1 + law["channel_saturation"] / c_out)
    misfit = 1.0 if c_in % 4 or c_out % 4 else 0.5 if c_in % 8 or c_out % 8 else 0.0
    groups = math.ceil(c_out / 8)
    widths = range(1, threads + 1)
    per_mac = min(
        (math.ceil(groups / n) * n / groups) ** law["imbalance_power"]
        / (law["efficiency"] * core * 4 * interpolated("compute", n) * n ** law["compute_threads"])
        for n in widths
    )
    cache = max(law["cache_bytes_per_cycle"] * interpolated("cache", n) * n ** law["cache_threads"] for n in widths)  # B a cycle
    memory = max(law["memory_bytes_per_s"] * (12.8 / 12.8) * interpolated("memory", n) * n ** law["memory_threads"] for n in widths)  # B/s
    reach = law["cache_reach"] * 2**20
    act, weight = 4.0 * (pixels * c_in + pixels * c_out), 4.0 * c_in * c_out
    act_miss, weight_miss = 1 / (1 + (reach / act) ** 2), 1 / (1 + (reach / net_weight_bytes) ** 2)
    overhead = law["overhead_cycles"] * interpolated("overhead", threads) * threads ** law["overhead_threads"] / hertz
    compute = macs * saturation * (1 + law["misalignment"] * misfit) * per_mac / hertz
    through_cache = (act + weight) / cache / hertz
    from_memory = (act * act_miss + weight * weight_miss) / memory
    return overhead + compute + through_cache + from_memory


def interpolated(name: str, n: int) -> float:
    """The Pi's own factor: straight between one and four threads, both in logarithms."""
    one, four = (float(PI.units["cpu"].parameters[key][name]) for key in ("threads_1", "threads_4"))
    return math.exp(math.log(one) + math.log(n) / math.log(4) * (math.log(four) - math.log(one)))


@pytest.mark.parametrize(("size", "c_in", "c_out"), [(56, 64, 128), (14, 256, 512), (7, 12, 20), (112, 3, 33)])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_pointwise_convolution_costs_what_the_formula_says(size: int, c_in: int, c_out: int, threads: int) -> None:
    got = seconds([conv(Kind.PW, size, c_in, c_out, 1)], threads=threads)[0]
    assert got == pytest.approx(scalar_pointwise_s(size, c_in, c_out, threads, 4.0 * c_in * c_out, HZ), rel=1e-9)


def test_at_half_the_clock_only_the_memory_part_keeps_its_time() -> None:
    row = conv(Kind.PW, 56, 64, 128, 1)
    slow, fast = seconds([row], hertz=HZ / 2)[0], seconds([row])[0]
    memory = kernel_costs(Work.stack([row]), PI, "cpu").memory_s[0]
    assert slow - memory == pytest.approx(2 * (fast - memory), rel=1e-9)


def test_a_smaller_bandwidth_share_stretches_the_memory_part_alone() -> None:
    costs = kernel_costs(Work.stack([conv(Kind.FC, 1, 4096, 4096, 1)]), PI, "cpu")
    assert kernel_seconds(costs, HZ, 0.25)[0] - kernel_seconds(costs, HZ)[0] == pytest.approx(3 * costs.memory_s[0], rel=1e-9)


def test_kinds_rank_as_fitted() -> None:
    """Winograd 3x3 beats pointwise per multiply-accumulate, depthwise and strided convolutions are dearer."""
    wide = {
        kind: seconds([conv(kind, 56, 128, 128, k, stride, groups)])[0] / conv(kind, 56, 128, 128, k, stride, groups).macs
        for kind, k, stride, groups in ((Kind.C3, 3, 1, 1), (Kind.PW, 1, 1, 1), (Kind.CONV, 3, 2, 1), (Kind.DW, 3, 1, 128))
    }
    assert wide[Kind.C3] < wide[Kind.PW] < wide[Kind.CONV] < wide[Kind.DW]


def test_int8_is_cheaper_than_float_where_the_fit_says_so() -> None:
    float_s = seconds([conv(Kind.PW, 28, 256, 256, 1)])[0]
    int8_s = seconds([conv(Kind.PW, 28, 256, 256, 1, dtype=DType.I8, width=1.0)])[0]
    assert 0.5 < int8_s / float_s < 0.95


def test_float16_needs_half_the_time_of_float32_where_the_core_has_it() -> None:
    phone = load_device("snapdragon_8_gen_2_phone")
    wide, narrow = (
        kernel_costs(Work.stack([conv(Kind.PW, 28, 256, 256, 1, dtype=d, width=w)]), phone, "cpu_gold") for d, w in ((DType.F32, 4.0), (DType.F16, 2.0))
    )
    assert wide.compute_cycles[0] == pytest.approx(2 * narrow.compute_cycles[0], rel=0.05)


def test_a_recurrent_layer_pays_its_overhead_at_every_step() -> None:
    row = KernelWork(Kind.RNN, 1e6, c_in=100, c_out=100, weight_elements=1e4, weight_bytes=4e4, in_bytes=400, out_bytes=400, steps=50)
    once = kernel_costs(Work.stack([row._replace(steps=1)]), PI, "cpu")
    many = kernel_costs(Work.stack([row]), PI, "cpu")
    assert many.overhead_cycles[0] == pytest.approx(50 * once.overhead_cycles[0], rel=1e-12)
    assert many.compute_cycles[0] > once.compute_cycles[0]


def test_user_code_costs_operations_and_bytes() -> None:
    light, heavy = (seconds([KernelWork(Kind.CODE, macs=n, in_bytes=1e6, out_bytes=1e6)])[0] for n in (1e6, 1e9))
    assert heavy - light == pytest.approx((1e9 - 1e6) / (2.0 * HZ), rel=1e-9)
    assert seconds([KernelWork(Kind.CODE, macs=0, in_bytes=1e8, out_bytes=1e8)])[0] > light


def test_language_model_runtimes_stream_weights_faster_for_single_rows() -> None:
    phone = load_device("snapdragon_8_gen_3_phone")
    row = KernelWork(
        Kind.FC, 1e9, c_in=32000, c_out=32000, weight_elements=1e9, weight_bytes=5e8, in_bytes=6.4e4, out_bytes=6.4e4, dtype=DType.F16, weight_dtype=DType.I4
    )
    work = Work.stack([row])
    plain = kernel_costs(work, phone, "cpu_gold", threads=4)
    llama = kernel_costs(work, phone, "cpu_gold", threads=4, runtime="llama_cpp")
    assert llama.memory_s[0] < plain.memory_s[0]
    streamed = 5e8 / (float(kernel_seconds(llama, max_frequency_hz(phone, "cpu_gold"))[0]))
    assert streamed < 0.46 * 76.8e9


def with_cores(device: DeviceSpec, unit: str, *speeds: float) -> DeviceSpec:
    """The unit with cores of these relative speeds."""
    changed = {"cores": Figure(len(speeds)), "core_speeds": tuple(Figure(speed) for speed in speeds)}
    return device.model_copy(update={"units": {unit: UnitSpec.model_validate({**device.units[unit].model_dump(by_alias=True), **changed})}})


def test_unequal_cores_wait_for_the_slowest() -> None:
    """Two more cores at half the speed help less than two equal ones, and two of them alone are slower than two fast ones."""
    row = conv(Kind.PW, 56, 256, 256, 1)
    two, four_equal, four_mixed = (with_cores(PI, "cpu", *speeds) for speeds in ((1.0, 1.0), (1.0,) * 4, (1.0, 1.0, 0.5, 0.5)))
    equal, mixed = (seconds([row], device, threads=4)[0] for device in (four_equal, four_mixed))
    assert equal < mixed
    assert seconds([row], two, threads=2)[0] == pytest.approx(seconds([row], four_mixed, threads=2)[0], rel=1e-12)  # the fast cores serve


@pytest.mark.parametrize(("speeds", "what"), [((1.0, 0.5, 0.7, 0.7), "fastest core comes first"), ((0.9, 0.5), "fastest core comes first")])
def test_speeds_of_cores_are_checked(speeds: tuple[float, ...], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        with_cores(PI, "cpu", *speeds)


def test_every_core_needs_a_speed() -> None:
    raw = PI.units["cpu"].model_dump(by_alias=True)
    with pytest.raises(ValueError, match="2 speeds for 4 cores"):
        UnitSpec.model_validate({**raw, "core_speeds": [1.0, 0.5]})


def test_winograd_pads_small_images_to_tiles() -> None:
    """13 x 13 takes 3 x 3 tiles of six or 4 x 4 of four: a pixel of it costs more than one of 12 x 12."""
    rows = [conv(Kind.C3, size, 256, 256, 3) for size in (12, 13)]
    costs = kernel_costs(Work.stack(rows), PI, "cpu")
    per_pixel = costs.compute_cycles / [12 * 12, 13 * 13]
    assert per_pixel[1] > 1.2 * per_pixel[0]


def test_a_grouped_convolution_costs_more_than_its_arithmetic() -> None:
    """32 groups of 8 channels: a thirty-second of the work, but short loops and as many starts."""
    dense, grouped = (conv(kind, 28, 256, 256, 3, groups=groups) for kind, groups in ((Kind.C3, 1), (Kind.GCONV, 32)))
    dense_s, grouped_s = seconds([dense, grouped])
    assert dense_s / 32 < grouped_s < dense_s


def test_cores_without_fast_int8_gain_less_from_it() -> None:
    """Half the rate of int8 multiply-accumulates: slower, but less than twice."""
    row = conv(Kind.PW, 56, 256, 256, 1, dtype=DType.I8, width=1.0)
    rates = {**PI.units["cpu"].macs_per_cycle, "int8": Figure(4.0)}
    slow = PI.model_copy(update={"units": {"cpu": PI.units["cpu"].model_copy(update={"macs_per_cycle": rates})}})
    assert 1.2 < seconds([row], slow)[0] / seconds([row])[0] < 2.0


def test_more_threads_than_cores_gain_nothing() -> None:
    row = conv(Kind.PW, 56, 256, 256, 1)
    four = kernel_costs(Work.stack([row]), PI, "cpu", threads=4)
    eight = kernel_costs(Work.stack([row]), PI, "cpu", threads=8)
    assert eight.compute_cycles[0] == four.compute_cycles[0]
    assert eight.overhead_cycles[0] > four.overhead_cycles[0]
