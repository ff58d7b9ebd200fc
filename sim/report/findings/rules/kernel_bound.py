"""Kernels that wait for memory, or for being started."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import MEMORY, OVERHEAD, bound, kernel_seconds
from device_models.units import format_quantity
from sim.compiler.program import Program
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding, WhatIf
from sim.report.numbers import percent

NAME = "kernel_bound"
ABOUT = "kernels bound by memory or by overhead"
LEAST = 0.3
_SMALLER = {"float32": ("float16", "int8"), "as_stored": ("float16", "int8"), "float16": ("int8",), "w8a16": ("w4a16",), "int8": ("w4a16",)}
_WHY = {MEMORY: "wait for memory rather than for arithmetic", OVERHEAD: "take longer to start than to compute"}


def find(run: Examined) -> Iterator[Finding]:
    for name, use, program in run.models():
        seconds, bounds, rows = _kernels(program, run)
        total_s = float(seconds.sum())
        for what in (MEMORY, OVERHEAD):
            mine = bounds == what
            share = float(seconds[mine].sum()) / total_s if total_s else 0.0
            if share < LEAST:
                continue
            worst = np.flatnonzero(mine)[np.argsort(-seconds[mine], kind="stable")[:3]]
            named = ", ".join(f"{program.kernels.labels[rows[at]]} {program.kernels.names[rows[at]]} {format_quantity(seconds[at], 'time')}" for at in worst)
            text = f"{int(mine.sum())} of {len(rows)} kernels of {name} {_WHY[what]}: {percent(share, 2)} of an inference (longest: {named})"
            evidence = {"model": name, "bound": what, "kernels_count": int(mine.sum()), "seconds_s": float(seconds[mine].sum()), "inference_s": total_s}
            offered = run.offered(program)
            what_ifs = [WhatIf(f"{name} in {one}", ((f"models.{name}.precision", one),)) for one in _SMALLER.get(program.precision, ()) if one in offered]
            if what == MEMORY:
                bandwidth = float(run.result.device.memory.bandwidth_bytes_per_s)
                what_ifs.append(WhatIf("memory half as fast again", (("device.memory.bandwidth", f"{1.5 * bandwidth!r} B/s"),)))
                if use.serving is not None:  # weights are read once for all requests of a step
                    what_ifs.append(WhatIf("batches twice as large", ((f"models.{name}.serving.max_batch", 2 * use.serving.max_batch),)))
            elif (use.threads or 0) != 1 and all(run.unit_kinds[segment.unit] == "cpu" for segment in program.segments):
                what_ifs.append(WhatIf(f"{name} with one thread", ((f"models.{name}.threads", 1),)))
            # what bounds them could at best go away
            yield Finding(NAME, text, share * run.share_of_requests(name), "the time of an answer", evidence, tuple(what_ifs))


def _kernels(program: Program, run: Examined) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Seconds and bound of every kernel at the highest clock, and its row in the program."""
    seconds, bounds, rows = [np.zeros(0)], [np.zeros(0, dtype=object)], list[int]()
    for segment in program.segments:
        hz = max_frequency_hz(run.result.device, segment.unit)
        seconds.append(kernel_seconds(segment.costs, hz))
        bounds.append(bound(segment.costs, hz).astype(object))
        rows += range(segment.first, segment.stop)
    return np.concatenate(seconds), np.concatenate(bounds), rows
