"""Heat: closed forms for one and two nodes, a general integrator as the oracle for networks, and conservation of energy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from device_models.catalog.catalog import device_names, load_device
from device_models.spec import ThermalSpec
from device_models.thermal import RcNetwork


def one_node(resistance: float = 8.0, capacity: float = 19.0) -> RcNetwork:
    return RcNetwork(
        ThermalSpec.model_validate(
            {
                "nodes": {"die": {"heat_capacity": f"{capacity} J/K", "heated_by": ["cpu"]}},
                "links": [{"between": ["die", "ambient"], "resistance": f"{resistance} K/W"}],
            }
        )
    )


def phone() -> RcNetwork:
    return RcNetwork(load_device("snapdragon_8_gen_2_phone").thermal)


def test_step_response_of_one_node_is_an_exponential() -> None:
    network = one_node()
    for dt in (1e-3, 1.0, 50.0, 1e4):
        exact = 25 + 3 * 8 * (1 - math.exp(-dt / (8 * 19)))
        assert network.step(network.uniform(25), np.array([3.0]), 25, dt)[0] == pytest.approx(exact, abs=1e-9)


def test_steady_state_of_one_node_is_power_times_resistance() -> None:
    assert one_node().steady_state(np.array([3.0]), 20)[0] == pytest.approx(44, abs=1e-9)


def test_long_step_reaches_the_steady_state() -> None:
    network = phone()
    power = network.node_power({"npu": 3.0, "base": 1.0})
    assert network.step(network.uniform(25), power, 25, 1e7) == pytest.approx(network.steady_state(power, 25), abs=1e-9)


def test_no_power_and_ambient_temperature_is_at_rest() -> None:
    network = phone()
    assert network.step(network.uniform(31), np.zeros(3), 31, 1234.5) == pytest.approx(network.uniform(31), abs=1e-9)


def test_one_long_step_equals_many_short_ones() -> None:
    network = phone()
    power = network.node_power({"cpu_prime": 2.0, "base": 1.0})
    short = network.uniform(25)
    for _ in range(100):
        short = network.step(short, power, 25, 0.7)
    assert network.step(network.uniform(25), power, 25, 70.0) == pytest.approx(short, abs=1e-9)


def test_step_agrees_with_the_matrix_exponential() -> None:
    network = phone()
    power, start, dt = network.node_power({"npu": 4.0, "base": 0.7}), np.array([60.0, 35.0, 31.0]), 37.0
    system = -network.conductance_w_per_k / network.heat_capacity_j_per_k[:, None]
    final = network.steady_state(power, 22)
    assert network.step(start, power, 22, dt) == pytest.approx(final + expm(system * dt) @ (start - final), abs=1e-9)


def test_step_agrees_with_a_numerical_integrator() -> None:
    network = phone()
    power, start = network.node_power({"gpu": 3.0, "memory": 1.0, "base": 1.0}), np.array([40.0, 33.0, 30.0])
    outside = network.to_ambient_w_per_k * 25

    def slope(_: float, temperatures: np.ndarray) -> np.ndarray:
        return (power - network.conductance_w_per_k @ temperatures + outside) / network.heat_capacity_j_per_k

    solution = solve_ivp(slope, (0, 200), start, rtol=1e-11, atol=1e-11, method="LSODA")
    assert network.step(start, power, 25, 200) == pytest.approx(solution.y[:, -1], abs=1e-6)


def test_energy_is_conserved_while_the_device_warms() -> None:
    """What the network stores and what leaves to ambient is what was put in; the flow out is integrated numerically here."""
    network = phone()
    power, start = network.node_power({"npu": 4.0, "base": 1.0}), network.uniform(25)
    times = np.linspace(0, 300, 20001)
    skin = np.array([network.step(start, power, 25, t) @ network.to_ambient_w_per_k for t in times]) - 25 * network.to_ambient_w_per_k.sum()
    out_j = float(np.sum((skin[1:] + skin[:-1]) / 2) * (times[1] - times[0]))
    assert network.heat_to_ambient_j(start, power, 25, 300.0) == pytest.approx(out_j, rel=1e-6)


def test_time_to_reach_of_one_node_is_the_logarithm() -> None:
    network = one_node()
    exact = -8 * 19 * math.log(1 - 10 / 24)
    assert network.time_to_reach("die", 35, network.uniform(25), np.array([3.0]), 25) == pytest.approx(exact, abs=1e-9)


def test_time_to_reach_lands_on_the_temperature() -> None:
    network = phone()
    power, start = network.node_power({"npu": 5.0, "cpu_prime": 1.0, "base": 1.0}), network.uniform(25)
    for node, target in (("soc", 60.0), ("skin", 43.0), ("body", 30.0)):
        when = network.time_to_reach(node, target, start, power, 25)
        assert when is not None
        assert network.step(start, power, 25, when)[network.names.index(node)] == pytest.approx(target, abs=1e-9)


def test_time_to_reach_is_none_beyond_the_steady_state_or_the_horizon() -> None:
    network = one_node()
    assert network.time_to_reach("die", 50, network.uniform(25), np.array([3.0]), 25) is None
    assert network.time_to_reach("die", 35, network.uniform(25), np.array([3.0]), 25, horizon_s=1.0) is None


def test_time_to_reach_is_zero_where_it_already_is() -> None:
    network = one_node()
    assert network.time_to_reach("die", 25, network.uniform(25), np.array([3.0]), 25) == 0.0


def test_time_to_reach_finds_the_first_crossing_of_an_overshoot() -> None:
    """A hot die warms a cool board above its final temperature: two crossings, the first one counts."""
    spec = {
        "nodes": {"die": {"heat_capacity": "50 J/K"}, "board": {"heat_capacity": "10 J/K"}},
        "links": [{"between": ["die", "board"], "resistance": "1 K/W"}, {"between": ["board", "ambient"], "resistance": "5 K/W"}],
    }
    network = RcNetwork(ThermalSpec.model_validate(spec))
    start = np.array([90.0, 25.0])
    times = np.linspace(0, 400, 400001)
    board = np.array([network.step(start, np.zeros(2), 25, t)[1] for t in times[::200]])
    target = 60.0
    assert board.max() > target
    first = times[::200][int(np.argmax(board >= target))]
    when = network.time_to_reach("board", target, start, np.zeros(2), 25)
    assert when is not None and first - 0.2 - 1e-9 <= when <= first
    assert network.step(start, np.zeros(2), 25, when)[1] == pytest.approx(target, abs=1e-9)


def test_power_of_a_component_on_two_nodes_is_split() -> None:
    spec = {
        "nodes": {"a": {"heat_capacity": "1 J/K", "heated_by": ["cpu"]}, "b": {"heat_capacity": "1 J/K", "heated_by": ["cpu", "base"]}},
        "links": [{"between": ["a", "ambient"], "resistance": "1 K/W"}, {"between": ["b", "ambient"], "resistance": "1 K/W"}],
    }
    network = RcNetwork(ThermalSpec.model_validate(spec))
    assert network.node_power({"cpu": 4.0, "base": 1.0}).tolist() == [2.0, 3.0]


def test_time_does_not_run_backwards() -> None:
    network = one_node()
    with pytest.raises(ValueError, match="forward"):
        network.step(network.uniform(25), np.array([1.0]), 25, -1.0)


@pytest.mark.parametrize("name", device_names())
def test_every_part_of_every_device_heats_a_node(name: str) -> None:
    device = load_device(name)
    heated = {part for node in device.thermal.nodes.values() for part in node.heated_by}
    assert {*device.units, "base", "memory", "storage"} <= heated


@pytest.mark.parametrize("name", device_names())
def test_no_device_reaches_a_trip_at_its_base_power_alone(name: str) -> None:
    device = load_device(name)
    network = RcNetwork(device.thermal)
    parts = {unit: float(spec.power.idle_w) + float(spec.power.leakage_w) for unit, spec in device.units.items()}
    final = network.steady_state(network.node_power({**parts, "base": float(device.base_w), "memory": float(device.memory.idle_w)}), 25)
    for trip in device.thermal.trips:
        assert final[network.names.index(trip.node)] < float(trip.temperature_c)
