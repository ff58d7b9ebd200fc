"""What sets the peak of memory: weights, or the buffers that are alive together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device_models.units import format_quantity
from sim.compiler.program import Program
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent

NAME = "peak_memory"
ABOUT = "buffers and weights that set the peak of memory"
LEAST = 0.4  # of the memory that is there


def find(run: Examined) -> Iterator[Finding]:
    memory = run.metrics.memory
    if not memory.peak_bytes or not memory.available_bytes:
        return
    used = memory.peak_bytes / memory.available_bytes
    held = any(verdict.name == "memory_bytes" and not verdict.ok for verdict in run.verdicts)
    if used < LEAST and not held:
        return
    name, program = max(((name, program) for name, _, program in run.models()), key=lambda item: item[1].resident_bytes, default=("", None))
    if program is None:
        return
    arena, weights = float(program.plan.arena_bytes), program.copied_bytes + program.state_bytes
    what = f"weights and caches {format_quantity(weights, 'bytes')}, activations {format_quantity(arena, 'bytes')}"
    largest = _largest(program)
    text = f"{percent(used, 2)} of the memory is taken at its peak; {name} has {what}" + (
        f" (largest at once: {largest})" if largest and arena > weights else ""
    )
    smaller = [one for one in ("float16", "int8", "w4a16", "w4g128") if one in run.offered(program)]
    what_ifs = [WhatIf(f"{name} in {one}", ((f"models.{name}.precision", one),)) for one in smaller]
    if run.result.scenario.memory.weights != "paged" and weights > arena:
        what_ifs.append(WhatIf("weights paged from storage", (("memory.weights", "paged"),)))
    evidence = {"peak_bytes": memory.peak_bytes, "available_bytes": memory.available_bytes, "model": name, "weights_bytes": weights, "arena_bytes": arena}
    share = max(arena, weights) / memory.peak_bytes * used
    yield Finding(NAME, text, min(share, 1.0), "the memory", evidence, tuple(what_ifs))


def _largest(program: Program) -> str:
    """The buffers alive at the kernel with most of them, largest first, and that kernel."""
    buffers = program.plan.buffers
    if not buffers:
        return ""
    kernels = np.unique([buffer.first for buffer in buffers])
    alive = [sum(buffer.size_bytes for buffer in buffers if buffer.first <= kernel <= buffer.last) for kernel in kernels]
    worst = int(kernels[int(np.argmax(alive))])
    mine = sorted((buffer for buffer in buffers if buffer.first <= worst <= buffer.last), key=lambda buffer: -buffer.size_bytes)
    where = program.kernels.names[worst] if worst < len(program.kernels.names) else "the end"
    return ", ".join(f"{buffer.tensor} {format_quantity(buffer.size_bytes, 'bytes')}" for buffer in mine[:3]) + f" at {where}"
