"""What loading a model takes: its file, its preparation, and what its first run takes beyond a warm one."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.spec import DeviceSpec
from sim.compiler.runtimes import Runtime
from sim.compiler.support import Target


@dataclass(frozen=True)
class Load:
    """``storage_bytes``: size of the file; ``load_s``: reading and preparing it; ``first_inference_s``: extra time of the first run."""

    storage_bytes: float
    load_s: float
    first_inference_s: float


def load_of(device: DeviceSpec, runtime: Runtime, weights_bytes: float, used: dict[str, tuple[Target, int, float]]) -> Load:
    """Loading a model whose units do so much: unit -> (target, kernels there, seconds of a warm run there)."""
    storage = weights_bytes * (1 + float(runtime.file_overhead))
    reading = storage / (float(device.storage.read_bytes_per_s) * float(runtime.read_share))
    preparing = float(runtime.start_s)
    warming = 0.0
    for target, kernels, seconds in used.values():
        delegate = target.delegate
        preparing += float(delegate.prepare_s) + kernels * float(delegate.prepare_per_operator_s)
        warming += float(delegate.warm_up) * seconds
    return Load(storage, reading + preparing, warming)
