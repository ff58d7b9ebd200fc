"""CPU clusters: per kernel an overhead, multiply-accumulates at the core clock, and bytes through cache and memory.

The form and its parameters were fitted to published ncnn latencies of 53 devices (catalogue, source ``ncnn_fit``)::

    T = sum over kernels of [ overhead + X / P + act_bytes * elm * (1/Bc + ma/Bd) + weight_bytes * ((1 - mw)/Bc + mw/Bd) ]

P, Bc (cache) and the overhead scale with the core clock, Bd (memory) does not. Where the fit's Bd exceeds Bc, a miss costs
what a hit costs: more cache then never makes a kernel slower.
"""

from __future__ import annotations

import math

import numpy as np

from device_models.cost_context import CostContext, weight_traffic
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work

SATURATING = (Kind.PW, Kind.C3, Kind.CONV, Kind.GCONV, Kind.FIRST, Kind.CONVT)
CONVOLUTIONS = (*SATURATING, Kind.DW)
PRODUCTS = (Kind.GEMM, Kind.BMM, Kind.ATTENTION)
INTEGER = (DType.I8, DType.I4, DType.I2, DType.I1)
_MOVES_ONLY = (
    Kind.ELEMENTWISE,
    Kind.EXP,
    Kind.PERMUTE,
    Kind.CONCAT,
    Kind.POOL,
    Kind.NORM,
    Kind.SOFTMAX,
    Kind.LRN,
    Kind.EMBED,
    Kind.DETECT,
    Kind.QUANT,
    Kind.DATA,
)


def cpu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on a CPU cluster (cycles of its clock, s, bytes)."""
    rates = cpu_rates(context)
    act_bytes = work.in_bytes + work.out_bytes
    act_misses, weight_misses = miss_rates(context, act_bytes)
    memory_rate = stream_rates(work, context, rates.memory_bytes_per_s)
    cache_s_per_byte = 1.0 / (rates.cache_bytes_per_cycle * context.max_hz)  # at the highest clock, where the fit was made
    weight_miss_s = np.maximum(1.0 / memory_rate - cache_s_per_byte, 0.0)
    moved = act_bytes * element_factor(work, context)
    weight_bytes = weight_traffic(work)
    mac_rate = context.by_format(lambda dtype: rates.macs_per_cycle(context, dtype))[work.dtype]
    mac_cycles = mac_equivalents(work, context, rates.winograd, rates.int8) * prefill_factor(work, context) / mac_rate
    streams = streams_weights(work, context)
    cached_s = np.where(streams, 0.0, weight_bytes * cache_s_per_byte)
    # a stream takes what its bytes or its arithmetic takes, whichever is longer, and is never slower from a cache than from memory
    stream_s = weight_bytes * (weight_misses / memory_rate + (1.0 - weight_misses) * np.minimum(1.0 / memory_rate, cache_s_per_byte))
    missed_s = np.where(streams, np.maximum(stream_s - mac_cycles / context.max_hz, 0.0), weight_bytes * weight_misses * weight_miss_s)
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=rates.overhead_cycles * overhead_factor(work, context),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=mac_cycles + code_cycles(work, context) + moved / rates.cache_bytes_per_cycle + cached_s * context.max_hz,
        memory_s=moved * act_misses / rates.memory_bytes_per_s + missed_s,
        dram_bytes=act_bytes * act_misses + weight_bytes * weight_misses,
        exponent=1.0,
    )


class CpuRates:
    """Rates of a cluster with ``threads`` threads: the class's law times the unit's fitted deltas."""

    def __init__(self, context: CostContext) -> None:
        cores, threads = max(context.cores, 1), max(context.threads, 1)
        width = max(min(threads, cores), 1)
        self.efficiency = max(_efficiency(context, n) * _delta(context, "compute", n) for n in range(1, width + 1))
        # a further thread may gain little, but a scheduler that sees n cores can always use fewer: the best width so far counts
        self.cache_bytes_per_cycle = max(
            context.value("cache_bytes_per_cycle") * n ** context.value("cache_threads") * _delta(context, "cache", n) for n in range(1, width + 1)
        )
        dram = (float(context.memory.bandwidth_bytes_per_s) / 12.8e9) ** context.value("memory_bandwidth_power")
        self.memory_bytes_per_s = max(
            context.value("memory_bytes_per_s") * dram * n ** context.value("memory_threads") * _delta(context, "memory", n) for n in range(1, width + 1)
        )
        self.overhead_cycles = context.value("overhead_cycles") * threads ** context.value("overhead_threads") * _delta(context, "overhead", threads)
        self.winograd = _delta(context, "winograd", width)
        self.int8 = _delta(context, "int8", width)

    def macs_per_cycle(self, context: CostContext, dtype: int) -> float:
        """Effective rate; integer formats are counted at the float rate, their cost factor is in :func:`mac_equivalents`."""
        reference = DType.F16 if dtype in INTEGER or dtype == DType.F16 else dtype
        if dtype in (DType.I16, DType.I32, DType.I64, DType.BOOL):
            reference = DType.F32
        slower = 0.5 if dtype in (DType.F64, DType.I64) else 1.0
        return self.efficiency * context.macs_per_cycle(reference) * slower


def cpu_rates(context: CostContext) -> CpuRates:
    """The cluster's effective rates."""
    return CpuRates(context)


def _efficiency(context: CostContext, n: int) -> float:
    """Effective cores' worth of peak with n threads; unequal cores wait for the slowest."""
    mix = min(n * context.slowest, context.combined) / n if context.slowest < 1.0 else 1.0
    return context.value("efficiency") * n ** context.value("compute_threads") * mix ** context.value("mix_power")


def _delta(context: CostContext, name: str, n: int) -> float:
    """The unit's fitted factor at n threads: log-log between the fitted thread counts, the nearest one outside them."""
    fitted = sorted(
        (int(key.removeprefix("threads_")), float(table[name]))
        for key, table in context.unit.parameters.items()
        if key.startswith("threads_") and name in table
    )
    if not fitted:
        return 1.0
    counts, factors = zip(*fitted, strict=True)
    return float(np.exp(np.interp(math.log(n), np.log(counts), np.log(factors))))


def mac_equivalents(work: Work, context: CostContext, winograd: float = 1.0, int8: float = 1.0) -> np.ndarray:
    """Multiply-accumulates ``[kernels]`` weighted by how well each kind runs (1 = pointwise convolution)."""
    factor = context.by_kind("kinds")[work.kind]
    integer = np.isin(work.dtype, INTEGER)
    c3, dw = work.kind == Kind.C3, work.kind == Kind.DW
    factor = np.where(dw & (work.stride >= 2), factor * context.value("dw_stride2"), factor)
    factor = np.where(c3, factor * winograd, factor)
    factor = np.where(c3 & ~integer, factor * _winograd_padding(work) ** context.value("winograd_padding"), factor)
    factor = np.where(integer, factor * int8 * _int8_factor(work, context), factor)
    factor = np.where(np.isin(work.kind, SATURATING), factor * _saturation(work), factor)
    factor = np.where(np.isin(work.kind, CONVOLUTIONS), factor * _misalignment(work, context) * _imbalance(work, context), factor)
    macs = np.where(work.kind == Kind.CODE, 0.0, work.macs)
    lrn = np.where(work.kind == Kind.LRN, context.value("lrn_macs") * work.out_elements, 0.0)
    return np.asarray(macs * factor + context.value("exp_macs") * work.exp_elements + lrn + context.value("epilogue_macs") * work.epilogue_elements)


def _int8_factor(work: Work, context: CostContext) -> np.ndarray:
    """Cost of an int8 kernel relative to the float one of its kind."""
    return np.asarray(context.by_kind("int8", default=float(context.table("int8")["pw"]))[work.kind])


def _saturation(work: Work) -> np.ndarray:
    """Short loops run below the steady rate."""
    pixels = np.maximum(work.h_out * work.w_out, 1.0)
    depth = np.maximum(work.c_in * work.kernel_h * work.kernel_w / np.maximum(work.groups, 1.0), 1.0)
    return np.asarray((1 + 1.6 / pixels) * (1 + 1.3 / depth) * (1 + 13 / np.maximum(work.c_out, 1.0)))


def _winograd_padding(work: Work) -> np.ndarray:
    """Winograd tiles of six outputs cover the image with a rim."""
    h, w = np.maximum(work.h_out, 1.0), np.maximum(work.w_out, 1.0)
    return np.asarray(np.ceil(h / 6) * 6 * np.ceil(w / 6) * 6 / (h * w))


def _misalignment(work: Work, context: CostContext) -> np.ndarray:
    """Channels that do not fill vector lanes: half the penalty off multiples of 8, all of it off multiples of 4."""
    off = [(work.c_in % n != 0) | (work.c_out % n != 0) for n in (4, 8)]
    return np.asarray(1.0 + context.value("misalignment") * np.where(off[0], 1.0, np.where(off[1], 0.5, 0.0)))


def _imbalance(work: Work, context: CostContext) -> np.ndarray:
    """Output channels are dealt to threads in groups of eight."""
    width = max(min(context.threads, context.cores), 1)
    groups = np.maximum(np.ceil(work.c_out / 8), 1.0)
    return np.asarray((np.ceil(groups / width) * width / groups) ** context.value("imbalance_power"))


def code_cycles(work: Work, context: CostContext) -> np.ndarray:
    """A user's own stage: plain operations at a sustained rate per core, on all its threads."""
    width = max(min(context.threads, context.cores), 1)
    rate = context.value("code_operations_per_cycle") * width ** context.value("compute_threads")
    return np.where(work.kind == Kind.CODE, work.macs / rate, 0.0)


def element_factor(work: Work, context: CostContext) -> np.ndarray:
    """How much dearer a kind moves an activation byte than a plain copy."""
    window = work.kernel_h * work.kernel_w * work.out_elements / np.maximum(work.in_elements + work.out_elements, 1.0)
    factor = np.ones(len(work))
    factor[work.kind == Kind.PERMUTE] = context.value("permute_bytes")
    pool = work.kind == Kind.POOL
    factor[pool] = 1.0 + context.value("pool_bytes") * window[pool]
    factor[(work.kind == Kind.C3) & ~np.isin(work.dtype, INTEGER)] = context.value("winograd_bytes")
    return factor


def miss_rates(context: CostContext, act_bytes: np.ndarray) -> tuple[np.ndarray, float]:
    """Share of activation bytes ``[kernels]`` and of weight bytes that miss the last-level cache."""
    reach = context.value("cache_reach") * context.on_chip_bytes
    activations = 1.0 / (1.0 + (reach / np.maximum(act_bytes, 1.0)) ** 2)
    weights = 1.0 / (1.0 + (reach / max(context.network_weight_bytes, 1.0)) ** 2)
    return activations, weights


def streams_weights(work: Work, context: CostContext) -> np.ndarray:
    """Products of at most four rows under a runtime made for language models ``[kernels]``: their arithmetic hides behind the weight stream."""
    if (context.runtime or "") not in context.table("stream"):
        return np.zeros(len(work), dtype=bool)
    return np.isin(work.kind, (Kind.FC, Kind.GEMM)) & (work.batch * work.h_out * work.w_out <= 4)


def prefill_factor(work: Work, context: CostContext) -> np.ndarray:
    """Cost of products of many rows ``[kernels]`` relative to the class's, where the runtime has kernels of its own for them."""
    table = context.table("prefill")
    low, plain = (float(table.get(f"{context.runtime}.{name}", 1.0)) for name in ("low", "float"))
    integer_weights = np.isin(work.weight_dtype, INTEGER)
    many_rows = np.isin(work.kind, (Kind.GEMM,)) & (work.batch * work.h_out * work.w_out > 4)
    return np.where(many_rows, np.where(integer_weights, low, plain), 1.0)


def stream_rates(work: Work, context: CostContext, memory_rate: float) -> np.ndarray:
    """Rate at which weights stream, ``[kernels]`` B/s: runtimes made for language models read them faster than ncnn does.

    Applies to products with at most four rows; ``stream`` in the class gives the measured share of the memory's bandwidth by
    runtime. Fewer threads than four draw less, by the same power as other traffic.
    """
    share = context.table("stream").get(context.runtime or "")
    rates = np.full(len(work), memory_rate)
    if share is None:
        return rates
    width = max(min(context.threads, context.cores), 1)
    streamed = float(share) * float(context.memory.bandwidth_bytes_per_s) * min(1.0, width / 4.0) ** context.value("memory_threads")
    return np.where(streams_weights(work, context), np.maximum(rates, streamed), rates)


def overhead_factor(work: Work, context: CostContext) -> np.ndarray:
    """Overheads of one launch, ``[kernels]``, in units of a float convolution's."""
    factor = np.ones(len(work))
    grouped = work.kind == Kind.GCONV
    factor[grouped] += context.value("group_overhead") * np.maximum(work.groups[grouped] - 1.0, 0.0)
    factor[work.kind == Kind.DETECT] = context.value("detect_overhead")
    integer = np.isin(work.dtype, INTEGER) & ~np.isin(work.kind, _MOVES_ONLY)
    factor[integer] *= context.value("int8_overhead")
    return factor * np.maximum(work.steps, 1.0)
