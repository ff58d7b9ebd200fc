"""Fits of RC networks: what was put in comes out, what a trace cannot tell stays open; and closed forms of the response they use."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_models.catalog.catalog import load_device
from device_models.thermal import RcNetwork
from device_models.thermal_fit import Parameters, PowerProfile, Prior, Trace, fit_network, ladder, load_steps, plausible, temperatures

TIMES = np.arange(0.0, 600.0, 2.0)
STEP = PowerProfile(np.array([0.0, 150.0, 450.0]), {"cpu": np.array([0.2, 3.2, 0.2]), "base": np.full(3, 2.9)})
TWO = ladder(("soc", "board"), {"soc": ("cpu",), "board": ("base",)})
TRUE = Parameters(TWO, np.array([3.0, 5.0]), np.array([4.0, 30.0]), 22.0)


def trace_of(parameters: Parameters, profile: PowerProfile = STEP, noise_k: float = 0.0, settled: bool = True) -> Trace:
    blank = Trace(TIMES, np.full(len(TIMES), 22.0), settled)
    exact = temperatures(parameters, profile, blank)
    return Trace(TIMES, exact + noise_k * np.random.default_rng(1).standard_normal(len(exact)), settled)


def test_the_response_is_what_steps_give() -> None:
    network = RcNetwork(load_device("snapdragon_8_gen_2_phone").thermal)
    power, start = network.node_power({"npu": 3.0, "base": 1.0}), np.array([40.0, 33.0, 30.0])
    times = np.array([0.0, 1e-3, 1.0, 77.0, 1e4])
    stepped = np.array([network.step(start, power, 25, float(time)) for time in times])
    assert network.response(start, power, 25, times) == pytest.approx(stepped, abs=1e-9)


def test_one_node_follows_its_exponential_through_all_steps_of_power() -> None:
    one = Parameters(ladder(("soc",), {"soc": ("cpu",)}), np.array([8.0]), np.array([19.0]), 20.0)
    profile = PowerProfile(np.array([0.0, 100.0]), {"cpu": np.array([1.0, 4.0])})
    trace = Trace(np.array([0.0, 99.0, 100.0, 250.0]), np.zeros(4))
    exact = [28.0, 28.0, 28.0, 52 - 24 * math.exp(-150 / (8 * 19))]
    assert temperatures(one, profile, trace) == pytest.approx(exact, abs=1e-9)


@given(
    resistance=st.lists(st.floats(0.2, 20), min_size=3, max_size=3),
    capacity=st.lists(st.floats(0.5, 300), min_size=3, max_size=3),
    power=st.lists(st.floats(0, 10), min_size=2, max_size=2),
)
@settings(max_examples=40, deadline=None)
def test_energy_in_is_energy_stored_and_rejected(resistance: list[float], capacity: list[float], power: list[float]) -> None:
    """The heat that leaves is the integral of the exponentials at the last node over its resistance, in closed form."""
    shape = ladder(("a", "b", "c"), {"a": ("cpu",), "b": ("base",)})
    network = Parameters(shape, np.array(resistance), np.array(capacity), 25.0).network
    watts, duration = network.node_power({"cpu": power[0], "base": power[1]}), 321.0
    start, final = network.uniform(25.0), network.steady_state(watts, 25.0)
    modes, rates = network.to_modes @ (start - final), network.rates_hz
    integral_k_s = (final - 25.0) * duration + network.from_modes @ (modes * -np.expm1(-rates * duration) / rates)
    rejected_j = float(network.to_ambient_w_per_k @ integral_k_s)
    stored_j = float(network.heat_capacity_j_per_k @ (network.step(start, watts, 25.0, duration) - start))
    assert stored_j + rejected_j == pytest.approx(sum(power) * duration, rel=1e-9, abs=1e-9 * duration)


def test_the_end_does_not_depend_on_how_often_anybody_looks() -> None:
    network = RcNetwork(load_device("raspberry_pi_4").thermal)
    power = network.node_power({"cpu": 4.0, "base": 2.8})
    ends = []
    for interval in (1e-3, 1.0, 20.0):
        state = network.uniform(25.0)
        for _ in range(round(20.0 / interval)):
            state = network.step(state, power, 25.0, interval)
        ends.append(state)
    assert ends[0] == pytest.approx(ends[2], abs=1e-9) and ends[1] == pytest.approx(ends[2], abs=1e-9)


def test_samples_do_not_change_the_curve_between_them() -> None:
    often, seldom = Trace(np.arange(0.0, 600.0, 0.5), np.zeros(1200)), Trace(np.arange(0.0, 600.0, 10.0), np.zeros(60))
    assert temperatures(TRUE, STEP, often)[::20] == pytest.approx(temperatures(TRUE, STEP, seldom), abs=1e-9)


def test_a_fit_finds_the_network_a_trace_was_made_with() -> None:
    trace = trace_of(TRUE)
    fit = fit_network(trace, STEP, plausible(TWO, trace, STEP, ambient_c=22.0))
    assert fit.rms_k < 0.01
    assert fit.parameters.resistance_k_per_w == pytest.approx(TRUE.resistance_k_per_w, rel=0.01)
    assert fit.parameters.heat_capacity_j_per_k == pytest.approx(TRUE.heat_capacity_j_per_k, rel=0.01)
    assert fit.parameters.time_constants_s == pytest.approx(TRUE.time_constants_s, rel=0.01)


def test_an_unknown_ambient_is_found_from_idling_and_load() -> None:
    warm = Parameters(TWO, TRUE.resistance_k_per_w, TRUE.heat_capacity_j_per_k, 26.0)
    trace = trace_of(warm)
    assert fit_network(trace, STEP, plausible(TWO, trace, STEP)).parameters.ambient_c == pytest.approx(26.0, abs=0.2)


def test_truth_is_within_what_the_fit_says_of_itself() -> None:
    trace = trace_of(TRUE, noise_k=0.5)
    fit = fit_network(trace, STEP, plausible(TWO, trace, STEP))
    distance = np.abs(fit.parameters.vector() - TRUE.vector()) / fit.spread
    assert fit.rms_k == pytest.approx(0.5, rel=0.2)
    assert (distance < 4).all()
    assert (fit.spread[:2] < 0.2).all()


def test_a_jump_of_the_sensor_does_not_bend_the_fit() -> None:
    trace = trace_of(TRUE)
    broken = trace.temperature_c.copy()
    broken[100:104] += 30.0
    fit = fit_network(Trace(TIMES, broken), STEP, plausible(TWO, trace, STEP, ambient_c=22.0))
    assert fit.parameters.resistance_k_per_w.sum() == pytest.approx(8.0, rel=0.03)


def test_a_trace_that_ends_before_the_board_warms_says_so() -> None:
    short = trace_of(Parameters(TWO, np.array([3.0, 5.0]), np.array([4.0, 3000.0]), 22.0), noise_k=0.3).until(200.0)
    fit = fit_network(short, STEP, plausible(TWO, short, STEP))
    known = dict(zip(("soc - board", "board - ambient", "soc", "board"), fit.spread, strict=False))
    assert known["board"] > 3 * known["soc - board"]


def test_a_held_parameter_stays() -> None:
    trace = trace_of(TRUE, noise_k=0.2)
    prior = plausible(TWO, trace, STEP, ambient_c=22.0)
    held = Prior(prior.middle.moved(TRUE.vector()), prior.spread * np.array([1, 0, 1, 1, 1]))
    fit = fit_network(trace, STEP, held)
    assert fit.parameters.resistance_k_per_w[1] == pytest.approx(5.0, rel=1e-12) and fit.spread[1] == 0.0


def test_power_by_sample_from_a_cold_start() -> None:
    generator = np.random.default_rng(3)
    profile = PowerProfile(TIMES, {"cpu": np.repeat(generator.uniform(0.5, 6.0, len(TIMES) // 20), 20)})
    shape = ladder(("soc", "board"), {"soc": ("cpu",)})
    cold = Parameters(shape, TRUE.resistance_k_per_w, TRUE.heat_capacity_j_per_k, 22.0)
    trace = trace_of(cold, profile, settled=False)
    assert trace.temperature_c[0] == pytest.approx(22.0)
    fit = fit_network(trace, profile, plausible(shape, trace, profile, ambient_c=22.0))
    assert fit.parameters.heat_capacity_j_per_k == pytest.approx(TRUE.heat_capacity_j_per_k, rel=0.02)


def test_the_same_trace_gives_the_same_fit() -> None:
    trace = trace_of(TRUE, noise_k=0.5)
    first, second = (fit_network(trace, STEP, plausible(TWO, trace, STEP)) for _ in range(2))
    assert (first.parameters.vector() == second.parameters.vector()).all()


def test_load_steps_are_found_between_samples() -> None:
    begin, end = load_steps(trace_of(TRUE, noise_k=0.2))
    assert begin == pytest.approx(150.0, abs=4.0) and end == pytest.approx(450.0, abs=4.0)
    begin, end = load_steps(trace_of(TRUE).until(400.0))
    assert begin == pytest.approx(150.0, abs=4.0) and end is None


def test_no_step_of_the_load_is_an_error() -> None:
    with pytest.raises(ValueError, match="no step"):
        load_steps(Trace(TIMES, np.full(len(TIMES), 40.0)))


def test_too_few_samples_and_constant_power_are_errors() -> None:
    trace = trace_of(TRUE)
    with pytest.raises(ValueError, match="samples cannot tell"):
        fit_network(trace.until(8.0), STEP, plausible(TWO, trace, STEP))
    with pytest.raises(ValueError, match="never changes"):
        plausible(TWO, trace, PowerProfile(np.array([0.0]), {"cpu": np.array([3.0])}))
