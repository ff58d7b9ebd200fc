"""Small fixed-function arrays (Edge TPU, Ethos-U, tiny CNN engines): padded multiply-accumulates, weights resident or streamed.

The array does ``tile_pixels x tile_c_out x tile_c_in`` multiply-accumulates a cycle; what does not fill it is padding. A
depthwise layer uses one input channel of each group of ``tile_c_in``. Weights that fit on chip stay there between inferences;
of larger networks the part that does not fit is streamed at every inference.
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import CostContext, among, weight_traffic
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work

_COUNTED = (Kind.PW, Kind.DW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.FC, Kind.GEMM)  # whose products follow from their shape alone
_WINDOWED = (Kind.PW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.CONVT)


def array_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on an array (cycles of its clock, s, bytes)."""
    own = context.parameters("int8")
    rate = context.value("efficiency") * float(own.get("compute", 1.0)) * float(context.unit.cores) * context.macs_per_cycle(DType.I8)
    resident = context.on_chip_bytes * context.value("weights_on_chip_share")
    streamed = max(0.0, 1.0 - resident / max(context.network_weight_bytes, 1.0)) if resident > 0 else 1.0
    weight_bytes = weight_traffic(work) * streamed
    act_bytes = (work.in_bytes + work.out_bytes) * context.value("activations_in_memory")
    bandwidth = float(context.memory.bandwidth_bytes_per_s)
    weight_rate = min(float(own.get("weight_bytes_per_s", bandwidth)), bandwidth)
    elements = np.where(work.macs > 0, work.epilogue_elements, np.maximum(work.out_elements, work.in_elements)) + work.exp_elements
    vector = elements / context.value("elements_per_cycle") + np.where(work.kind == Kind.CODE, work.macs / context.value("elements_per_cycle"), 0.0)
    written = context.value("output_cycles_per_element") * work.out_elements * (work.kind != Kind.CODE)
    filled = weight_traffic(work) / context.value("weight_bytes_per_cycle")  # from memory on chip, in the array's own clock
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=context.value("overhead_cycles") * float(own.get("overhead", 1.0)) * np.maximum(work.steps, 1.0) + vector,
        vector_cycles=vector,
        compute_cycles=np.maximum(_padded_macs(work, context) / rate, np.where(work.macs > 0, written, 0.0)) + filled,
        memory_s=weight_bytes / weight_rate + act_bytes / bandwidth,
        dram_bytes=weight_bytes + act_bytes,
        exponent=context.value("exponent"),
    )


def _up(values: np.ndarray, multiple: float) -> np.ndarray:
    return np.asarray(np.maximum(np.ceil(values / multiple), 1.0) * multiple)


def _padded_macs(work: Work, context: CostContext) -> np.ndarray:
    """Multiply-accumulates on whole tiles, ``[kernels]``."""
    tile_c_in, tile_window = context.value("tile_c_in"), context.value("tile_window")
    pixels = work.batch * np.maximum(_up(work.h_out * work.w_out, context.value("tile_pixels")), context.value("least_pixels"))
    outputs = pixels * _up(work.c_out, context.value("tile_c_out"))
    window, depth = work.kernel_h * work.kernel_w, work.c_in / np.maximum(work.groups, 1.0)
    if context.value("flattens_window"):  # the window of a shallow input lies along the rows of the array
        rows = _up(depth * window, tile_c_in)
    else:  # depth first, or some elements of the window at once: the compiler takes what fills the array better
        rows = np.minimum(_up(depth, context.value("tile_c_in_deep")) * window, _up(depth, tile_c_in) * _up(window, tile_window))
    product = outputs * _up(work.c_in, tile_c_in)
    depthwise = outputs * tile_c_in * _up(window, tile_window) * context.value("depthwise_share")
    windowed = np.where(among(work.kind, _WINDOWED), outputs * rows, product)
    padded = np.where(work.kind == Kind.DW, depthwise, windowed)
    padded = np.where(among(work.kind, (Kind.ATTENTION, Kind.RNN)), work.macs, padded)
    return np.where((work.macs > 0) & (work.kind != Kind.CODE), padded * _kept(work), 0.0)


def _kept(work: Work) -> np.ndarray:
    """Share of the products of a kernel's shape that are done, ``[kernels]``: rows for a unit that leaves out those with zeros state fewer."""
    window = work.kernel_h * work.kernel_w
    dense = work.batch * work.h_out * work.w_out * work.c_out * work.c_in / np.maximum(work.groups, 1.0) * window
    counted = (work.weight_zeros > 0) & (dense > 0) & among(work.kind, _COUNTED)
    return np.where(counted, np.minimum(work.macs / np.maximum(dense, 1.0), 1.0), 1.0)
