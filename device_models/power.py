"""Power laws: switching, leakage and idle power of a unit, and of the memory. Watts, volts, hertz, degrees Celsius."""

from __future__ import annotations

from device_models.spec import MemorySpec, UnitPower

REFERENCE_V = 1.0  # where no voltage is published, capacitance is stated at this voltage (see UnitPower)
LEAKAGE_REFERENCE_C = 25.0
_MOST_DOUBLINGS = 64.0  # what has run away by so much is beyond any device: numbers stay finite


def dynamic_w(power: UnitPower, frequency_hz: float, voltage_v: float | None, activity: float = 1.0, active_cores: float = 1.0) -> float:
    """Switching power ``C V^2 f * activity`` of ``active_cores`` cores, W. ``voltage_v`` None: the reference voltage."""
    volts = REFERENCE_V if voltage_v is None else voltage_v
    return float(power.dynamic_capacitance_f) * volts * volts * frequency_hz * activity * active_cores


def operations_w(power: UnitPower, macs_per_s: tuple[float, float], voltage_v: float | None, highest_voltage_v: float | None) -> float:
    """Power of multiply-accumulates in (float, integer) formats at their rates, W: an energy each, by the square of the voltage."""
    energy = power.operation_energy
    drawn = macs_per_s[0] * float(energy.get("float", 0.0)) + macs_per_s[1] * float(energy.get("integer", 0.0))
    return at_voltage_w(drawn, voltage_v, highest_voltage_v)


def at_voltage_w(highest_w: float, voltage_v: float | None, highest_voltage_v: float | None) -> float:
    """Power of switching at a rate that draws ``highest_w`` at the highest voltage, W: by the square of the voltage."""
    ratio = 1.0 if voltage_v is None or highest_voltage_v is None else voltage_v / highest_voltage_v
    return ratio * ratio * highest_w


def leakage_w(power: UnitPower, temperature_c: float, voltage_v: float | None = None, highest_voltage_v: float | None = None) -> float:
    """Leakage, W: in proportion to the voltage, doubling every ``leakage_doubling`` kelvin above 25 degC."""
    ratio = 1.0 if voltage_v is None or highest_voltage_v is None else voltage_v / highest_voltage_v
    doublings = min((temperature_c - LEAKAGE_REFERENCE_C) / float(power.leakage_doubling_k), _MOST_DOUBLINGS)
    return float(power.leakage_w) * ratio * 2.0**doublings


def running_w(
    power: UnitPower,
    frequency_hz: float,
    voltage_v: float | None,
    temperature_c: float,
    activity: float = 1.0,
    active_cores: float = 1.0,
    highest_voltage_v: float | None = None,
) -> float:
    """Power of a unit that runs: switching and leakage, W."""
    return dynamic_w(power, frequency_hz, voltage_v, activity, active_cores) + leakage_w(power, temperature_c, voltage_v, highest_voltage_v)


def idle_w(power: UnitPower, temperature_c: float, voltage_v: float | None = None, highest_voltage_v: float | None = None) -> float:
    """Power of a unit that waits: its idle power and leakage, W."""
    return float(power.idle_w) + leakage_w(power, temperature_c, voltage_v, highest_voltage_v)


def memory_w(memory: MemorySpec, bytes_per_s: float) -> float:
    """Power of the shared memory at a traffic, W."""
    return float(memory.idle_w) + float(memory.energy_j_per_byte) * bytes_per_s


def capacitance_from_power(power_w: float, frequency_hz: float, voltage_v: float | None, activity: float = 1.0, active_cores: float = 1.0) -> float:
    """The capacitance, F per core, that makes the switching power at one operating point equal to a measured one.

    ``power_w`` is the measured power above idle. Raises ValueError where the point has no activity.
    """
    volts = REFERENCE_V if voltage_v is None else voltage_v
    switched = volts * volts * frequency_hz * activity * active_cores
    if switched <= 0:
        raise ValueError("frequency, voltage, activity and cores must all be positive")
    return power_w / switched
