"""Power and operating points: closed forms."""

from __future__ import annotations

import math

import pytest

from device_models.catalog.catalog import load_device
from device_models.dvfs import OperatingTable
from device_models.figure import Figure
from device_models.power import capacitance_from_power, dynamic_w, idle_w, leakage_w, memory_w, running_w
from device_models.spec import DvfsDomain, MemorySpec, UnitPower

UNIT = UnitPower.model_validate({"dynamic_capacitance": "0.5 nF", "leakage": "100 mW", "leakage_doubling": 25, "idle": "5 mW"})


def test_switching_power_is_c_v_squared_f() -> None:
    assert dynamic_w(UNIT, 2e9, 0.8) == pytest.approx(0.5e-9 * 0.64 * 2e9, rel=1e-12)
    assert dynamic_w(UNIT, 2e9, 0.8, activity=0.25, active_cores=4) == pytest.approx(dynamic_w(UNIT, 2e9, 0.8), rel=1e-12)


def test_unpublished_voltage_counts_as_one_volt() -> None:
    assert dynamic_w(UNIT, 1e9, None) == pytest.approx(0.5, rel=1e-12)


def test_leakage_doubles_every_so_many_kelvin_and_follows_the_voltage() -> None:
    assert leakage_w(UNIT, 25) == pytest.approx(0.1, rel=1e-12)
    assert leakage_w(UNIT, 75) == pytest.approx(0.4, rel=1e-12)
    assert leakage_w(UNIT, 25, 0.5, 1.0) == pytest.approx(0.05, rel=1e-12)


def test_leakage_of_what_has_run_away_is_a_number() -> None:
    assert math.isfinite(leakage_w(UNIT.model_copy(update={"leakage_doubling_k": Figure(0.01)}), 1e6))


def test_running_and_idle_power_contain_the_leakage() -> None:
    assert running_w(UNIT, 1e9, 1.0, 50) == pytest.approx(0.5 + 0.2, rel=1e-12)
    assert idle_w(UNIT, 50) == pytest.approx(0.005 + 0.2, rel=1e-12)


def test_capacitance_reproduces_the_power_it_was_derived_from() -> None:
    farad = capacitance_from_power(1.37068, 2.802e9, 1.05625)
    unit = UnitPower.model_validate({"dynamic_capacitance": f"{farad} F"})
    assert dynamic_w(unit, 2.802e9, 1.05625) == pytest.approx(1.37068, rel=1e-12)
    with pytest.raises(ValueError, match="positive"):
        capacitance_from_power(1.0, 0.0, 1.0)


def test_memory_power_is_energy_per_byte_times_traffic() -> None:
    memory = MemorySpec.model_validate({"type": "LPDDR5", "bandwidth": "50 GB/s", "capacity": "8 GB", "energy": "40 pJ/B", "idle": "50 mW"})
    assert memory_w(memory, 1e9) == pytest.approx(0.05 + 0.04, rel=1e-12)


def test_measured_phone_cluster_is_reproduced() -> None:
    """Snapdragon 855: at the clocks where it was measured, C V^2 f returns the published power of one core."""
    device = load_device("snapdragon_855_phone")
    table = OperatingTable.of(device.domains["cpu_prime"])
    published_w = {2841.6e6: 1.09164, 2419.2e6: 0.73793, 2131.2e6: 0.59928, 1804.8e6: 0.44599}
    for hertz, watts in published_w.items():
        index = table.at_least(hertz)
        assert dynamic_w(device.units["cpu_prime"].power, hertz, table.voltage(index)) == pytest.approx(watts, rel=0.05)


TABLE = OperatingTable.of(DvfsDomain.model_validate({"operating_points": {"table": [["300 MHz", "0.6 V"], ["600 MHz", "0.7 V"], ["1.2 GHz", "0.9 V"]]}}))


def test_operating_points_are_found_by_frequency() -> None:
    assert [TABLE.at_least(hertz) for hertz in (1e8, 300e6, 301e6, 600e6, 2e9)] == [0, 0, 1, 1, 2]
    assert [TABLE.at_most(hertz) for hertz in (1e8, 300e6, 599e6, 1.2e9, 9e9)] == [0, 0, 0, 2, 2]


def test_a_cap_takes_points_from_the_top() -> None:
    assert [TABLE.cap(state) for state in (0, 1, 2, 9)] == [2, 1, 0, 0]
    assert TABLE.at_least(1.2e9, cap=1) == 1
    with pytest.raises(ValueError, match="not negative"):
        TABLE.cap(-1)


def test_voltages_are_those_of_the_points() -> None:
    assert TABLE.voltage(1) == pytest.approx(0.7)
    assert TABLE.highest_voltage == pytest.approx(0.9)
    bare = OperatingTable.of(DvfsDomain.model_validate({"operating_points": [{"frequency": "1 GHz"}]}))
    assert bare.voltage(0) is None
