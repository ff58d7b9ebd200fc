"""Cost laws against published latencies, with networks written out by hand, so that no other part of the project is judged here.

Tolerances are what the laws are known to reach on devices they were fitted to; single networks may be off by more.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.compute import invocation_costs, kernel_costs, kernel_seconds, max_frequency_hz
from device_models.work import DTYPE_BITS, DType, KernelWork, Kind, Work


class Net:
    """A chain of layers on a square image; what the layer types mean is written here once more, on purpose."""

    def __init__(self, size: int, dtype: DType, channels: int = 3) -> None:
        self.size, self.channels, self.dtype, self.width = size, channels, dtype, float(DTYPE_BITS[dtype]) / 8
        self.rows: list[KernelWork] = []

    def _add(
        self, kind: Kind, out: int, c_out: int, k: int = 1, stride: int = 1, groups: int = 1, weights: float = 0, inputs: int = 1, longest: bool = True
    ) -> None:
        ins, outs = self.size**2 * self.channels * inputs, out**2 * c_out
        self.rows.append(
            KernelWork(
                kind, out**2 * weights, 1, self.size, self.size, out, out, self.channels, c_out, k, k, stride, groups,
                ins, outs, weights, ins * self.width, outs * self.width, weights * self.width, self.dtype, self.dtype,
                live_bytes=(ins + outs) * self.width, on_longest_path=longest,
            )
        )  # fmt: skip

    def conv(self, c_out: int, k: int = 1, stride: int = 1, depthwise: bool = False, side: bool = False) -> Net:
        out, groups = math.ceil(self.size / stride), self.channels if depthwise else 1
        dense = Kind.PW if k == 1 else Kind.C3 if (k, stride) == (3, 1) else Kind.CONV
        kind = Kind.DW if depthwise else Kind.FIRST if self.channels <= 4 else dense
        self._add(kind, out, c_out, k, stride, groups, c_out * self.channels * k * k / groups, longest=not side)
        if not side:
            self.size, self.channels = out, c_out
        return self

    def add(self) -> Net:
        self._add(Kind.ELEMENTWISE, self.size, self.channels, inputs=2)
        return self

    def normalise(self) -> Net:
        self._add(Kind.ELEMENTWISE, self.size, self.channels)
        return self

    def pool(self, k: int, stride: int) -> Net:
        self._add(Kind.POOL, math.ceil(self.size / stride), self.channels, k, stride)
        self.size = math.ceil(self.size / stride)
        return self

    def classify(self, *widths: int, pool: bool = True) -> Work:
        if pool:
            self.pool(self.size, self.size)
        self.channels, self.size = self.size**2 * self.channels, 1
        for width in widths:
            self._add(Kind.FC, 1, width, weights=self.channels * width)
            self.channels = width
        return Work.stack(self.rows)


def mobilenet_v1(net: Net) -> Work:
    net.conv(32, 3, 2)
    for width, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]:
        net.conv(net.channels, 3, stride, depthwise=True).conv(width)
    return net.classify(1000)


def mobilenet_v2(net: Net) -> Work:
    net.conv(32, 3, 2)
    for expand, width, repeat, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for index in range(repeat):
            if expand > 1:
                net.conv(net.channels * expand)
            net.conv(net.channels, 3, stride if index == 0 else 1, depthwise=True).conv(width)
            if index:
                net.add()
    return net.conv(1280).classify(1000)


def resnet18(net: Net) -> Work:
    net.conv(64, 7, 2).pool(3, 2)
    for width, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        if width != net.channels:
            net.conv(width, 1, stride, side=True)
        net.conv(width, 3, stride).conv(width, 3).add()
    return net.classify(1000)


def bottlenecks(net: Net, repeats: tuple[int, ...]) -> Work:
    net.conv(64, 7, 2).pool(3, 2)
    for width, repeat, first in zip((64, 128, 256, 512), repeats, (1, 2, 2, 2), strict=True):
        for index in range(repeat):
            stride = first if index == 0 else 1
            if index == 0:
                net.conv(4 * width, 1, stride, side=True)
            net.conv(width).conv(width, 3, stride).conv(4 * width).add()
    return net.classify(1000)


def vgg(net: Net, repeats: tuple[int, ...] = (2, 2, 3, 3, 3)) -> Work:
    for width, repeat in zip((64, 128, 256, 512, 512), repeats, strict=True):
        for _ in range(repeat):
            net.conv(width, 3)
        net.pool(2, 2)
    return net.classify(4096, 4096, 1000, pool=False)


NETWORKS: dict[str, Callable[[Net], Work]] = {"mobilenet": mobilenet_v1, "mobilenet_v2": mobilenet_v2, "resnet18": resnet18, "vgg16": vgg}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def predicted_ms(work: Work, device: str, unit: str, precision: str = "float16", **options: object) -> float:
    spec = load_device(device)
    costs = kernel_costs(work, spec, unit, **options)  # type: ignore[arg-type]
    entering = invocation_costs(spec, unit, precision=precision, runtime=options.get("runtime"))  # type: ignore[arg-type]
    return 1e3 * (float(kernel_seconds(costs, max_frequency_hz(spec, unit)).sum()) + entering.seconds(224 * 224 * 3, 1000))


class Board(NamedTuple):
    label: str
    threads: int
    powersave: int
    device: str
    unit: str
    dtype: DType


CPUS = [
    Board("Raspberry Pi 4 Model B", 1, 0, "raspberry_pi_4", "cpu", DType.F32),
    Board("Raspberry Pi 4 Model B", 4, 0, "raspberry_pi_4", "cpu", DType.F32),
    Board("NVIDIA Jetson Orin Nano", 1, 0, "jetson_orin_nano", "cpu", DType.F16),
    Board("NVIDIA Jetson Orin Nano", 6, 0, "jetson_orin_nano", "cpu", DType.F16),
    Board("Rockchip RK3588 (Quad", 4, 2, "rk3588_board", "cpu_big", DType.F16),
    Board("OrangePi5,", 4, 1, "rk3588_board", "cpu_little", DType.F16),
    Board("Qualcomm SM8150-AC", 1, 2, "snapdragon_855_phone", "cpu_prime", DType.F16),
]


@pytest.mark.parametrize("board", CPUS, ids=lambda board: f"{board.device}-{board.unit}-{board.threads}")
def test_cpu_latency_of_ncnn(board: Board, shared: Path) -> None:
    measured = {
        row["model"]: float(row["min_ms"])
        for row in rows(shared / "measurements/ncnn_cpu_gpu.csv")
        if row["device"].startswith(board.label)
        and (row["num_threads"], row["powersave"], row["gpu_device"]) == (str(board.threads), str(board.powersave), "-1")
    }
    errors = {}
    for name, build in NETWORKS.items():
        for suffix, dtype in (("", board.dtype), ("_int8", DType.I8)):
            if name + suffix in measured:
                work = build(Net(224, dtype))
                ratio = predicted_ms(work, board.device, board.unit, threads=board.threads) / measured[name + suffix]
                errors[name + suffix] = math.log(ratio)
    assert len(errors) >= 5
    assert np.mean(np.abs(list(errors.values()))) < 0.22, errors
    assert max(map(abs, errors.values())) < 0.50, errors


@pytest.mark.parametrize(
    ("label", "device"),
    [("Qualcomm SM8150-AC", "snapdragon_855_phone"), ("Rockchip RK3588 (Cortex", "rk3588_board"), ("NVIDIA Jetson Orin Nano", "jetson_orin_nano")],
)
def test_gpu_latency_of_ncnn(label: str, device: str, shared: Path) -> None:
    errors = {}
    for name, build in NETWORKS.items():
        times = [
            float(row["min_ms"])
            for row in rows(shared / "measurements/ncnn_cpu_gpu.csv")
            if row["device"].startswith(label) and row["model"] == name and row["gpu_device"] == "0" and row["num_threads"] == "1"
        ]
        errors[name] = math.log(predicted_ms(build(Net(224, DType.F16)), device, "gpu") / min(times))
    assert max(map(abs, errors.values())) < 0.35, errors  # VGG is the furthest; the whole table is in test_ncnn_gpu


def test_edge_tpu_latency_of_coral(shared: Path) -> None:
    measured = {row["model"]: float(row["devboard_edgetpu_ms"]) for row in rows(shared / "measurements/coral_edgetpu.csv")}
    networks = {
        "mobilenet_v1": mobilenet_v1(Net(224, DType.I8)),
        "mobilenet_v2": mobilenet_v2(Net(224, DType.I8)),
        "resnet50_v1": bottlenecks(Net(299, DType.I8), (3, 4, 6, 3)),
        "resnet152_v2": bottlenecks(Net(299, DType.I8), (3, 8, 36, 3)),
        "vgg16": vgg(Net(224, DType.I8)),
        "vgg19": vgg(Net(224, DType.I8), (2, 2, 4, 4, 4)),
    }
    errors = {name: math.log(predicted_ms(work, "coral_dev_board", "npu", "int8") / measured[name]) for name, work in networks.items()}
    assert max(map(abs, errors.values())) < 0.10, errors


@pytest.mark.parametrize(
    ("device", "unit", "runtime", "bytes_read", "published"),
    [("snapdragon_8_gen_3_phone", "cpu_gold", "executorch", 1083 * 2**20, 50.2), ("raspberry_pi_5", "cpu", "llama_cpp", 0.5e9 * 0.5625 + 0.136e9 * 0.5, 33.84)],
)
def test_token_rate_is_the_streaming_of_the_weights(device: str, unit: str, runtime: str, bytes_read: float, published: float) -> None:
    """Llama 3.2 1B (SpinQuant, OnePlus 12) and Qwen2.5 0.5B (Q4_0, Raspberry Pi 5): weights dominate a decoding step."""
    layers, width = 64, 2048.0
    weights, row = bytes_read * 2 / layers, 2 * width
    one = KernelWork(
        Kind.FC,
        weights,
        c_in=width,
        c_out=weights / width,
        weight_elements=weights,
        weight_bytes=weights / 2,
        in_bytes=row,
        out_bytes=row,
        dtype=DType.I8,
        weight_dtype=DType.I4,
    )
    spec = load_device(device)
    costs = kernel_costs(Work.stack([one] * layers), spec, unit, threads=4, runtime=runtime)
    rate = 1 / float(kernel_seconds(costs, max_frequency_hz(spec, unit)).sum())
    assert 0.4 < rate / published < 1.6
