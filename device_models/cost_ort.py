"""A CPU measured through ONNX Runtime: every operator class has rates of its own, fitted to micro-benchmarks on the machine.

One kernel of class c takes::

    o_c + h o'_c + MACs r_c (1 + k_c/K)(1 + m_c/M)(1 + w_c/W)(1 + n_c/N)(1 + x_c misaligned)
        + (bytes in and out)(a_c + h a'_c) + weight bytes (b_c + h b'_c) + e_c exp + p_c epilogue + s_c steps

K: depth of the sum, M: output pixels or rows, W: output width, N: output channels. ``h`` says how much of the network has left
the second-level cache between two runs: 0 where weights and results fit it twice, 1 from the size of the last level on.
All coefficients are positive, so more work never takes less time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from device_models.cost_context import CostContext
from device_models.cost_cpu import code_cycles
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work

COEFFICIENTS = (
    "overhead_s",
    "far_overhead_s",
    "s_per_mac",
    "depth",
    "rows",
    "width",
    "columns",
    "misaligned",
    "s_per_byte",
    "far_s_per_byte",
    "s_per_weight_byte",
    "far_s_per_weight_byte",
    "s_per_exp",
    "s_per_epilogue",
    "s_per_step",
)
FORMATS = ("float", "int8")
DYNAMIC = ("gemm", "fc", "rnn")  # float activations over integer weights: a row of their own, ``gemm_dynamic``
# class -> the class it is taken for where it was not measured: an extrapolation, which the check flags
STAND_INS = {
    "gconv": "conv",
    "convt": "conv",
    "first": "conv",
    "attention": "bmm",
    "gemm_dynamic": "gemm",
    "fc_dynamic": "fc",
    "rnn_dynamic": "rnn",
    "lrn": "exp",
    "detect": "exp",
    "quant": "elementwise",
    "data": "elementwise",
    "embed": "concat",
    "norm": "exp",
    "softmax": "exp",
    "rnn": "gemm",
}
LANES = 16  # channels of a block in the runtime's blocked layout (AVX-512); other machines learn a small penalty
_CONVOLUTIONS = (Kind.PW, Kind.DW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.CONVT)
_INTEGERS = (DType.I8, DType.I4)


def ort_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` (cycles of the unit's clock, s, bytes)."""
    columns = coefficients(work, context)
    footprint_bytes = context.network_weight_bytes + float(work.out_bytes.sum())
    far = far_share(footprint_bytes, context.value("near_cache_bytes"), context.on_chip_bytes)
    overhead_s, compute_s, memory_s = operator_seconds(work, columns, far)
    slower = context.value("measured_bytes_per_s") / float(context.memory.bandwidth_bytes_per_s)
    hz = context.value("measured_hz")  # the times were taken at this clock
    code = work.kind == Kind.CODE
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=np.where(code, 0.0, overhead_s * hz),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=np.where(code, code_cycles(work, context), compute_s * hz),
        memory_s=memory_s * slower,
        dram_bytes=(work.in_bytes + work.out_bytes + work.weight_bytes) * far,
        exponent=1.0,
    )


def far_share(footprint_bytes: float, near_bytes: float, last_bytes: float) -> float:
    """How far from the core a network's data lie, 0..1, from the bytes it touches in one run and two cache sizes."""
    if last_bytes <= near_bytes:
        return float(footprint_bytes > 2 * near_bytes)
    return float(np.clip(np.log(max(footprint_bytes, 1.0) / (2 * near_bytes)) / np.log(last_bytes / near_bytes), 0.0, 1.0))


def operator_seconds(work: Work, columns: Mapping[str, np.ndarray], far: np.ndarray | float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Overhead, time of the core and its caches, and time of the memory, s ``[kernels]``; ``columns``: each coefficient ``[kernels]``."""
    moved = work.in_bytes + work.out_bytes
    arithmetic = mac_equivalents(work) * columns["s_per_mac"]
    for name, extent in short_extents(work).items():
        arithmetic = arithmetic * (1.0 + columns[name] / extent)
    arithmetic = arithmetic * (1.0 + columns["misaligned"] * misaligned(work))
    compute_s = arithmetic + moved * columns["s_per_byte"] + work.weight_bytes * columns["s_per_weight_byte"]
    compute_s = compute_s + work.exp_elements * columns["s_per_exp"] + work.epilogue_elements * columns["s_per_epilogue"]
    compute_s = compute_s + np.where(work.kind == Kind.RNN, work.steps, 0.0) * columns["s_per_step"]
    memory_s = far * (moved * columns["far_s_per_byte"] + work.weight_bytes * columns["far_s_per_weight_byte"])
    return columns["overhead_s"] + far * columns["far_overhead_s"], compute_s, memory_s


def mac_equivalents(work: Work) -> np.ndarray:
    """Multiply-accumulates; for pooling the elements of all windows ``[kernels]``."""
    return np.where(work.kind == Kind.POOL, work.kernel_h * work.kernel_w * work.out_elements, work.macs)


def short_extents(work: Work) -> dict[str, np.ndarray]:
    """The loops whose shortness costs, ``[kernels]`` each."""
    convolution = np.isin(work.kind, _CONVOLUTIONS)
    depth = work.c_in * work.kernel_h * work.kernel_w / np.where(work.kind == Kind.CONVT, work.kernel_h * work.kernel_w, np.maximum(work.groups, 1.0))
    columns = np.where(work.kind == Kind.DW, work.c_out, work.c_out / np.maximum(work.groups, 1.0))
    return {
        "depth": np.maximum(depth, 1.0),
        "rows": np.maximum(work.h_out * work.w_out, 1.0),
        "width": np.where(convolution, np.maximum(work.w_out, 1.0), np.inf),
        "columns": np.maximum(columns, 1.0),
    }


def misaligned(work: Work) -> np.ndarray:
    """1 where channels do not fill whole blocks, else 0 ``[kernels]``."""
    inner = (work.c_in % LANES != 0) & (work.kind != Kind.FIRST)
    return ((work.c_out % LANES != 0) | inner).astype(float)


def operator_classes(work: Work) -> list[tuple[str, str]]:
    """(format, class) of every kernel."""
    integer = np.isin(work.dtype, _INTEGERS)
    quantized_weights = np.isin(work.weight_dtype, _INTEGERS) & (work.weight_bytes > 0)
    float_results = work.out_bytes >= 2 * work.out_elements
    found = []
    for kind, whole, weights, real in zip(work.kind, integer, quantized_weights, float_results, strict=True):
        name = Kind(kind).name.lower()
        dynamic = name in DYNAMIC and real and (whole or weights)
        found.append((FORMATS[1] if whole or dynamic else FORMATS[0], f"{name}_dynamic" if dynamic else name))
    return found


def measured_class(format: str, name: str, known: Mapping[str, Mapping[str, float]]) -> tuple[str, str]:
    """The measured (format, class) that stands for one: itself, a relative, or the float one. ``known``: tables ``FORMAT.overhead_s``.

    Raises ValueError if nothing comes near: the unit was not calibrated.
    """
    for table in (format, *(other for other in FORMATS if other != format)):
        rows, candidate = known.get(f"{table}.overhead_s", {}), name
        while candidate not in rows and candidate in STAND_INS:
            candidate = STAND_INS[candidate]
        if candidate in rows:
            return table, candidate
    raise ValueError(f"the unit has no measured rates for {name} kernels; calibrate it anew")


def coefficients(work: Work, context: CostContext) -> dict[str, np.ndarray]:
    """Every coefficient ``[kernels]`` at the context's threads: of the next lower measured thread count, or the lowest."""
    counts = sorted(int(name.removeprefix("threads_").split(".")[0]) for name in context.cost_class.tables if name.startswith("threads_"))
    if not counts:
        raise ValueError("the unit has no measured rates; make the device with: edgesim calibrate host")
    allowed = min(context.threads, context.cores)
    chosen = f"threads_{max((count for count in counts if count <= allowed), default=counts[0])}."
    tables = {name.removeprefix(chosen): table for name, table in context.cost_class.tables.items() if name.startswith(chosen)}
    classes = operator_classes(work)
    rows = {key: _row(*measured_class(*key, tables), tables) for key in dict.fromkeys(classes) if key[1] != "code"}
    rows.setdefault(("float", "code"), dict.fromkeys(COEFFICIENTS, 0.0))
    return {name: np.array([rows[key][name] for key in classes], dtype=float) for name in COEFFICIENTS}


def _row(format: str, name: str, tables: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {coefficient: float(tables[f"{format}.{coefficient}"].get(name, 0.0)) for coefficient in COEFFICIENTS}
