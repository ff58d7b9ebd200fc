"""GPUs: per kernel a launch, multiply-accumulates at a share of the nominal peak, and bytes at a share of the memory's bandwidth.

The form and its parameters were fitted to published ncnn Vulkan latencies (catalogue, source ``ncnn_fit``)::

    T = invocation + sum over kernels of [ launch + serial / f + X / P + moved / B ]

``X``: multiply-accumulates weighted by how well each kind runs; ``serial``: the steps of one thread's own loop, which a kernel with
few outputs takes however many cores stand idle; ``moved``: bytes weighted by what moves them. The launch has no clock. Every part
falls with more cores, clock and bandwidth, so that no kernel ever gets slower from them; caches only decide what reaches the memory.
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import INTEGER, CostContext, weight_traffic
from device_models.cost_gpu_weights import element_factor, mac_equivalents, miss_rates, overhead_factor, products, serial_cycles
from device_models.cost_streams import prefill_factor, stream_rates, streams_weights
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work


def gpu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on a GPU (cycles of its clock, s, bytes)."""
    own = context.parameters("float")
    efficiency = context.value("efficiency") * float(own.get("efficiency", 1.0))
    cores = float(context.unit.cores)
    peaks = context.once("gpu_peaks", lambda: context.by_format(lambda dtype: _peak(context, dtype)))
    rate = efficiency * cores * peaks.take(work.dtype)
    memory_rate = context.value("memory_share") * float(own.get("memory", 1.0)) * float(context.memory.bandwidth_bytes_per_s)
    act_bytes = work.in_bytes + work.out_bytes
    act_misses, weight_misses = miss_rates(context, act_bytes)
    weight_bytes = weight_traffic(work)
    depth = products(work)
    macs = mac_equivalents(work, context, depth, float(own.get("winograd", 1.0)), float(own.get("depthwise", 1.0)))
    if context.table("prefill"):
        macs = macs * prefill_factor(work, context)
    serial = serial_cycles(work, context, depth) / float(own.get("efficiency", 1.0))
    weight_s = weight_bytes * (context.value("weight_bytes") / memory_rate)
    if (context.runtime or "") in context.table("stream"):  # by kernels of their own, which share out the sum of an output among threads
        streams = streams_weights(work, context)
        serial = np.where(streams, 0.0, serial)
        weight_s = np.where(streams, weight_bytes / stream_rates(work, context, memory_rate), weight_s)
    code = np.where(work.kind == Kind.CODE, work.macs, 0.0) / (context.value("code_operations_per_cycle") * cores)
    return KernelCosts(
        fixed_s=_launches_s(work, context),
        overhead_cycles=np.zeros(len(work)),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=macs / rate + serial + code,
        # what hits the GPU's cache still passes the same ports: the miss share only decides what reaches the memory
        memory_s=act_bytes * element_factor(work, context) / memory_rate + weight_s,
        dram_bytes=act_bytes * act_misses + weight_bytes * weight_misses,
        exponent=1.0,
    )


def _launches_s(work: Work, context: CostContext) -> np.ndarray:
    """Launches, ``[kernels]`` s: the class's by the unit's own factor, or one each where a runtime's were fitted (engines that queue whole graphs)."""
    fitted = context.table("launch").get(context.runtime or "")
    if fitted is not None:
        return np.asarray(float(fitted) * np.maximum(work.steps, 1.0))
    own = float(context.parameters("float").get("overhead", 1.0))
    return context.value("overhead_s") * own * overhead_factor(work, context)


def _peak(context: CostContext, dtype: int) -> float:
    """Peak of the format per core and cycle; a format the GPU lacks runs converted (int8 as float16 where it has no dot product)."""
    if dtype in INTEGER and "int8" not in context.unit.macs_per_cycle:
        return context.macs_per_cycle(DType.F16)
    return context.macs_per_cycle(dtype)
