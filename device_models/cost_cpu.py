"""CPU clusters: per kernel an overhead, multiply-accumulates at the core clock, and bytes through cache and memory.

The form and its parameters were fitted to published ncnn latencies (catalogue, source ``ncnn_fit``)::

    T = sum over kernels of [ overhead + X / P + moved / Bc + missed / Bd ]

``X``: multiply-accumulates weighted by how well each kind runs; ``moved``: bytes through the caches, weighted by what moves them,
windows gathered for convolutions and weights included; ``missed``: activations and weights that the last-level cache does not
keep. P, Bc and the overhead scale with the core clock, Bd (memory) does not. Every part falls with more cores, clock, bandwidth and
cache, so that no kernel ever gets slower from them.
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import INTEGER, CostContext, weight_traffic
from device_models.cost_cpu_unit import CONVOLVES, DEPTHWISE, FORMAT_BYTES, FORMAT_CODES, GATHERS, SATURATES, CpuUnit, cpu_unit
from device_models.cost_streams import prefill_factor, stream_rates, streams_weights
from device_models.kernel_costs import KernelCosts
from device_models.work import Kind, Work

__all__ = ["INTEGER", "code_cycles", "codes", "cpu_costs"]

_F6, _F4 = 6.0, 4.0  # outputs of a Winograd tile in each direction: F(6, 3), and F(4, 3) with 1.78 times the arithmetic per output
_F4_COST = 1.78
_FILLED = 8  # channels a group needs to run as products of tiles
_SMALL_WINDOW = 16  # elements of a window that pooling kernels are written for; larger ones that leave one value are sums over images


def cpu_costs(work: Work, context: CostContext, network_weight_bytes: np.ndarray | None = None) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on a CPU cluster (cycles of its clock, s, bytes).

    ``network_weight_bytes``: weights of the network each kernel belongs to, ``[kernels]``, where ``work`` is of several networks.
    """
    unit = cpu_unit(context)
    code = codes(work)
    act_bytes = work.in_bytes + work.out_bytes
    weight_bytes = weight_traffic(work) * unit.weights.take(code)
    reach2 = unit.cache_reach_bytes**2
    act_misses = act_bytes / (1.0 + reach2 / np.maximum(act_bytes, 1.0) ** 2)
    network = context.network_weight_bytes if network_weight_bytes is None else network_weight_bytes
    weight_misses = weight_bytes * (1.0 / (1.0 + reach2 / np.maximum(network, 1.0) ** 2))
    mac_cycles = _mac_cycles(work, unit, code)
    moved = act_bytes * _bytes_factor(work, unit, code) + _gathered_bytes(work, unit, code)
    memory_s = act_misses / unit.memory_bytes_per_s + weight_misses * unit.streamed.take(code)
    cache_cycles = (moved + weight_bytes) / unit.cache_bytes_per_cycle
    if unit.stream_runtime:
        mac_cycles = mac_cycles * prefill_factor(work, context)
        cache_cycles, memory_s = _streamed(work, context, mac_cycles, cache_cycles, memory_s, weight_misses)
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=_overhead_cycles(work, unit, code),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=mac_cycles + cache_cycles + code_cycles(work, context),
        memory_s=memory_s,
        dram_bytes=act_misses + weight_misses,
        exponent=1.0,
    )


def code_cycles(work: Work, context: CostContext) -> np.ndarray:
    """A user's own stage: plain operations at a sustained rate per core, on all its threads."""
    is_code = work.kind == Kind.CODE
    if not is_code.any():
        return np.zeros(len(work))
    width = max(min(context.threads, context.cores), 1)
    rate = context.value("code_operations_per_cycle") * width ** context.value("compute_threads")
    return np.where(is_code, work.macs / rate, 0.0)


def codes(work: Work) -> np.ndarray:
    """What each kernel runs as, ``[kernels]``: its kind, :data:`INTEGER_CODES` further on in integer formats.

    A grouped convolution is one small convolution after the other: pointwise, 3x3 or any other.
    """
    code = work.kind + FORMAT_CODES.take(work.dtype)
    rows = np.flatnonzero(work.kind == Kind.GCONV)
    if rows.size:
        height, width = work.kernel_h[rows], work.kernel_w[rows]
        filled = np.minimum(work.c_in[rows], work.c_out[rows]) >= _FILLED * work.groups[rows]
        three = (height == 3) & (width == 3) & (work.stride[rows] == 1) & filled
        code[rows] += np.where(height * width <= 1, Kind.PW, np.where(three, Kind.C3, Kind.CONV)) - Kind.GCONV
    return code


def _mac_cycles(work: Work, unit: CpuUnit, code: np.ndarray) -> np.ndarray:
    """Cycles of the arithmetic: multiply-accumulates by kind and shape, transcendentals and what is fused in."""
    factor = unit.factors.take(code)
    factor *= np.where(SATURATES.take(code), _saturation(work, unit, code), 1.0)
    grouped = np.flatnonzero(work.kind == Kind.GCONV)
    factor[grouped] *= unit.grouped
    depthwise = np.flatnonzero(DEPTHWISE.take(code))
    factor[depthwise] *= _depthwise(work.stride[depthwise], work.kernel_h[depthwise] * work.kernel_w[depthwise], unit)
    tiled = np.flatnonzero(unit.winograd.take(code))
    factor[tiled] *= _tile_padding(work.h_out[tiled], work.w_out[tiled])
    c_in, c_out = work.c_in.astype(np.intp), work.c_out.astype(np.intp)
    width = unit.by_groups.take((c_out + 7) >> 3, mode="clip")
    factor *= np.where(CONVOLVES.take(code), (1.0 + unit.misalignment * _misaligned(c_in, c_out)) * width, unit.by_groups[-1])
    others = unit.exp_macs * work.exp_elements + unit.epilogue_macs * work.epilogue_elements + unit.macs_per_output.take(code) * work.out_elements
    return np.asarray((work.macs * factor + others * unit.by_groups[-1]) * unit.cycles_per_mac.take(work.dtype))


def _saturation(work: Work, unit: CpuUnit, code: np.ndarray) -> np.ndarray:
    """Short loops run below the steady rate: few pixels, few channels in (all of the window's, one by one in Winograd), few out."""
    groups = np.maximum(work.groups, 1.0)
    depth = np.maximum(work.c_in / groups, 1.0) * np.where(unit.winograd.take(code), 1.0, work.kernel_h * work.kernel_w)
    pixels = 1.0 + unit.pixels / np.maximum(work.h_out * work.w_out, 1.0)
    return np.asarray(pixels * (1.0 + unit.first_depth.take(code) / depth) * (1.0 + unit.channels / np.maximum(work.c_out / groups, 1.0)))


def _depthwise(stride: np.ndarray, window: np.ndarray, unit: CpuUnit) -> np.ndarray:
    """Depthwise convolutions relative to 3x3 with stride 1."""
    return np.where(stride >= 2, unit.dw_stride2, 1.0) * (np.maximum(window, 1.0) / 9.0) ** unit.dw_window


def _tile_padding(height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Winograd tiles cover the image with a rim; small images take smaller tiles."""
    h, w = np.maximum(height, 1.0), np.maximum(width, 1.0)
    covered = np.minimum(_covered(h, w, _F6), _F4_COST * _covered(h, w, _F4))
    return np.asarray(covered / (h * w))


def _covered(h: np.ndarray, w: np.ndarray, tile: float) -> np.ndarray:
    return np.asarray(np.ceil(h / tile) * np.ceil(w / tile) * tile**2)


def _misaligned(c_in: np.ndarray, c_out: np.ndarray) -> np.ndarray:
    """Channels that do not fill vector lanes: 0.5 off multiples of 8, 1 off multiples of 4."""
    low = c_in | c_out
    return 0.5 * ((low & 7) != 0) + 0.5 * ((low & 3) != 0)


def _bytes_factor(work: Work, unit: CpuUnit, code: np.ndarray) -> np.ndarray:
    """How much dearer a kernel moves an activation byte than a plain copy."""
    factor = unit.elements.take(code)
    pool = np.flatnonzero(work.kind == Kind.POOL)
    if pool.size:
        window = work.kernel_h[pool] * work.kernel_w[pool]
        share = window * work.out_elements[pool] / np.maximum(work.in_elements[pool] + work.out_elements[pool], 1.0)
        whole = (work.h_out[pool] * work.w_out[pool] <= 1) & (window > _SMALL_WINDOW)
        factor[pool] = np.where(whole, unit.global_pool, 1.0 + factor[pool] * share)
    return factor


def _gathered_bytes(work: Work, unit: CpuUnit, code: np.ndarray) -> np.ndarray:
    """Bytes of the windows that float convolutions copy side by side before they multiply."""
    moved = np.zeros(len(work))
    rows = np.flatnonzero(GATHERS.take(code))
    elements = work.macs[rows] / np.maximum(work.c_out[rows], 1.0) * np.maximum(work.groups[rows], 1.0)
    moved[rows] = unit.gathered * elements * FORMAT_BYTES[work.dtype[rows]]
    return moved


def _overhead_cycles(work: Work, unit: CpuUnit, code: np.ndarray) -> np.ndarray:
    """Cycles to start a kernel: threads are woken and joined, once for every group and every recurrent step."""
    cycles = unit.overheads.take(code)
    grouped = np.flatnonzero(work.kind == Kind.GCONV)
    cycles[grouped] += unit.group_overhead * np.maximum(work.groups[grouped] - 1.0, 0.0)
    cycles *= np.maximum(work.steps, 1.0)
    return cycles + unit.cycles_per_input.take(code) * work.in_elements


def _streamed(
    work: Work, context: CostContext, mac_cycles: np.ndarray, cache_cycles: np.ndarray, memory_s: np.ndarray, misses: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cycles in caches and seconds in memory where weights stream while the arithmetic runs: the longer of the two counts."""
    streams = streams_weights(work, context)
    if not streams.any():
        return cache_cycles, memory_s
    unit = cpu_unit(context)
    weight_bytes, act_bytes = weight_traffic(work), work.in_bytes + work.out_bytes
    rate = stream_rates(work, context, unit.memory_bytes_per_s)
    cache_s = 1.0 / (unit.cache_bytes_per_cycle * context.max_hz)  # at the highest clock, where the fit was made
    # a stream is never slower from a cache than from memory
    stream_s = misses / rate + (weight_bytes - misses) * np.minimum(1.0 / rate, cache_s)
    hidden_s = np.maximum(stream_s - mac_cycles / context.max_hz, 0.0)
    own_s = memory_s - misses * unit.streamed[work.kind]
    return np.where(streams, act_bytes / unit.cache_bytes_per_cycle, cache_cycles), np.where(streams, own_s + hidden_s, memory_s)
