"""Elasticities of simulated runs against what homogeneity says they must add up to (Euler's theorem)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.exploration.evaluate import Evaluator
from sim.exploration.sensitivity.find import parameters_of
from sim.exploration.sensitivity.one_at_a_time import Table, elasticities

BASE: dict[str, Any] = {
    "name": "s",
    "duration": "4 s",
    "models": {"net": {"source": "mobilenet_v2", "precision": "int8", "runtime": "tflite"}},
    "workloads": {"one": {"arrival": {"kind": "periodic", "rate": "5 Hz"}, "pipeline": [{"name": "see", "model": "net"}]}},
}
SMALL = 0.01


def table_of(data: dict[str, Any], *wanted: str) -> Table:
    evaluate = Evaluator(data, Path())
    loaded = evaluate.loaded(())
    return elasticities(
        loaded, ["energy", "latency_p99", "battery_life"][: 3 if loaded.device.battery else 2], parameters_of(loaded).chosen(wanted), evaluate, by=SMALL
    )


def sum_of(table: Table, metric: str, *ends: str) -> float:
    found = [one for one in table.responses if one.metric == metric and (not ends or one.parameter.name.endswith(ends))]
    return sum(one.elasticity or 0.0 for one in found)


@pytest.mark.parametrize("device", ["raspberry_pi_4", "pixel_6", "jetson_orin_nano", "stm32u575"])
def test_energy_rises_in_proportion_to_all_powers_together(device: str) -> None:
    data = BASE | {"device": device} if device != "stm32u575" else BASE | {"device": device, "models": {"net": {"source": "ds_cnn", "precision": "int8"}}}
    if device == "jetson_orin_nano":
        data = data | {"models": {"net": {"source": "mobilenet_v2", "precision": "float16", "runtime": "tensorrt"}}}
    table = table_of(data, "power")
    # leakage also grows with its own heat, which makes the sum a little more than 1
    assert sum_of(table, "energy_j", *_POWERS) == pytest.approx(1.0, abs=0.02)
    assert sum_of(table, "latency_p99_s") == pytest.approx(0.0, abs=1e-6)


_POWERS = ("dynamic_capacitance", "operation_energy", "leakage", ".idle", "idle_states.power", "memory.energy", "base_power", "read_power")


def test_a_battery_lasts_in_proportion_to_its_charge_and_all_powers() -> None:
    table = table_of(BASE | {"device": "pixel_6"}, "battery.capacity", "power")
    assert sum_of(table, "battery_life_s", "capacity") == pytest.approx(1.0, abs=0.01)
    assert sum_of(table, "battery_life_s", *_POWERS) == pytest.approx(-1.0, abs=0.05)


@pytest.mark.parametrize(("device", "unit"), [("raspberry_pi_4", "cpu"), ("raspberry_pi_5", "cpu"), ("stm32u575", "mcu")])
def test_a_lone_model_takes_its_time_in_inverse_proportion_to_its_units_speed(device: str, unit: str) -> None:
    data = BASE | {"device": device, "models": {"net": {"source": "ds_cnn", "precision": "int8"}}}
    assert sum_of(table_of(data, f"units.{unit}.speed"), "latency_p99_s") == pytest.approx(-1.0, abs=0.05)
