"""What loading a model takes: its file, its preparation, and what its first run takes beyond a warm one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_models.spec import DeviceSpec
from sim.compiler.runtimes import Delegate, Runtime
from sim.graph.ir import Graph
from sim.graph.ops import OPS


@dataclass(frozen=True)
class UnitUse:
    """What a unit does in one inference: its delegate, kernels it runs, seconds of a warm run."""

    delegate: Delegate
    kernels: int
    warm_s: float


@dataclass(frozen=True)
class Load:
    """``storage_bytes``: size of the file; ``load_s``: reading and preparing it; ``first_inference_s``: extra time of the first run."""

    storage_bytes: float
    load_s: float
    first_inference_s: float


def weights_in_place(device: DeviceSpec, runtime: Runtime) -> bool:
    """Whether kernels read the weights where they are stored, so that they count as storage only."""
    return runtime.weights == "in_place" and device.storage.execute_in_place


def overwritten_bytes(graph: Graph) -> float:
    """Bytes of stored tensors that a run writes over: the weights that a training step changes."""
    names = {name for op in graph.ops for name in op.inputs[: OPS[op.type].overwrites]}
    return float(sum(graph.tensors[name].bytes for name in names if graph.tensors[name].is_stored))


def load_of(device: DeviceSpec, runtime: Runtime, weights_bytes: float, used: Sequence[UnitUse], structure_bytes: float = 0.0) -> Load:
    """Loading a model with so many bytes of stored tensors, which runs on these units.

    ``structure_bytes``: what the file holds beside them (graph, names, scales) if it is known; else the runtime's usual share.
    """
    storage_bytes = weights_bytes + (structure_bytes or weights_bytes * float(runtime.file_overhead))
    read_bytes = 0.0 if weights_in_place(device, runtime) else storage_bytes
    reading_s = read_bytes / (float(device.storage.read_bytes_per_s) * float(runtime.read_share))
    preparing_s = float(runtime.start_s) + sum(float(use.delegate.prepare_s) + use.kernels * float(use.delegate.prepare_per_operator_s) for use in used)
    warming_s = sum(float(use.delegate.warm_up) * use.warm_s for use in used)
    return Load(storage_bytes, reading_s + preparing_s, warming_s)
