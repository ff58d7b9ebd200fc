"""How dear kernels are on a GPU relative to each other: multiply-accumulates by kind, bytes by what moves them, launches.

The factors were fitted together with an earlier form of the CPU law, so their names are those of the CPU classes.
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import INTEGER, CostContext, among
from device_models.work import Kind, Work

SATURATING = (Kind.PW, Kind.C3, Kind.CONV, Kind.GCONV, Kind.FIRST, Kind.CONVT)
CONVOLUTIONS = (*SATURATING, Kind.DW)
SERIAL = (*CONVOLUTIONS, Kind.FC)
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


def mac_equivalents(work: Work, context: CostContext, depth: np.ndarray, winograd: float = 1.0, depthwise: float = 1.0) -> np.ndarray:
    """Multiply-accumulates ``[kernels]`` weighted by how well each kind runs (1 = pointwise convolution); ``depth``: of :func:`products`.

    ``winograd`` and ``depthwise`` are the unit's own factors of two kinds.
    """
    factor = context.by_kind("kinds").take(work.kind)
    dw = np.flatnonzero(work.kind == Kind.DW)
    factor[dw] *= np.where(work.stride[dw] >= 2, context.value("dw_stride2"), 1.0) * depthwise
    integer = among(work.dtype, INTEGER)
    c3 = work.kind == Kind.C3
    factor[c3] *= winograd
    tiled = np.flatnonzero(c3 & ~integer)
    factor[tiled] *= _tile_padding(work.h_out[tiled], work.w_out[tiled]) ** context.value("winograd_padding")
    if integer.any():
        factor *= np.where(integer, _int8_factor(work, context), 1.0)
    factor *= np.where(among(work.kind, SATURATING), _saturation(work, context, depth), 1.0)
    factor *= np.where(among(work.kind, CONVOLUTIONS), _misalignment(work, context), 1.0)
    factor[work.kind == Kind.CODE] = 0.0
    per_output = np.where(work.kind == Kind.LRN, context.value("lrn_macs"), 0.0) * work.out_elements
    others = context.value("exp_macs") * work.exp_elements + context.value("epilogue_macs") * work.epilogue_elements
    return np.asarray(work.macs * factor + others + per_output)


def _int8_factor(work: Work, context: CostContext) -> np.ndarray:
    """Cost of an int8 kernel relative to the float one of its kind."""
    return np.asarray(context.by_kind("int8", default=float(context.table("int8")["pw"]))[work.kind])


def _saturation(work: Work, context: CostContext, depth: np.ndarray) -> np.ndarray:
    """Short loops run below the steady rate: few pixels, few products an output, few channels."""
    pixels = 1.0 + context.value("pixel_saturation") / np.maximum(work.h_out * work.w_out, 1.0)
    pixels *= 1.0 + context.value("depth_saturation") / depth
    return np.asarray(pixels * (1.0 + context.value("channel_saturation") / np.maximum(work.c_out, 1.0)))


def products(work: Work) -> np.ndarray:
    """Products that one output is the sum of, ``[kernels]``."""
    return np.maximum(work.c_in * work.kernel_h * work.kernel_w / np.maximum(work.groups, 1.0), 1.0)


def serial_cycles(work: Work, context: CostContext, depth: np.ndarray) -> np.ndarray:
    """Cycles ``[kernels]`` one thread takes to add up an output: they pass however few outputs there are."""
    return np.where(among(work.kind, SERIAL), context.value("serial_cycles") * depth, 0.0)


def _tile_padding(height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Winograd tiles of six outputs cover the image with a rim."""
    h, w = np.maximum(height, 1.0), np.maximum(width, 1.0)
    return np.asarray(np.ceil(h / 6) * 6 * np.ceil(w / 6) * 6 / (h * w))


def _misalignment(work: Work, context: CostContext) -> np.ndarray:
    """Channels that do not fill vector lanes: half the penalty off multiples of 8, all of it off multiples of 4."""
    low = work.c_in.astype(np.intp) | work.c_out.astype(np.intp)
    return np.asarray(1.0 + 0.5 * context.value("misalignment") * (((low & 7) != 0) + 1.0 * ((low & 3) != 0)))


def element_factor(work: Work, context: CostContext) -> np.ndarray:
    """How much dearer a kind moves an activation byte than a plain copy."""
    factor = context.by_kind("elements").take(work.kind)
    pool = np.flatnonzero(work.kind == Kind.POOL)
    moved = np.maximum(work.in_elements[pool] + work.out_elements[pool], 1.0)
    factor[pool] = 1.0 + factor[pool] * work.kernel_h[pool] * work.kernel_w[pool] * work.out_elements[pool] / moved
    factor[(work.kind == Kind.C3) & among(work.dtype, INTEGER)] = 1.0
    return factor


def miss_rates(context: CostContext, act_bytes: np.ndarray) -> tuple[np.ndarray, float]:
    """Share of activation bytes ``[kernels]`` and of weight bytes that miss the last-level cache."""
    reach = context.value("cache_reach") * context.on_chip_bytes
    share = np.square(reach / np.maximum(act_bytes, 1.0))
    activations = 1.0 / (1.0 + share)
    weights = 1.0 / (1.0 + (reach / max(context.network_weight_bytes, 1.0)) ** 2)
    return activations, weights


def overhead_factor(work: Work, context: CostContext) -> np.ndarray:
    """Overheads of one launch, ``[kernels]``, in units of a pointwise convolution's."""
    factor = context.by_kind("overheads")[work.kind]
    integer = among(work.dtype, INTEGER) & ~among(work.kind, _MOVES_ONLY)
    factor[integer] *= context.value("int8_overhead")
    return np.asarray(factor * np.maximum(work.steps, 1.0))
