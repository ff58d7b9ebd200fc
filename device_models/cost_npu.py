"""Matrix accelerators with vector units and on-chip memory, as Qualcomm's Hexagon: arithmetic on padded tiles.

Fitted to published AI Hub latencies (catalogue, source ``aihub_fit``)::

    t_kernel = c * (1 on the longest path, else par) + Tv + (Tc^3 + Tm^3)^(1/3)

Tc: padded multiply-accumulates, Tv: padded elements on the vector unit, Tm: weights streamed and activations that do not fit on chip.
Structural factors stand in the class's tables by number format (``float``, ``int8``, ``int16``) and runtime (``int8.tflite``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from device_models.cost_context import CostContext, among, weight_traffic
from device_models.cost_cpu import INTEGER
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work

CHANNELS = 32  # of a tile
ALIGNED = 8  # extents of a product's operands that fill whole vectors
TILES = {"float": (8, 4), "int8": (8, 8), "int16": (8, 8)}  # rows and columns of a tile
NUMERATORS = {"float": DType.F16, "int8": DType.I8, "int16": DType.I16}  # the format whose peak a key's efficiency is a share of
_CONVOLUTIONS = (Kind.PW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.CONVT)
_PRODUCTS = (Kind.FC, Kind.GEMM, Kind.BMM)
# factor of the structural table on a kind's multiply-accumulates, and on the elements of its vector work
_MAC_FACTORS = {Kind.PW: "pw", Kind.GCONV: "grouped", Kind.FC: "fc", Kind.GEMM: "fc", Kind.EMBED: "fc", Kind.BMM: "bmm", Kind.ATTENTION: "bmm", Kind.RNN: "bmm"}
_ELEMENT_FACTORS = {
    Kind.DW: "dw", Kind.EXP: "exp", Kind.NORM: "norm", Kind.LRN: "norm", Kind.SOFTMAX: "softmax", Kind.PERMUTE: "permute", Kind.POOL: "pool",
    Kind.CONCAT: "concat",
}  # fmt: skip
_ORDINARY, _OCTAVES = 1.05, 0.2  # times large_weight_bytes: up to it the fitted rates hold; so many octaves on, a network is a language model
_PLAIN = (Kind.ELEMENTWISE, Kind.QUANT, Kind.DATA, Kind.EMBED, Kind.DETECT)
# plain numbers: an attribute of an enumeration takes as long to read as a small array to add
_ATTENTION, _BMM, _CODE, _CONVT, _DW, _ELEMENTWISE, _EMBED, _EXP, _NORM, _POOL, _RNN, _SOFTMAX = (
    int(Kind.ATTENTION),
    int(Kind.BMM),
    int(Kind.CODE),
    int(Kind.CONVT),
    int(Kind.DW),
    int(Kind.ELEMENTWISE),
    int(Kind.EMBED),
    int(Kind.EXP),
    int(Kind.NORM),
    int(Kind.POOL),
    int(Kind.RNN),
    int(Kind.SOFTMAX),
)


@dataclass(frozen=True)
class NpuLoads:
    """What a network asks of such a unit, whatever its speed; columns ``[kernels]``.

    ``launches``: kernel overheads; ``elements``: padded elements on the vector unit; ``macs``: padded multiply-accumulates;
    ``traffic_bytes``: weights, and activations that do not fit on chip.
    """

    launches: np.ndarray
    elements: np.ndarray
    macs: np.ndarray
    traffic_bytes: np.ndarray


def npu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work``: products and convolutions by the parameters of their own number format, the rest by the network's.

    Conversions at the border of a quantized network, and what little stays in float there, thus count as the network does.
    """
    costs = KernelCosts.empty(len(work), context.value("exponent"))
    keys = _keys(work)
    for index, key in enumerate(TILES):
        rows = keys == index
        if rows.all():
            return _costs(work, context, key)
        if rows.any():
            costs.fill(rows, _costs(work.take(rows), context, key))
    return costs


def _keys(work: Work) -> np.ndarray:
    """Position in :data:`TILES` of each kernel's parameters, ``[kernels]``."""
    wide = work.dtype == DType.I16
    keys = np.where(wide, 2, np.where(among(work.dtype, (*INTEGER, DType.BOOL)), 1, 0))
    counted = np.where(work.kind == _CODE, 0.0, work.macs)
    if not counted.any():
        return keys
    most = int(np.argmax(np.bincount(keys, weights=counted, minlength=len(TILES))))
    return np.where(work.macs > 0, keys, most)


def _costs(work: Work, context: CostContext, key: str) -> KernelCosts:
    own = context.once(("npu", key), lambda: _own(context, key))
    loads = npu_loads(work, own, key, context.on_chip_bytes)
    peak = float(context.unit.cores) * context.macs_per_cycle(NUMERATORS[key])
    vector = loads.elements / own["vector_elements_per_cycle"]
    rate = _weight_rate(context, own["weight_rate"])
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=own["overhead_s"] * context.max_hz * loads.launches + vector,
        vector_cycles=vector,
        compute_cycles=loads.macs / (peak * own["efficiency"]),
        memory_s=loads.traffic_bytes / rate,
        # a rate above the memory's means that weights are stored compressed
        dram_bytes=loads.traffic_bytes * min(1.0, float(context.memory.bandwidth_bytes_per_s) / rate),
        exponent=context.value("exponent"),
    )


def _own(context: CostContext, key: str) -> dict[str, float]:
    """Structural factors and the unit's parameters for a format."""
    tables = {**context.table(key), **context.table(f"{key}.{context.runtime}"), **context.parameters(key)}
    return {name: float(value) for name, value in tables.items()}


def npu_loads(work: Work, shared: Mapping[str, float], key: str, on_chip_bytes: float) -> NpuLoads:
    """Loads of the rows ``work``, all in the format ``key`` (float, int8, int16), by the structural factors ``shared``."""
    is_code = work.kind == _CODE
    moved = work.in_bytes + work.out_bytes
    spilled = 2 * np.minimum(moved, shared["spill"] * np.maximum(work.live_bytes - on_chip_bytes, 0.0))
    return NpuLoads(
        launches=np.where(work.on_longest_path, 1.0, shared["par"]) * np.maximum(work.steps, 1.0),
        elements=_elements(work, shared, key) + np.where(is_code, work.macs, 0.0),
        macs=_macs(work, shared, key),
        traffic_bytes=weight_traffic(work) + np.where(is_code, moved, spilled),
    )


def _weight_rate(context: CostContext, fitted: float) -> float:
    """Weight stream in B/s: the fitted rate for networks of ordinary size, the measured share of the memory for language models."""
    large = language_share(context)
    streamed = min(fitted, context.value("stream_share"))
    return float(context.memory.bandwidth_bytes_per_s) / ((1.0 - large) / fitted + large / streamed)


def language_share(context: CostContext) -> float:
    """How far a network counts as a language model, 0 to 1, by the bytes of its weights: not at all up to ordinary sizes."""
    largest = _ORDINARY * context.value("large_weight_bytes")
    return min(max(float(np.log2(max(context.network_weight_bytes, 1.0) / largest)) / _OCTAVES, 0.0), 1.0)


def _up(values: np.ndarray, multiple: float) -> np.ndarray:
    return np.asarray(np.maximum(np.ceil(values / multiple), 1.0) * multiple)


def _positions(h: np.ndarray, w: np.ndarray, key: str) -> np.ndarray:
    """Positions of an image on whole tiles; a single row or column of outputs of a convolution fills them as a line."""
    tile_h, tile_w = TILES[key]
    return np.where((h <= 1) | (w <= 1), _up(h * w, tile_h * tile_w), _up(h, tile_h) * _up(w, tile_w))


def _by_kind(shared: Mapping[str, float], names: Mapping[Kind, str], default: float) -> np.ndarray:
    """Factors of the table as an array to index with ``work.kind``."""
    found = np.full(len(Kind), default)
    for kind, name in names.items():
        found[kind] = shared[name]
    return found


def _macs(work: Work, shared: Mapping[str, float], key: str) -> np.ndarray:
    """Multiply-accumulates on padded tiles times the kind's factor, ``[kernels]``.

    Padding counts by powers of the table: shallow inputs are packed more densely than whole tiles of 32 channels.
    """
    convolution = among(work.kind, _CONVOLUTIONS)
    product = among(work.kind, _PRODUCTS)
    backwards = work.kind == _CONVT
    h, w = np.where(backwards, work.h_in, work.h_out), np.where(backwards, work.w_in, work.w_out)
    positions = np.where(product, _up(h * w, CHANNELS), _positions(h, w, key)) / np.maximum(h * w, 1.0)
    depth = np.maximum(work.c_in / np.maximum(work.groups, 1.0), 1.0)
    padding = np.exp(  # a product of powers: one exponential is quicker than three powers
        shared["pad_positions"] * np.log(positions)
        + shared["pad_depth"] * np.log(_up(depth, CHANNELS) / depth)
        + shared["pad_width"] * np.log(_up(work.c_out, CHANNELS) / np.maximum(work.c_out, 1.0))
    )
    counted = convolution | product | among(work.kind, (_ATTENTION, _RNN)) | ((work.kind == _EMBED) & (work.macs > 0))
    return np.where(counted, work.macs * np.where(convolution | product, padding, 1.0) * _by_kind(shared, _MAC_FACTORS, 1.0)[work.kind], 0.0)


def _elements(work: Work, shared: Mapping[str, float], key: str) -> np.ndarray:
    """Padded elements the vector unit passes over, ``[kernels]``, weighted by how dear a kind's are (1: an addition)."""
    tile_h, tile_w = TILES[key]
    output = np.maximum(work.batch * _up(work.h_out, tile_h) * _up(work.w_out, tile_w) * _up(work.c_out, CHANNELS), work.out_elements)
    reduces = (work.kind == _POOL) & (8 * work.out_elements < work.in_elements)
    passed = output
    if reduces.any():
        inputs = np.maximum(work.batch * _up(work.h_in, tile_h) * _up(work.w_in, tile_w) * _up(work.c_in, CHANNELS), work.in_elements)
        passed = np.where(reduces, inputs, output)
    factor = _by_kind(shared, _ELEMENT_FACTORS, 0.0)[work.kind]
    factor = np.where(among(work.kind, _PLAIN), 1.0, factor)
    depthwise = np.flatnonzero(work.kind == _DW)
    factor[depthwise] *= (work.kernel_h[depthwise] * work.kernel_w[depthwise]) ** shared["dw_window"]
    normalises_image = among(work.kind, (_ELEMENTWISE, _NORM)) & (work.c_out <= 4) & (work.h_out * work.w_out >= 1024)
    factor = np.where(normalises_image, factor * shared["normalise_image"], factor)
    factor = np.where(work.macs > 0, factor + shared["output"], factor)
    # operands of a product of activations are laid out anew; rows that do not fill whole vectors take a slower way
    operands = np.zeros(len(work))
    products = np.flatnonzero(work.kind == _BMM)
    odd = (work.h_out[products] % ALIGNED > 0) | (work.c_in[products] % ALIGNED > 0) | (work.c_out[products] % ALIGNED > 0)
    operands[products] = shared["bmm_operands"] * np.where(odd, shared["bmm_odd"], 1.0) * work.in_elements[products]
    # what is fused into a kernel and not free runs on the vector unit too, padded as the output is
    fused = np.where(among(work.kind, (_EXP, _SOFTMAX)), 0.0, work.exp_elements) * shared["exp"] + work.epilogue_elements
    padding = np.where(work.out_elements > 0, output / np.maximum(work.out_elements, 1.0), 1.0)
    return np.asarray(np.where(work.kind == _CODE, 0.0, factor * passed) + operands + fused * padding)
