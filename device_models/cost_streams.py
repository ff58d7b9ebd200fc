"""Weights that stream from memory once a token, and products over many rows, in engines made for language models."""

from __future__ import annotations

import numpy as np

from device_models.cost_context import INTEGER, CostContext, among
from device_models.work import Kind, Work

STREAM_REFERENCE_BYTES_PER_S = 5e10  # the memory whose share the table ``stream`` states


def streams_weights(work: Work, context: CostContext) -> np.ndarray:
    """Products of at most four rows under a runtime made for language models ``[kernels]``: their arithmetic hides behind the weight stream."""
    if (context.runtime or "") not in context.table("stream"):
        return np.zeros(len(work), dtype=bool)
    return among(work.kind, (Kind.FC, Kind.GEMM)) & (work.batch * work.h_out * work.w_out <= 4)


def prefill_factor(work: Work, context: CostContext) -> np.ndarray:
    """Cost of products of many rows ``[kernels]`` relative to the class's, where the runtime has kernels of its own for them."""
    table = context.table("prefill")
    low, plain = (float(table.get(f"{context.runtime}.{name}", 1.0)) for name in ("low", "float"))
    integer_weights = among(work.weight_dtype, INTEGER)
    many_rows = among(work.kind, (Kind.GEMM,)) & (work.batch * work.h_out * work.w_out > 4)
    return np.where(many_rows, np.where(integer_weights, low, plain), 1.0)


def stream_rates(work: Work, context: CostContext, memory_rate: float) -> np.ndarray:
    """Rate at which weights stream, ``[kernels]`` B/s: runtimes made for language models read them faster than ncnn does.

    Applies to products with at most four rows; ``stream`` in the class gives the measured share of the memory's bandwidth by
    runtime. A single thread draws less than two, by the same power as other traffic: two saturate the memory of a Raspberry Pi 5.
    """
    share = context.table("stream").get(context.runtime or "")
    rates = np.full(len(work), memory_rate)
    if share is None:
        return rates
    width = max(min(context.threads, context.cores), 1)
    bandwidth = float(context.memory.bandwidth_bytes_per_s)
    grows = (bandwidth / STREAM_REFERENCE_BYTES_PER_S) ** (context.value("stream_bandwidth_power") - 1.0)  # wide memories are filled less well
    streamed = float(share) * grows * bandwidth * min(1.0, width / 2.0) ** context.value("memory_threads")
    return np.where(streams_weights(work, context), streamed, rates)
