"""A program with slower or faster kernels, as far as predictions of their speed are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from device_models.catalog.catalog import unit_residuals
from device_models.compute import KernelCosts, kernel_seconds, max_frequency_hz
from device_models.residuals import Residuals, Slowdown, numbers_of
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.compiler.served import ServedProgram, slowed_steps


def program_slowdown(programs: Sequence[Program], device: DeviceSpec, cost_class: str) -> Slowdown:
    """Of the segments of ``programs`` on units of a cost class, weighted by the time they take alone."""
    seconds: dict[Residuals, float] = {}
    for program in programs:
        quantity, numbers = _kind_of(program)
        for segment in program.segments:
            if device.units[segment.unit].cost_class == cost_class:
                residual = unit_residuals(device.units[segment.unit], quantity, numbers)
                alone_s = segment.entry_s + float(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)).sum())
                seconds[residual] = seconds.get(residual, 0.0) + alone_s
    total_s = sum(seconds.values())
    return Slowdown(tuple((part_s / total_s, residual) for residual, part_s in seconds.items()))


def _kind_of(program: Program) -> tuple[str, str]:
    """Whose residuals a program has: a network that keeps a state streams tokens, any other is a latency; and its kind of numbers."""
    return "tokens" if program.state_bytes > 0 else "latency", numbers_of(program.kernels.work)


def slowed_program(program: Program, device: DeviceSpec, cost_class: str, share: float) -> Program:
    """The program with all kernels on units of a cost class at a quantile of what they may take: entries too, the same bytes."""
    quantity, numbers = _kind_of(program)
    segments, factors = [], dict[str, float]()
    for segment in program.segments:
        if device.units[segment.unit].cost_class == cost_class:
            factor = float(np.exp(unit_residuals(device.units[segment.unit], quantity, numbers).at(np.array(share))))
            factors[segment.unit] = factor
            segment = replace(segment, costs=_scaled(segment.costs, factor), entry_s=segment.entry_s * factor)
        segments.append(segment)
    slowed = replace(program, segments=tuple(segments))
    return slowed_steps(slowed, factors) if isinstance(slowed, ServedProgram) else slowed


def _scaled(costs: KernelCosts, factor: float) -> KernelCosts:
    """The same bytes in ``factor`` times the time."""
    times = ("fixed_s", "overhead_cycles", "vector_cycles", "compute_cycles", "memory_s")
    return replace(costs, **{name: getattr(costs, name) * factor for name in times})
