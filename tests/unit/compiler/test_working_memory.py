"""What an engine takes beside the plan: scratch where it raises the peak, structures always."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import load_device
from device_models.work import KernelWork, Kind, Work
from sim.compiler import compile_model
from sim.compiler.program import MemoryPlan
from sim.compiler.runtimes.spec import Arena
from sim.compiler.working_memory import scratch_bytes, working_bytes
from sim.frontends.zoo import build

CONV = KernelWork(Kind.CONV, macs=16 * 8 * 9 * 4, h_out=4, w_out=4, c_in=4, c_out=8, kernel_h=3, kernel_w=3, live_bytes=100.0)
DEPTHWISE = KernelWork(Kind.DW, macs=16 * 8 * 9, h_out=4, w_out=4, c_in=8, c_out=8, kernel_h=3, kernel_w=3, groups=8, live_bytes=300.0)
ADD = KernelWork(Kind.ELEMENTWISE, live_bytes=400.0)
PLAN = MemoryPlan((), 400, 400)


def test_windows_are_gathered_as_16_bit_numbers() -> None:
    assert scratch_bytes(Arena(gathered_windows=2), Work.stack([CONV, DEPTHWISE, ADD])) == pytest.approx([2 * 2 * 36, 2 * 72, 0])
    assert scratch_bytes(Arena(), Work.stack([CONV, DEPTHWISE, ADD])) == pytest.approx([0, 0, 0])


def test_scratch_counts_only_beyond_the_peak() -> None:
    arena = Arena(gathered_windows=2)
    assert working_bytes(arena, Work.stack([CONV, ADD]), PLAN) == 0.0
    assert working_bytes(arena, Work.stack([DEPTHWISE, ADD]), PLAN) == pytest.approx(300 + 144 - 400)


def test_structures_are_kept_for_every_kernel_and_channel() -> None:
    arena = Arena(kernel_bytes=150, channel_bytes=8)
    assert working_bytes(arena, Work.stack([CONV, DEPTHWISE, ADD]), PLAN) == pytest.approx(3 * 150 + 16 * 8)
    assert working_bytes(arena, Work.stack([]), PLAN) == 0.0


def test_an_interpreter_takes_more_than_compiled_code() -> None:
    device = load_device("stm32l4r5")
    interpreted, compiled = (compile_model(build("ds_cnn"), device, runtime=name, precision="int8") for name in ("tflite_micro", "x_cube_ai"))
    assert compiled.working_bytes == 0 < interpreted.working_bytes
    assert interpreted.resident_bytes == interpreted.plan.arena_bytes + interpreted.working_bytes
