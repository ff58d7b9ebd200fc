"""Costs of a program's kernels on the units they were placed on."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from device_models.compute import KernelCosts, kernel_costs
from device_models.spec import DeviceSpec
from device_models.work import DTYPE_BITS, DType, Work
from sim.compiler.dataflow import Dataflow
from sim.compiler.runtimes import Runtime
from sim.compiler.support import Target
from sim.errors import ModelError


def thread_count(target: Target, runtime: Runtime, threads: int | None) -> int:
    """CPU threads on a unit: what is asked for, else the runtime's default, at most one per core; 1 on other units."""
    if target.spec.kind != "cpu":
        return 1
    cores = int(target.spec.cores)
    return max(1, min(threads or runtime.default_threads or cores, cores))


def busy_cores(target: Target, runtime: Runtime, threads: int | None) -> float:
    """Cores a segment keeps busy: the threads on a CPU, all of another unit."""
    return float(thread_count(target, runtime, threads)) if target.spec.kind == "cpu" else float(target.spec.cores)


def unit_costs(work: Work, device: DeviceSpec, target: Target, runtime: Runtime, precision: str, threads: int | None, weight_bytes: float) -> KernelCosts:
    """Costs of the rows ``work``, as the unit computes them; ``weight_bytes`` is what it reads in a whole inference."""
    name = target.delegate.cost_name or runtime.name
    count = thread_count(target, runtime, threads)
    try:
        return kernel_costs(work, device, target.unit, threads=count, precision=precision, runtime=name, network_weight_bytes=weight_bytes)
    except ValueError as error:
        if target.spec.kind != "neuromorphic":
            raise
        raise ModelError(f"{target.unit} of {device.name}: {error}") from None


def halves_floats(target: Target) -> bool:
    """Whether float32 networks are stored and computed in float16 on a unit: it has nothing else, or is faster and the delegate says so."""
    rates = target.spec.macs_per_cycle
    if target.spec.kind in ("mcu", "tiny_npu") or "float16" not in rates:
        return False
    return "float32" not in rates or (target.delegate.float32_as == "float16" and float(rates["float16"]) > float(rates["float32"]))


def as_computed(work: Work, target: Target) -> Work:
    """The rows as the unit computes them: float32 as float16 where it does so, with half the bytes; zeros in weights left out where it can."""
    work = _without_zeros(work, target)
    if not halves_floats(target):
        return work
    rows, weights = work.dtype == DType.F32, work.weight_dtype == DType.F32
    share = np.where(rows, 0.5, 1.0)
    return replace(
        work,
        dtype=np.where(rows, DType.F16, work.dtype).astype(work.dtype.dtype),
        weight_dtype=np.where(weights, DType.F16, work.weight_dtype).astype(work.weight_dtype.dtype),
        in_bytes=work.in_bytes * share,
        out_bytes=work.out_bytes * share,
        live_bytes=work.live_bytes * share,
        weight_bytes=work.weight_bytes * np.where(weights, 0.5, 1.0),
    )


def uses_zeros(target: Target) -> bool:
    """Whether zeros in weights make kernels of a unit faster: the unit can, and the delegate has such kernels."""
    return bool(target.spec.sparsity) and target.delegate.sparse_weights


def _without_zeros(work: Work, target: Target) -> Work:
    """Fewer multiply-accumulates and bytes of weights. 2:4 weights are stored as the two that stay and two bits for each.

    A decoder of weights reads those that stay, and where they are in the fewest bits: the entropy of zero or not.
    """
    if not uses_zeros(target) or not np.any(work.weight_zeros > 0):
        return work
    fourfold, skipping, decoded = (float(target.spec.sparsity.get(name, 1.0)) for name in ("structured_2_4", "zero_skipping", "weight_decoder"))  # type: ignore[call-overload]
    width = DTYPE_BITS[work.weight_dtype.astype(int)]
    on_fours = work.two_of_four & np.isin(work.dtype, (DType.I8, DType.F16, DType.BF16))
    speed = np.where(on_fours, fourfold, np.minimum(1.0 / np.maximum(1.0 - work.weight_zeros, 1e-9), skipping))
    halves = on_fours & (fourfold > 1)
    packed = np.clip(1.0 - work.weight_zeros + _place_bits(work.weight_zeros) / width, 1.0 / decoded, 1.0)
    return replace(work, macs=work.macs / speed, weight_bytes=work.weight_bytes * np.where(halves, 0.5 * (width + 2.0) / width, packed))


def _place_bits(zeros: np.ndarray) -> np.ndarray:
    """Bits a weight that say whether it is zero, for a share of zeros: their entropy."""
    share = np.clip(zeros, 1e-12, 1 - 1e-12)
    return np.asarray(-share * np.log2(share) - (1 - share) * np.log2(1 - share))


def take_costs(costs: KernelCosts, index: np.ndarray | slice) -> KernelCosts:
    """The rows that ``index`` selects."""
    columns = {field.name: getattr(costs, field.name)[index] for field in fields(costs) if field.name != "exponent"}
    return replace(costs, **columns)


def longest_path(flow: Dataflow) -> np.ndarray:
    """Which kernels lie on a longest chain of kernels, ``[kernels]`` bool."""
    count = len(flow.ops)
    length = [1] * count
    previous = [-1] * count
    for kernel, before in enumerate(flow.before):
        for other in before:
            if length[other] + 1 > length[kernel]:
                length[kernel], previous[kernel] = length[other] + 1, other
    on_path = np.zeros(count, dtype=bool)
    last = max(range(count), key=length.__getitem__, default=-1)
    while last >= 0:
        on_path[last] = True
        last = previous[last]
    return on_path


def weights_read(flow: Dataflow, rows: list[int], target: Target) -> float:
    """Bytes of stored tensors that these kernels read on a unit, each once."""
    tensors = [flow.graph.tensors[name] for name in dict.fromkeys(name for kernel in rows for name in flow.ops[kernel].all_inputs)]
    half = halves_floats(target)
    return float(sum(tensor.bytes * (0.5 if half and tensor.dtype == DType.F32 else 1.0) for tensor in tensors if tensor.is_stored))
