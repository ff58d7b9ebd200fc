"""The CPU law against a scalar re-calculation written from the formula, and its behaviour at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
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
    fit = {name: float(value) for name, value in PI.units["cpu"].parameters[f"threads_{threads}"].items()}
    pixels, macs = size * size, size * size * c_in * c_out
    saturation = (1 + 1.6 / pixels) * (1 + 1.3 / c_in) * (1 + 13 / c_out)
    misfit = 1.0 if c_in % 4 or c_out % 4 else 0.5 if c_in % 8 or c_out % 8 else 0.0
    groups = math.ceil(c_out / 8)
    balance = math.ceil(groups / threads) * threads / groups
    rate = 0.81 * 4 * fit["compute"] * threads**0.79  # MAC a cycle
    cache = 4.0 * fit["cache"] * threads**0.55  # B a cycle
    if threads == 4:
        cache = max(cache, 4.0 * float(PI.units["cpu"].parameters["threads_1"]["cache"]), *(interpolated_cache(n) for n in (2, 3)))
    memory = 2.6e9 * (12.8 / 12.8) ** 0.48 * fit["memory"] * threads**0.5  # B/s
    reach = 2.35 * 2**20
    act, weight = 4.0 * (pixels * c_in + pixels * c_out), 4.0 * c_in * c_out
    act_miss, weight_miss = 1 / (1 + (reach / act) ** 2), 1 / (1 + (reach / net_weight_bytes) ** 2)
    overhead = 20e3 * fit["overhead"] * threads**0.64 / hertz
    compute = macs * saturation * (1 + 0.53 * misfit) * balance**0.19 / rate / hertz
    through_cache = (act + weight) / cache / hertz
    from_memory = act * act_miss / memory + weight * weight_miss * max(1 / memory - 1 / (cache * HZ), 0)
    return overhead + compute + through_cache + from_memory


def interpolated_cache(n: int) -> float:
    one, four = (float(PI.units["cpu"].parameters[key]["cache"]) for key in ("threads_1", "threads_4"))
    return float(4.0 * math.exp(math.log(one) + math.log(n) / math.log(4) * (math.log(four) - math.log(one))) * n**0.55)


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


def test_other_clusters_may_help_but_the_slowest_core_sets_the_pace() -> None:
    phone = load_device("snapdragon_8_gen_2_phone")
    row = conv(Kind.PW, 56, 256, 256, 1, dtype=DType.F16, width=2.0)
    alone = seconds([row], phone, "cpu_prime", threads=1)[0]
    team = seconds([row], phone, "cpu_prime", threads=4, team=("cpu_gold",))[0]
    assert alone / 4 < team < alone


def test_more_threads_than_cores_gain_nothing() -> None:
    row = conv(Kind.PW, 56, 256, 256, 1)
    four = kernel_costs(Work.stack([row]), PI, "cpu", threads=4)
    eight = kernel_costs(Work.stack([row]), PI, "cpu", threads=8)
    assert eight.compute_cycles[0] == four.compute_cycles[0]
    assert eight.overhead_cycles[0] > four.overhead_cycles[0]
