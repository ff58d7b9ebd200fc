"""Microcontrollers: cycles per multiply-accumulate by kind, per element and per operator, times core and library factors.

Fitted to MLPerf Tiny results (catalogue, source ``mlperf_tiny_fit``). Weights are read in place from flash; the fitted cycles
contain those waits, so there is no separate memory time.
"""

from __future__ import annotations

import numpy as np

from device_models.cost_context import CostContext
from device_models.cost_cpu import INTEGER
from device_models.kernel_costs import KernelCosts
from device_models.work import DType, Kind, Work


def mcu_costs(work: Work, context: CostContext) -> KernelCosts:
    """Costs ``[kernels]`` of ``work`` on a microcontroller core (cycles of its clock, bytes of SRAM)."""
    per_mac = context.by_kind("cycles_per_mac", default=float(context.table("cycles_per_mac")["conv"]))[work.kind]
    per_mac = per_mac * np.where(np.isin(work.dtype, (*INTEGER, DType.BOOL)), 1.0, context.value("float_factor"))
    library = float(context.table("libraries").get(context.runtime or "", context.value("library")))
    factor = context.value("core") * library * float(context.parameters("int8").get("compute", 1.0))
    code = work.kind == Kind.CODE
    elements = context.value("cycles_per_element") * work.out_elements + context.value("cycles_per_exp") * work.exp_elements
    network = factor * (np.where(code, 0.0, work.macs * per_mac) + elements + context.value("cycles_per_epilogue") * work.epilogue_elements)
    own_code = np.where(
        code, work.macs / context.value("code_operations_per_cycle") + (work.in_bytes + work.out_bytes) / context.value("code_bytes_per_cycle"), 0.0
    )
    cores = float(context.cores)
    return KernelCosts(
        fixed_s=np.zeros(len(work)),
        overhead_cycles=factor * context.value("cycles_per_operator") * np.maximum(work.steps, 1.0),
        vector_cycles=np.zeros(len(work)),
        compute_cycles=(network + own_code) / cores,
        memory_s=np.zeros(len(work)),
        dram_bytes=work.in_bytes + work.out_bytes,
        exponent=1.0,
    )
