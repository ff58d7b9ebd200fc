"""GPUs: the CPU's kernel weights with an efficiency of the nominal peak, a launch overhead no clock changes, and no cache term.

Efficiency and launch overhead of each family were fitted to published ncnn Vulkan latencies (catalogue, source ``ncnn_fit``).
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import CostContext, weight_traffic
from device_models.cost_cpu import INTEGER, element_factor, mac_equivalents, miss_rates, overhead_factor, stream_rates
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work


def gpu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on a GPU (cycles of its clock, s, bytes)."""
    own = context.parameters("float")
    efficiency = context.value("efficiency") * float(own.get("efficiency", 1.0))
    cores = float(context.unit.cores)
    rate = efficiency * cores * context.by_format(lambda dtype: _peak(context, dtype))[work.dtype]
    memory_rate = context.value("memory_share") * float(context.memory.bandwidth_bytes_per_s)
    act_bytes = work.in_bytes + work.out_bytes
    act_misses, weight_misses = miss_rates(context, act_bytes)
    weight_bytes = weight_traffic(work)
    vector_rate = context.value("code_operations_per_cycle") * cores
    return KernelCosts(
        fixed_s=context.value("overhead_s") * float(own.get("overhead", 1.0)) * overhead_factor(work, context),
        overhead_cycles=np.zeros(len(work)),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=mac_equivalents(work, context) / rate + np.where(work.kind == Kind.CODE, work.macs / vector_rate, 0.0),
        # what hits the GPU's cache still passes the same ports: the miss share only decides what reaches the memory
        memory_s=act_bytes * element_factor(work, context) / memory_rate + weight_bytes / stream_rates(work, context, memory_rate),
        dram_bytes=act_bytes * act_misses + weight_bytes * weight_misses,
        exponent=1.0,
    )


def _peak(context: CostContext, dtype: int) -> float:
    """Peak of the format per core and cycle; a format the GPU lacks runs converted (int8 as float16 where it has no dot product)."""
    if dtype in INTEGER and "int8" not in context.unit.macs_per_cycle:
        return context.macs_per_cycle(DType.F16)
    return context.macs_per_cycle(dtype)
