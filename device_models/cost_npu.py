"""Matrix accelerators with vector units and on-chip memory, as Qualcomm's Hexagon: arithmetic on padded tiles.

Fitted to published AI Hub latencies of 13 chips (catalogue, source ``aihub_fit``)::

    t_kernel = c * (1 on the longest path, else par) + Tv + (Tc^3 + Tm^3)^(1/3)

Tc: padded multiply-accumulates, Tv: padded elements on the vector unit, Tm: weights streamed and activations that do not fit on chip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from device_models.cost_context import CostContext, weight_traffic
from device_models.cost_cpu import INTEGER
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work

_VECTOR_KINDS = (Kind.ELEMENTWISE, Kind.EXP, Kind.POOL, Kind.NORM, Kind.SOFTMAX, Kind.PERMUTE, Kind.LRN, Kind.QUANT, Kind.DATA, Kind.EMBED, Kind.DETECT)
_ROWWISE = (Kind.ELEMENTWISE, Kind.EXP, Kind.NORM, Kind.PERMUTE, Kind.LRN, Kind.QUANT, Kind.DATA, Kind.GEMM)


def npu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work``: rows in integer formats by the ``int8`` parameters, the others by ``float``."""
    costs = KernelCosts.empty(len(work), context.value("exponent"))
    integer = np.isin(work.dtype, (*INTEGER, DType.I16, DType.BOOL))
    for rows, key in ((integer, "int8"), (~integer, "float")):
        if rows.any():
            costs.fill(rows, _costs(work.take(rows), context, key))
    return costs


def _costs(work: Work, context: CostContext, key: str) -> KernelCosts:
    shared = {**context.table(key), **context.table(f"{key}.{context.runtime}")}
    own = {**shared, **context.parameters(key)}
    integer = key == "int8"
    peak = float(context.unit.cores) * context.macs_per_cycle(DType.I8 if integer else DType.F16)
    # published w8a16 latencies are longer by the same factor for small and large kernels, so it goes over every part of their time
    wide = np.where(work.dtype == DType.I16, context.value("w8a16"), 1.0)
    vector = _vector_elements(work, shared, integer) * wide / float(own["vector_elements_per_cycle"])
    sequence = np.where(work.on_longest_path, 1.0, float(shared["par"])) * np.maximum(work.steps, 1.0)
    spilled = 2 * np.minimum(work.in_bytes + work.out_bytes, float(shared["spill"]) * np.maximum(work.live_bytes - context.on_chip_bytes, 0.0))
    is_code = work.kind == Kind.CODE
    traffic = weight_traffic(work) + np.where(is_code, work.in_bytes + work.out_bytes, spilled)
    code = np.where(is_code, work.macs / float(own["vector_elements_per_cycle"]), 0.0)
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=float(own["overhead_s"]) * context.max_hz * sequence * wide + vector + code,
        vector_cycles=vector + code,
        compute_cycles=_padded_macs(work, shared, integer) * wide / (peak * float(own["efficiency"])),
        memory_s=traffic * wide / _weight_rate(context, float(own["weight_rate"])),
        dram_bytes=traffic,
        exponent=context.value("exponent"),
    )


def _weight_rate(context: CostContext, fitted: float) -> float:
    """Weight stream in B/s: the fitted rate for networks of ordinary size, the measured share of the memory for language models."""
    bandwidth = float(context.memory.bandwidth_bytes_per_s)
    large = 1.0 / (1.0 + (context.value("large_weight_bytes") / max(context.network_weight_bytes, 1.0)) ** 2)
    streamed = min(fitted, context.value("stream_share"))
    return bandwidth / ((1.0 - large) / fitted + large / streamed)


def _up(values: np.ndarray, multiple: float) -> np.ndarray:
    return np.asarray(np.maximum(np.ceil(values / multiple), 1.0) * multiple)


def _spatial(h: np.ndarray, w: np.ndarray, integer: bool) -> np.ndarray:
    """Output positions padded to tiles of 8 x 4 (float16) or 8 x 8 (int8); rows without a second extent are padded as a line."""
    tile_h, tile_w = (8, 8) if integer else (8, 4)
    return np.where((h <= 1) | (w <= 1), _up(h * w, tile_h * tile_w), _up(h, tile_h) * _up(w, tile_w))


def _padded_macs(work: Work, shared: Mapping[str, float], integer: bool) -> np.ndarray:
    """Multiply-accumulates on padded tiles times the kind's factor, ``[kernels]``."""
    c_out, line = _up(work.c_out, 32), 64 if integer else 32
    window = work.kernel_h * work.kernel_w
    depth = _up(work.c_in / np.maximum(work.groups, 1.0), 32)
    positions = work.batch * _spatial(work.h_out, work.w_out, integer)
    dense = positions * c_out * depth * window
    transposed = work.batch * _spatial(work.h_in, work.w_in, integer) * _up(work.c_in, 32) * _up(work.c_out * window, 32)
    matrix = work.batch * _up(work.h_out * work.w_out, line) * c_out * _up(work.c_in, 32)
    product = work.batch * _up(work.h_out * work.w_out, 32) * c_out * _up(work.c_in, 32)
    choices = [
        (np.isin(work.kind, (Kind.C3, Kind.CONV, Kind.FIRST)), dense),
        (work.kind == Kind.PW, dense * float(shared["pw"])),
        (work.kind == Kind.GCONV, dense * float(shared["grouped"])),
        (work.kind == Kind.CONVT, transposed),
        (np.isin(work.kind, (Kind.FC, Kind.GEMM, Kind.EMBED)) & (work.macs > 0), matrix * float(shared["fc"])),
        ((work.kind == Kind.BMM), product * float(shared["bmm"])),
        (np.isin(work.kind, (Kind.ATTENTION, Kind.RNN)), work.macs * float(shared["bmm"])),
    ]
    return np.select([test for test, _ in choices], [value for _, value in choices], default=0.0)


def _vector_elements(work: Work, shared: Mapping[str, float], integer: bool) -> np.ndarray:
    """Padded elements the vector unit passes over, ``[kernels]``."""
    output = work.batch * _spatial(work.h_out, work.w_out, integer) * _up(work.c_out, 32)
    # a sequence [T, C] fills one row of the tiles; attention scores have a second extent (heads), which their rows hide
    sequence = (np.minimum(work.h_out, work.w_out) <= 1) & (work.h_out * work.w_out > 1) & np.isin(work.kind, _ROWWISE)
    output = np.where(sequence, output * float(shared["flat"]), output)
    output = np.maximum(output, work.out_elements)  # kinds whose shape says nothing still move their elements
    inputs = np.maximum(work.batch * _spatial(work.h_in, work.w_in, integer) * _up(work.c_in, 32), work.in_elements)
    global_pool = (work.kind == Kind.POOL) & (work.h_out * work.w_out <= 1)
    normalises_image = np.isin(work.kind, (Kind.ELEMENTWISE, Kind.NORM)) & (work.c_out <= 4) & (work.h_out * work.w_out >= 1024)
    own = np.where(np.isin(work.kind, _VECTOR_KINDS), np.where(global_pool, inputs, output), 0.0)
    own = np.where(normalises_image, own * float(shared["normalise_image"]), own)
    own = np.where(work.kind == Kind.DW, float(shared["dw"]) * output * work.kernel_h * work.kernel_w, own)
    own = np.where(work.kind == Kind.CONCAT, float(shared["concat"]) * output, own)
    # what is fused into a kernel and not free runs on the vector unit too, padded as the output is
    padding = output / np.maximum(work.out_elements, 1.0)
    transcendental = np.where(np.isin(work.kind, (Kind.EXP, Kind.SOFTMAX)), 0.0, work.exp_elements)
    return np.asarray(own + (transcendental + work.epilogue_elements) * np.where(work.out_elements > 0, padding, 1.0))
