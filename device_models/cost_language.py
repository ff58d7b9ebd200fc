"""Language models on matrix accelerators: weights and cached keys stream at the unit's own rate, prompts run in products of many rows.

Fitted to published token rates (catalogue, source ``llm_decode_fit``). Networks of ordinary size keep the law of convolutional
networks; by the bytes of its weights a network passes over from one to the other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from device_models.cost_context import CostContext, among, weight_traffic
from device_models.cost_npu import language_share, npu_costs
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work


def language_npu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on such a unit: of any network, with what is different in language models."""
    costs = npu_costs(work, context)
    large = language_share(context)
    for rows, key in ((work.dtype == DType.F16, "float"), (among(work.dtype, (DType.I16, DType.I8)), "integer")):
        if rows.any() and f"{context.runtime}.{key}" in context.table("stream"):
            attention = work.kind == Kind.ATTENTION  # one kernel with its cache: only language models have it
            products = among(work.kind, (Kind.FC, Kind.GEMM))
            share = rows * np.where(attention, 1.0, np.where(products, large, 0.0))
            costs = _blended(costs, work, context, key, share) if share.any() else costs
    return costs


def _blended(costs: KernelCosts, work: Work, context: CostContext, key: str, share: np.ndarray) -> KernelCosts:
    """``costs`` with the share ``share`` ``[kernels]`` of the language models' law."""
    attention = work.kind == Kind.ATTENTION
    rate = min(float(context.table("stream")[f"{context.runtime}.{key}"]) * context.max_hz, context.value("stream_limit") * _bandwidth(context))
    traffic = np.where(attention, work.in_bytes, weight_traffic(work))
    factor = _row(context, "prefill", key, 1.0) * np.where(attention, _row(context, "attention", key, 1.0), 1.0)
    peak = float(context.unit.cores) * context.macs_per_cycle(DType.F16 if key == "float" else DType.I8)
    launch_s = np.where(attention, _row(context, "launch", key, 0.0), 0.0)  # caches are updated once a layer
    return replace(
        costs,
        fixed_s=(1 - share) * costs.fixed_s + share * launch_s,
        overhead_cycles=costs.overhead_cycles - share * costs.vector_cycles,
        vector_cycles=(1 - share) * costs.vector_cycles,
        compute_cycles=(1 - share) * costs.compute_cycles + share * work.macs * factor / peak,
        memory_s=(1 - share) * costs.memory_s + share * traffic / rate,
        dram_bytes=(1 - share) * costs.dram_bytes + share * traffic,
    )


def _row(context: CostContext, table: str, key: str, default: float) -> float:
    return float(context.table(table).get(f"{context.runtime}.{key}", default))


def _bandwidth(context: CostContext) -> float:
    return float(context.memory.bandwidth_bytes_per_s)
