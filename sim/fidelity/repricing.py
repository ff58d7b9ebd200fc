"""A compiled network whose kernels are priced again and again, for units whose parameters change: what a fit calls thousands of times."""

from __future__ import annotations

import numpy as np

from device_models.compute import kernel_seconds, max_frequency_hz
from device_models.spec import DeviceSpec
from device_models.unit_parameters import numbers_of
from sim.compiler.compile import Lowered, compile_lowered
from sim.compiler.cost import thread_count, unit_costs, weights_read
from sim.compiler.crossing import EntryCosts, crossings, host_units
from sim.compiler.support import targets_of
from sim.scenario.model import ModelUse


class Repriced:
    """One network, compiled for ``device`` as ``use`` says; :meth:`seconds` is its latency with other parameters of ``unit``.

    What the rest of the device does, and where kernels run, stays as compiled. Raises EdgesimError if it cannot be compiled.
    """

    def __init__(self, lowered: Lowered, use: ModelUse, device: DeviceSpec, unit: str) -> None:
        program = compile_lowered(lowered, device, placement=use.placement, threads=use.threads, name="network")
        self.unit, self.engine, self.precision, self.threads = unit, lowered.engine, program.precision, use.threads
        self.targets = targets_of(device, lowered.engine)
        self.target = self.targets[unit]
        rows = [row for segment in program.segments if segment.unit == unit for row in range(segment.first, segment.stop)]
        self.work = program.kernels.work.take(np.array(rows, dtype=int))
        position = {op.name: index for index, op in enumerate(lowered.flow.ops)}
        order = [position[name] for name in program.kernels.names]
        self.weight_bytes = weights_read(lowered.flow, [order[row] for row in rows], self.target)
        layout = [(segment.unit, order[segment.first : segment.stop]) for segment in program.segments]
        tensors = lowered.flow.graph.tensors
        self.entries = [
            ([tensors[name] for name in crossing.arriving], [tensors[name] for name in crossing.leaving], crossing.first, crossing.waits)
            for (where, _), crossing in zip(layout, crossings(lowered.flow, layout, host_units(self.targets)), strict=True)
            if where == unit
        ]
        self.elsewhere_s = sum(
            segment.entry_s + float(kernel_seconds(segment.costs, max_frequency_hz(device, segment.unit)).sum())
            for segment in program.segments
            if segment.unit != unit
        )
        self.notes = tuple(dict.fromkeys(segment.why for segment in program.segments if segment.unit != unit))

    @property
    def cost_name(self) -> str:
        """The name under which the unit's parameters for this runtime are kept."""
        return self.target.delegate.cost_name or self.engine.name

    @property
    def numbers(self) -> str:
        """How it counts on the unit: ``float``, ``int8`` or ``int16``."""
        return numbers_of(self.target.spec, self.precision, self.work.dtype)

    @property
    def used_threads(self) -> int:
        """CPU threads it runs with; 1 on other units."""
        return thread_count(self.target, self.engine, self.threads)

    def own_seconds(self, device: DeviceSpec) -> float:
        """Time on the unit, entries included, s."""
        if not len(self.work):
            return 0.0
        costs = unit_costs(self.work, device, self.target, self.engine, self.precision, self.threads, self.weight_bytes)
        prices = EntryCosts(device, {self.unit: self.target}, self.engine.name, self.precision)
        entry_s = sum(prices.entry(self.unit, arriving, leaving, first=first, waits=waits).seconds for arriving, leaving, first, waits in self.entries)
        return entry_s + float(kernel_seconds(costs, max_frequency_hz(device, self.unit)).sum())

    def seconds(self, device: DeviceSpec) -> float:
        """Latency of one inference, s: all segments one after the other."""
        return self.elsewhere_s + self.own_seconds(device)
