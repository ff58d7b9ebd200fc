"""Weights that stay in storage and are streamed through two buffers while the kernels run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.compiler.runtimes import runtime
from sim.graph.work import op_work


def stalls_s(read_s: np.ndarray, run_s: np.ndarray) -> np.ndarray:
    """How long each kernel waits for its weights, ``[kernels]``, s.

    Reads follow each other in the order of the kernels. There are two buffers: while one kernel runs, the weights of the next one that
    has any are read, and a buffer is free again when its kernel has run. A kernel without weights (``read_s`` 0) reads nothing.
    So in the steady state a stage lasts as long as the longer of its reading and its running.
    """
    stalls = np.zeros(len(run_s))
    now = read_end = 0.0
    freed = [0.0, 0.0]  # when the two buffers become free; used in turn
    turn = 0
    for kernel, (reading, running) in enumerate(zip(read_s, run_s, strict=True)):
        if reading > 0:
            read_end = max(read_end, freed[turn]) + reading
            stalls[kernel] = max(read_end - now, 0.0)
        now += stalls[kernel] + running
        if reading > 0:
            freed[turn] = now
            turn = 1 - turn
    return stalls


def paged(program: Program, device: DeviceSpec) -> Program:
    """The program with its weights streamed from storage in every run; unchanged where kernels read them in place or there are none.

    Waiting for weights is planned at the highest clocks: at lower ones more of it is hidden than this says.
    """
    if program.graph is None or program.copied_bytes == 0:
        return program
    ops = {op.name: op for op in program.graph.ops}
    sizes = np.array([op_work(program.graph, ops[name]).weight_bytes for name in program.kernels.names])
    rate = float(device.storage.read_bytes_per_s) * float(runtime(program.runtime).read_share)
    run_s = np.concatenate([kernel_seconds(part.costs, max_frequency_hz(device, part.unit)) for part in program.segments])
    waits = stalls_s(sizes / rate, run_s)
    segments = tuple(replace(part, costs=replace(part.costs, fixed_s=part.costs.fixed_s + waits[part.first : part.stop])) for part in program.segments)
    stages = sizes[sizes > 0]
    buffers = float((stages[:-1] + stages[1:]).max()) if len(stages) > 1 else float(stages.sum())
    load_s = max(program.load_s - program.storage_bytes / rate, 0.0)
    return replace(program, segments=segments, page_buffer_bytes=buffers, page_read_s=float(sizes.sum()) / rate, load_s=load_s)


def paged_to_fit(programs: Mapping[str, Program], device: DeviceSpec, capacity_bytes: float) -> dict[str, Program]:
    """Programs of which as many are paged, those with the most weights first, as it takes for all to fit into memory."""
    made = dict(programs)
    for name in _largest_first(programs):
        if sum(program.resident_bytes for program in made.values()) <= capacity_bytes:
            break
        made[name] = paged(made[name], device)
    return made


def _largest_first(programs: Mapping[str, Program]) -> Iterable[str]:
    return sorted(programs, key=lambda name: -programs[name].copied_bytes)
