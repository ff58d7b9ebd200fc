"""Leakage and temperature: the balance of both, by fixpoint and in closed form, or runaway."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_models.catalog.catalog import device_names, load_device
from device_models.catalog.radios import radio
from device_models.power import leakage_w
from device_models.spec import DeviceSpec
from device_models.thermal import RcNetwork
from device_models.thermal_feedback import LeakageFeedback, ThermalRunawayError, sustained


def _one_node(leakage: str, resistance: str = "10 K/W") -> DeviceSpec:
    raw = load_device("stm32u575").model_dump(mode="python", by_alias=True)
    raw["units"]["mcu"]["power"] |= {"leakage": leakage, "leakage_doubling": 25}
    raw["thermal"] = {
        "nodes": {"die": {"heat_capacity": "1 J/K", "heated_by": ["mcu"]}},
        "links": [{"between": ["die", "ambient"], "resistance": resistance}],
    }
    return DeviceSpec.model_validate(raw)


def _feedback(device: DeviceSpec) -> LeakageFeedback:
    return LeakageFeedback(device, RcNetwork(device.thermal))


@pytest.mark.parametrize("watts", [0.0, 1.0, 3.0])
def test_the_balance_is_the_fixpoint_of_plain_iteration(watts: float) -> None:
    device = _one_node("0.2 W")
    temperature = 25.0
    for _ in range(3000):
        temperature = 25.0 + 10.0 * (watts + leakage_w(device.units["mcu"].power, temperature))
    found = _feedback(device).steady_state(np.array([watts]), 25.0)
    assert found == pytest.approx([temperature], rel=1e-9)


def test_runaway_begins_where_the_closed_form_says() -> None:
    """x = R P0 exp(x ln2 / D) has a solution up to R P0 = D / (e ln 2), with x measured from where leakage is stated."""
    edge_w = 25.0 / (math.e * math.log(2.0)) / 10.0
    assert _feedback(_one_node(f"{edge_w * 0.9999} W")).steady_state(np.zeros(1), 25.0)[0] < 25.0 + 25.0 / math.log(2.0)
    with pytest.raises(ThermalRunawayError, match="thermal runaway of node die") as caught:
        _feedback(_one_node(f"{edge_w * 1.0001} W")).steady_state(np.zeros(1), 25.0)
    assert caught.value.gain >= 1.0


def test_the_loop_gain_is_the_slope_of_leakage_times_resistance() -> None:
    feedback = _feedback(_one_node("0.2 W"))
    assert feedback.loop_gain(np.array([75.0])) == pytest.approx(10.0 * 0.8 * math.log(2.0) / 25.0)


@pytest.mark.parametrize("name", device_names())
def test_every_shipped_device_is_stable_when_idle(name: str) -> None:
    device = load_device(name)
    network = RcNetwork(device.thermal)
    idle = {unit: float(spec.power.idle_w) for unit, spec in device.units.items()} | {"base": float(device.base_w), "memory": float(device.memory.idle_w)}
    found = LeakageFeedback(device, network).steady_state(network.node_power(idle), 25.0)
    assert (found >= 25.0).all() and (found < 100.0).all()


def test_the_sustained_state_balances_power_and_heat() -> None:
    """All power leaves through the links to ambient."""
    device = load_device("rk3588_board")
    for unit in (None, *device.units):
        watts, temperatures = sustained(device, unit)
        out_w = sum(
            (temperatures[next(end for end in link.between if end != "ambient")] - 25.0) / link.resistance_k_per_w
            for link in device.thermal.links
            if "ambient" in link.between
        )
        assert watts == pytest.approx(out_w, rel=1e-9)


def test_a_standing_device_has_its_radios_idle_power_too() -> None:
    plain = load_device("stm32u575")
    with_radio = plain.model_copy(update={"radios": {"wifi": radio("wifi_pixel_6")}})
    (watts, cool), (more_w, warm) = sustained(plain, None), sustained(with_radio, None)
    assert more_w - watts == pytest.approx(0.1406, rel=0.01)
    assert warm["die"] > cool["die"] + 1.0
