"""Memory an engine takes beside the planned activations: scratch of kernels, and what it keeps for each of them."""

from __future__ import annotations

import numpy as np

from device_models.cost_mcu import gathered_elements
from device_models.work import Kind, Work
from sim.compiler.program import MemoryPlan
from sim.compiler.runtimes.spec import Arena

_PER_CHANNEL = (Kind.PW, Kind.DW, Kind.C3, Kind.CONV, Kind.FIRST, Kind.GCONV, Kind.CONVT)


def working_bytes(arena: Arena, work: Work, plan: MemoryPlan) -> float:
    """Bytes beyond ``plan.arena_bytes``. ``work`` knows how much is alive during each kernel (``live_bytes``)."""
    if len(work) == 0:
        return 0.0
    peak = float(np.max(work.live_bytes + scratch_bytes(arena, work)))
    kept = arena.kernel_bytes * len(work) + arena.channel_bytes * float(work.c_out[np.isin(work.kind, _PER_CHANNEL)].sum())
    return max(0.0, peak - plan.arena_bytes) + kept


def scratch_bytes(arena: Arena, work: Work) -> np.ndarray:
    """Windows gathered as 16-bit numbers before they are multiplied, ``[kernels]``; a depthwise kernel gathers one of all channels."""
    positions = np.maximum(work.h_out * work.w_out * work.batch, 1.0)
    window = gathered_elements(work) / positions
    window = np.where(work.kind == Kind.PW, 0.0, window)
    depthwise = np.where(work.kind == Kind.DW, work.kernel_h * work.kernel_w * work.c_out, 0.0)
    return np.asarray(2.0 * (arena.gathered_windows * window + (depthwise if arena.gathered_windows else 0.0)))
