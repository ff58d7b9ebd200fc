"""What the CPU law needs of one cluster with so many threads, worked out once: rates, and factors as arrays by kind and format."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from device_models.cost_context import INTEGER, CostContext
from device_models.work import DTYPE_BITS, DType, Kind

GROUPS = 512  # groups of eight output channels beyond which dealing them to threads leaves nothing idle
_DENSE = (Kind.PW, Kind.C3, Kind.CONV, Kind.GCONV, Kind.FIRST, Kind.CONVT)
_PRODUCTS = (Kind.FC, Kind.GEMM, Kind.BMM, Kind.ATTENTION, Kind.RNN)


def _are(*kinds: Kind) -> np.ndarray:
    return np.isin(list(Kind), kinds)


# Arrays to index with a code: a kernel's kind, and further on once more for kernels in integer formats.
INTEGER_CODES = len(Kind)
SATURATES, CONVOLVES, MULTIPLIES = (np.tile(_are(*kinds), 2) for kinds in (_DENSE, (*_DENSE, Kind.DW), (*_DENSE, Kind.DW, *_PRODUCTS)))
_FLOAT = np.arange(2 * INTEGER_CODES) < INTEGER_CODES
WINOGRAD = np.tile(_are(Kind.C3), 2) & _FLOAT  # float 3x3 convolutions run as products of transformed tiles
GATHERS = np.tile(_are(Kind.CONV, Kind.FIRST), 2) & _FLOAT
DEPTHWISE = np.tile(_are(Kind.DW), 2)
_NORMALISES, _DETECTS, _CODE = (np.tile(_are(kind), 2) for kind in (Kind.LRN, Kind.DETECT, Kind.CODE))
# Arrays to index with a number format.
FORMAT_CODES = np.where(np.isin(list(DType), INTEGER), INTEGER_CODES, 0)
FORMAT_BYTES = DTYPE_BITS / 8.0
_NAMES = {"compute", "memory", "cache", "overhead", "winograd", "depthwise", "int8"}  # of a unit's own factors, by thread count


def cpu_unit(context: CostContext) -> CpuUnit:
    """The cluster of a context, worked out at the first call."""
    return context.once("cpu", lambda: CpuUnit(context))


class CpuUnit:
    """Rates of a cluster with ``threads`` threads (the class's law times the unit's fitted factors) and arrays to index with code or format."""

    def __init__(self, context: CostContext) -> None:
        values = context.float_values()
        self._read_values(values)
        width = max(min(context.threads, context.cores), 1)
        fitted = {name: _FittedFactor(context, name) for name in _NAMES}
        self._rates(context, width, fitted)
        self._kinds(context, fitted["winograd"](width), fitted["depthwise"](width), fitted["int8"](width))
        self.cycles_per_mac = 1.0 / context.by_format(lambda dtype: _float_rate(context, dtype))
        self.stream_runtime = bool(context.runtime) and any(
            context.runtime == name.split(".")[0] for table in ("stream", "prefill") for name in context.table(table)
        )

    def _read_values(self, values: Mapping[str, float]) -> None:
        self.pixels, self.channels = values["pixel_saturation"], values["channel_saturation"]
        self.misalignment, self.grouped = values["misalignment"], values["grouped"]
        self.dw_stride2, self.dw_window = values["dw_stride2"], values["dw_window_power"]
        self.exp_macs, self.epilogue_macs = values["exp_macs"], values["epilogue_macs"]
        self.gathered, self.global_pool = values["gathered_bytes"], values["global_pool_bytes"]

    def _rates(self, context: CostContext, width: int, fitted: dict[str, _FittedFactor]) -> None:
        """Rates with ``width`` threads. A further thread may gain little, but a runtime could use fewer: of equal cores the best width so far counts."""
        values = context.float_values()
        widths = range(1, width + 1) if context.speeds[width - 1] == 1.0 else (width,)
        core = float(context.table("cores").get(context.unit.core, 1.0))
        efficiency = {n: values["efficiency"] * core * _pace(context, n) * n ** values["compute_threads"] * fitted["compute"](n) for n in widths}
        groups = np.maximum(np.arange(GROUPS, dtype=float), 1.0)
        dealt = [(np.ceil(groups / n) * n / groups) ** values["imbalance_power"] / rate for n, rate in efficiency.items()]
        self.by_groups = np.min(dealt, axis=0)  # 1 / efficiency for so many groups of output channels; they are dealt to the threads
        self.by_groups[-1] = 1.0 / max(efficiency.values())
        clocked = values["cache_bytes_per_cycle"]
        self.cache_bytes_per_cycle = max(clocked * n ** values["cache_threads"] * fitted["cache"](n) for n in widths)
        dram = (float(context.memory.bandwidth_bytes_per_s) / 12.8e9) ** values["memory_bandwidth_power"]
        self.memory_bytes_per_s = max(values["memory_bytes_per_s"] * dram * n ** values["memory_threads"] * fitted["memory"](n) for n in widths)
        self.overhead_cycles = values["overhead_cycles"] * context.threads ** values["overhead_threads"] * fitted["overhead"](context.threads)
        self.group_overhead = values["group_overhead"] * self.overhead_cycles
        self.own_overhead = fitted["overhead"](context.threads)
        self.cache_reach_bytes = values["cache_reach"] * context.on_chip_bytes

    def _kinds(self, context: CostContext, winograd: float, depthwise: float, int8: float) -> None:
        values = context.float_values()
        direct = context.table("direct").get(context.runtime or "")  # engines that multiply 3x3 windows as they are, without transforms
        self.winograd = WINOGRAD & (direct is None)
        kinds, overheads = context.by_kind("kinds").copy(), context.by_kind("overheads").copy()
        kinds[Kind.DW] *= depthwise
        rate = (2.0 * _float_rate(context, DType.F16) / context.macs_per_cycle(DType.I8)) ** values["int8_rate_power"]
        in_int8 = kinds * context.by_kind("int8", default=float(context.table("int8")["pw"])) * int8 * rate
        if direct is not None:
            kinds[Kind.C3], overheads[Kind.C3] = float(direct), overheads[Kind.CONV]
        kinds[Kind.C3] *= winograd
        converts = MULTIPLIES & ~_FLOAT
        self.factors = np.where(_CODE, 0.0, np.concatenate([kinds, in_int8]))
        self.elements = np.where(converts, values["int8_bytes"], np.where(self.winograd, values["winograd_bytes"], np.tile(context.by_kind("elements"), 2)))
        self.overheads = np.where(converts, values["int8_overhead"], 1.0) * np.tile(overheads, 2) * self.overhead_cycles
        self.streamed = np.tile(context.by_kind("streamed"), 2) / self.memory_bytes_per_s
        self.weights = np.where(self.winograd, values["winograd_weights"], 1.0)
        self.first_depth = np.where(self.winograd, values["winograd_depth_saturation"], values["depth_saturation"])
        self.macs_per_output = values["lrn_macs"] * _NORMALISES
        # ncnn's benchmark runs random weights, with which every box survives; with trained ones the scores are read and few do
        per_score = values["detect_cycles" if context.runtime == "ncnn" else "detect_scan_cycles"]
        self.cycles_per_input = per_score * self.own_overhead * _DETECTS


class _FittedFactor:
    """A unit's own factor by thread count: log-log between the fitted counts, the nearest one outside them, 1 without any."""

    def __init__(self, context: CostContext, name: str) -> None:
        fitted = sorted(
            (int(key.removeprefix("threads_")), float(table[name]))
            for key, table in context.unit.parameters.items()
            if key.startswith("threads_") and name in table
        )
        self.logs = [(math.log(count), math.log(factor)) for count, factor in fitted]

    def __call__(self, threads: int) -> float:
        if not self.logs:
            return 1.0
        if len(self.logs) == 1:
            return math.exp(self.logs[0][1])
        counts, factors = zip(*self.logs, strict=True)
        return float(np.exp(np.interp(math.log(threads), counts, factors)))


def _pace(context: CostContext, n: int) -> float:
    """Speed per core of the ``n`` fastest: each gets the same share of the work, so that they wait for the slowest."""
    speeds = context.speeds[:n]
    if not speeds or speeds[-1] == 1.0:
        return 1.0
    return float(min(n * speeds[-1], sum(speeds)) / n) ** context.float_values()["mix_power"]


def _float_rate(context: CostContext, dtype: int) -> float:
    """Peak multiply-accumulates a cycle of a core in a format; integer formats count at the float rate, their factor is in the kinds."""
    reference = DType.F16 if dtype in INTEGER or dtype == DType.F16 else dtype
    if dtype in (DType.I16, DType.I32, DType.I64, DType.BOOL):
        reference = DType.F32
    slower = 0.5 if dtype in (DType.F64, DType.I64) else 1.0
    return context.macs_per_cycle(reference) * slower
