"""One warm run of a program alone on its device, at the highest clocks and the full memory bandwidth: seconds and joules."""

from __future__ import annotations

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import bound, kernel_activity, kernel_seconds
from device_models.power import running_w
from device_models.spec import DeviceSpec
from sim.compiler.program import Program, Segment


def segment_columns(segment: Segment, device: DeviceSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seconds, bound and joules of each kernel of a segment, ``[kernels]`` each: its unit at 25 degC and its memory traffic."""
    hz = max_frequency_hz(device, segment.unit)
    spec = device.units[segment.unit]
    voltage = device.domains[spec.domain].operating_points[-1].voltage_v
    seconds = kernel_seconds(segment.costs, hz)
    activity = kernel_activity(segment.costs, hz)
    watts = np.array([running_w(spec.power, hz, None if voltage is None else float(voltage), 25.0, float(part), segment.cores) for part in activity])
    return seconds, bound(segment.costs, hz), watts * seconds + segment.costs.events_j + segment.costs.dram_bytes * float(device.memory.energy_j_per_byte)


def run_cost(program: Program, device: DeviceSpec) -> tuple[float, float]:
    """Seconds (segments one after the other, with what it takes to enter them) and joules of one inference."""
    columns = [segment_columns(segment, device) for segment in program.segments]
    entries_s = sum(segment.entry_s for segment in program.segments)
    return entries_s + sum(float(seconds.sum()) for seconds, _, _ in columns), sum(float(joules.sum()) for _, _, joules in columns)
