"""Time to price a program of 1,000 kernels on one unit, beside a plain NumPy baseline of sixty vector operations on 1,000 numbers.

Run it by hand: ``python tests/benchmarks/kernel_costs.py``. Both are timed in one process, alternating, the best of several rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from device_models.catalog.catalog import load_device
from device_models.compute import kernel_costs, kernel_seconds, max_frequency_hz, unit_supports
from device_models.work import DType, KernelWork, Kind, Work

KERNELS, OPERATIONS, ROUNDS, REPEATS = 1000, 60, 15, 20
UNITS = [
    ("raspberry_pi_4", "cpu", DType.F32),
    ("snapdragon_8_gen_2_phone", "cpu_gold", DType.F16),
    ("snapdragon_8_gen_2_phone", "gpu", DType.F16),
    ("snapdragon_8_gen_2_phone", "npu", DType.F16),
    ("snapdragon_8_gen_2_phone", "npu", DType.I8),
    ("stm32h7a3", "mcu", DType.I8),
    ("coral_dev_board", "npu", DType.I8),
]


def program(dtype: DType) -> Work:
    """Kernels of all kinds of a convolutional network, of random sizes."""
    rng = np.random.default_rng(0)
    kinds = [Kind.PW, Kind.DW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.FC, Kind.ELEMENTWISE, Kind.POOL, Kind.CONCAT, Kind.EXP]
    rows = []
    for _ in range(KERNELS):
        kind = kinds[int(rng.integers(len(kinds)))]
        size, c_in, c_out = (float(rng.integers(1, most)) for most in (112, 512, 512))
        weights = c_in * c_out if kind < Kind.ELEMENTWISE else 0.0
        ins, outs = size * size * c_in, size * size * c_out
        rows.append(
            KernelWork(
                kind,
                macs=size * size * weights,
                h_in=size,
                w_in=size,
                h_out=size,
                w_out=size,
                c_in=c_in,
                c_out=c_out,
                kernel_h=3.0,
                kernel_w=3.0,
                in_elements=ins,
                out_elements=outs,
                weight_elements=weights,
                in_bytes=2 * ins,
                out_bytes=2 * outs,
                weight_bytes=2 * weights,
                dtype=dtype,
                weight_dtype=dtype,
            )
        )
    return Work.stack(rows)


def baseline() -> None:
    """As many additions and multiplications of vectors as a law of moderate size makes."""
    values = np.linspace(1.0, 2.0, KERNELS)
    for _ in range(OPERATIONS // 2):
        values = values * 1.0000001 + 1e-7


def best_s(run: Callable[[], object]) -> float:
    """The shortest of some calls: the others were interrupted."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    for name, unit, dtype in UNITS:
        device = load_device(name)
        if not unit_supports(device.units[unit], dtype):
            continue
        work, hertz = program(dtype), max_frequency_hz(device, unit)
        runs: tuple[Callable[[], object], ...] = (
            lambda work=work, device=device, unit=unit, hertz=hertz: kernel_seconds(kernel_costs(work, device, unit, threads=1), hertz),
            baseline,
        )
        times = np.array([[best_s(run) for run in runs] for _ in range(ROUNDS)]).min(axis=0)
        print(f"{name:26s} {unit:9s} {dtype.name:4s} {times[0] * 1e6:7.0f} us   baseline {times[1] * 1e6:5.0f} us   ratio {times[0] / times[1]:5.1f}")


if __name__ == "__main__":
    main()
