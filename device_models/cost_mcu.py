"""Microcontrollers: cycles per multiply-accumulate by kind, per element, per window and per operator, times core and library factors.

Fitted to MLPerf Tiny results (catalogue, source ``mlperf_tiny_fit``). Weights are read in place from flash; the fitted cycles
contain those waits, so there is no separate memory time. A faster kernel library gains most where the inner loop dominates and
least where every weight is used once, so its factor enters kinds with a power of their own (table ``library_power``).
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import CostContext, among
from device_models.cost_cpu import INTEGER
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work

_WINDOWED = (Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.CONVT)


def mcu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on a microcontroller core (cycles of its clock, bytes of SRAM)."""
    library = float(context.table("libraries").get(context.runtime or "", context.value("library")))
    factor = context.value("core") * float(context.parameters("int8").get("compute", 1.0))
    code = work.kind == Kind.CODE
    integer = among(work.dtype, (*INTEGER, DType.BOOL))
    elements = (
        _element_cycles(work, context) * np.where(integer, 1.0, context.value("float_element_factor")) * library ** context.value("element_library_power")
    )
    exponentials = (context.value("cycles_per_exp") * work.exp_elements + context.value("cycles_per_epilogue") * work.epilogue_elements) * library
    macs = work.macs * _cycles_per_mac(work, context, library) * np.where(integer, 1.0, context.value("float_factor"))
    network = factor * np.where(code, 0.0, macs + elements + exponentials + _window_cycles(work, context) * library)
    own_code = np.where(
        code, work.macs / context.value("code_operations_per_cycle") + (work.in_bytes + work.out_bytes) / context.value("code_bytes_per_cycle"), 0.0
    )
    cores = float(context.cores)
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=factor * library * context.value("cycles_per_operator") * np.maximum(work.steps, 1.0),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=(network + own_code) / cores,
        memory_s=np.zeros(len(work)),
        dram_bytes=work.in_bytes + work.out_bytes,
        exponent=1.0,
    )


def gathered_elements(work: Work) -> np.ndarray:
    """Inputs that a convolution copies side by side before it multiplies, ``[kernels]``: every window; none for plain 1x1."""
    copies = among(work.kind, _WINDOWED) | ((work.kind == Kind.PW) & (work.stride > 1))
    return np.where(copies, work.macs / np.maximum(work.c_out, 1.0), 0.0)


def gathered_runs(work: Work) -> np.ndarray:
    """Runs of neighbouring channels among :func:`gathered_elements`, ``[kernels]``: one copy each."""
    return gathered_elements(work) / np.maximum(work.c_in / np.maximum(work.groups, 1.0), 1.0)


def moved_elements(work: Work) -> np.ndarray:
    """Elements of kernels without multiply-accumulates, ``[kernels]``: what they read or write, whichever is more."""
    return np.where(work.macs > 0, 0.0, np.maximum(work.in_elements, work.out_elements))


def _cycles_per_mac(work: Work, context: CostContext, library: float) -> np.ndarray:
    plain = context.by_kind("cycles_per_mac", default=float(context.table("cycles_per_mac")["conv"]))
    own = float(context.table("library_conv").get(context.runtime or "", 1.0))
    windowed = np.where(np.isin(list(Kind), (Kind.C3, Kind.CONV, Kind.GCONV, Kind.CONVT)), own, 1.0)
    return np.asarray((plain * windowed * library ** context.by_kind("library_power"))[work.kind])


def _element_cycles(work: Work, context: CostContext) -> np.ndarray:
    """Before the library's factor: scaling results back to 8 bits, and what passes through kernels without multiply-accumulates."""
    made = np.where(work.macs > 0, work.out_elements, 0.0)
    return context.value("core_elements") * context.value("cycles_per_element") * made + context.value("cycles_per_move") * moved_elements(work)


def _window_cycles(work: Work, context: CostContext) -> np.ndarray:
    return context.value("cycles_per_gathered_element") * gathered_elements(work) + context.value("cycles_per_gathered_run") * gathered_runs(work)
