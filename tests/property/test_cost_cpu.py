"""CPU clusters at the edges: extreme kernels, many threads, cores of unequal speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.catalog.catalog import cost_classes, load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz
from device_models.figure import Figure
from device_models.spec import DeviceSpec, UnitSpec
from device_models.work import DTYPE_BITS, DType, KernelWork, Kind, Work

PI = load_device("raspberry_pi_4")
SLACK = 1 + 1e-9
CLASSES = sorted(name for name, known in cost_classes().items() if known.form == "cpu")

extents = st.sampled_from([1, 2, 3, 7, 8, 13, 64, 1000, 10**5])
channels = st.sampled_from([1, 2, 3, 4, 7, 8, 9, 31, 512, 4096, 2 * 10**5])


@st.composite
def kernels(draw: st.DrawFn) -> KernelWork:
    """From nothing to more than any network has."""
    kind, dtype = draw(st.sampled_from(list(Kind))), draw(st.sampled_from(list(DType)))
    h, w, c_in, c_out = draw(extents), draw(extents), draw(channels), draw(channels)
    k, stride = draw(st.sampled_from([1, 2, 3, 5, 31])), draw(st.sampled_from([1, 2, 16]))
    groups = c_in if kind == Kind.DW else draw(st.sampled_from([1, 2, 32, 4096])) if kind in (Kind.GCONV, Kind.CONVT) else 1
    weights = draw(st.sampled_from([0.0, float(c_in) * c_out * k * k / groups]))
    ins, outs, width = float(h * w) * c_in, float(h * w) * c_out, float(DTYPE_BITS[dtype]) / 8
    return KernelWork(
        kind, weights * h * w, 1, h * stride, w * stride, h, w, c_in, c_out, k, k, stride, groups,
        ins, outs, weights, ins * width, outs * width, weights * width, dtype, dtype,
        exp_elements=draw(st.sampled_from([0.0, outs])), epilogue_elements=draw(st.sampled_from([0.0, outs])),
    )  # fmt: skip


programs = st.lists(kernels(), min_size=1, max_size=5).map(Work.stack)


def with_cpu(**changes: object) -> DeviceSpec:
    raw = {**PI.units["cpu"].model_dump(by_alias=True), **changes}
    return PI.model_copy(update={"units": {"cpu": UnitSpec.model_validate(raw)}})


def seconds(work: Work, device: DeviceSpec, threads: int) -> np.ndarray:
    return kernel_seconds(kernel_costs(work, device, "cpu", threads=threads), max_frequency_hz(device, "cpu"))


@pytest.mark.parametrize("cost_class", CLASSES)
@settings(max_examples=40, deadline=None)
@given(work=programs, threads=st.integers(1, 12))
def test_any_kernel_takes_a_finite_positive_time(cost_class: str, work: Work, threads: int) -> None:
    device = with_cpu(cost_class=cost_class, core="", parameters={})
    costs = kernel_costs(work, device, "cpu", threads=threads)
    times = kernel_seconds(costs, max_frequency_hz(device, "cpu"))
    assert (np.isfinite(times) & (times > 0)).all()
    assert (costs.dram_bytes >= 0).all()


@settings(max_examples=60, deadline=None)
@given(work=programs, threads=st.integers(1, 11), more=st.integers(1, 4))
def test_more_threads_never_slow_arithmetic_or_traffic(work: Work, threads: int, more: int) -> None:
    """What further threads cost is the start of each kernel; the Pi's own factors differ between one and four threads."""
    for device in (PI, with_cpu(cores=12, parameters={})):
        few, many = (kernel_costs(work, device, "cpu", threads=count) for count in (threads, threads + more))
        assert (many.compute_cycles <= few.compute_cycles * SLACK).all()
        assert (many.memory_s <= few.memory_s * SLACK).all()


@settings(max_examples=60, deadline=None)
@given(work=programs, slow=st.floats(0.1, 1.0), quick=st.floats(0.1, 1.0), threads=st.integers(1, 6))
def test_quicker_cores_beside_the_fastest_never_slow_a_kernel(work: Work, slow: float, quick: float, threads: int) -> None:
    slow, quick = sorted((slow, quick))
    lame, swift = (with_cpu(cores=4, parameters={}, core_speeds=(Figure(1.0), Figure(1.0), Figure(speed), Figure(speed))) for speed in (slow, quick))
    assert (seconds(work, swift, threads) <= seconds(work, lame, threads) * SLACK).all()
