"""Active power of the systems of MLPerf Tiny: nearly the same for all networks of a system, so a few energies tell it.

The energy of a row is what the microcontroller's (or accelerator's) own supply gave during one inference, board and serial link apart;
power is that energy over the latency of the same run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from device_models.figure import Figure
from device_models.spec import DeviceSpec
from sim.fidelity.case import Regime
from sim.fidelity.tiny_regimes import device_for
from sim.fidelity.tiny_systems import BENCHMARKS, Row, rows


def powered_device(row: Row, regime: Regime, shots: int) -> DeviceSpec | None:
    """The row's device in a regime with its active power as the regime may know it; None where it does not apply."""
    device = device_for(row, regime, shots)
    unit = "mcu" if row.is_core else "npu"
    if device is None or not (shown := _shown(row, regime, shots)):
        return None
    voltage = _volts(device, unit)
    switched = [_power_w(other) / (other.clock_hz * _row_volts(other, unit) ** 2) for other in shown]
    return _with_power(device, unit, float(np.median(switched)), voltage)


def energies() -> list[Row]:
    """Rows with a published energy."""
    return [row for row in rows() if row.energy_j is not None]


def _power_w(row: Row) -> float:
    return row.power_w if row.power_w is not None else float(row.energy_j or 0.0) / row.latency_s


def _shown(row: Row, regime: Regime, shots: int) -> Sequence[Row]:
    """Rows of the same system whose power the regime may know; none in zero-shot."""
    if regime == "zero-shot":
        return []
    same = [other for other in energies() if _supply(other) == _supply(row)]
    if regime == "in-sample":
        return same
    others = [other for other in same if other.benchmark != row.benchmark]
    wanted = [name for name in BENCHMARKS if name != row.benchmark][: shots if regime == "k-shot" else None]
    return [other for other in others if other.benchmark in wanted]


def _supply(row: Row) -> tuple[str, ...]:
    """What shares one power: a system of one release; an accelerator at all its clocks, which its voltages tell apart."""
    return (row.release, row.system) if row.is_core else (row.cost_class,)


@cache
def _row_volts(row: Row, unit: str) -> float:
    device = device_for(row, "in-sample", 0)
    return 1.0 if device is None else _volts(device, unit)


def _volts(device: DeviceSpec, unit: str) -> float:
    voltage = device.domains[device.units[unit].domain].operating_points[-1].voltage_v
    return 1.0 if voltage is None else float(voltage)


def _with_power(device: DeviceSpec, unit: str, capacitance_f: float, voltage: float) -> DeviceSpec:
    """The device drawing ``capacitance V^2 f`` while the unit works, and nothing else: what is measured includes all of the chip."""
    nothing = Figure(0.0, source="tiny_results", kind="derived", note="inside the measured active power")
    capacitance = Figure(capacitance_f, source="tiny_results", kind="derived", note=f"energy over latency, clock and ({voltage:g} V)^2")
    units = {}
    for name, spec in device.units.items():
        power = spec.power.model_copy(update={"leakage_w": nothing, "idle_w": nothing, "idle_states": ()})
        units[name] = spec.model_copy(update={"power": power.model_copy(update={"dynamic_capacitance_f": capacitance}) if name == unit else power})
    memory = device.memory.model_copy(update={"energy_j_per_byte": nothing, "idle_w": nothing})
    return device.model_copy(update={"units": units, "memory": memory, "base_w": nothing})
