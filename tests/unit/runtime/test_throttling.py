"""Trip points cap operating points, step by step, and only while something can happen."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic

TRIP = {"node": "cpu_die", "temperature": "30 degC", "hysteresis": 1, "polling": "250 ms", "domains": ["cpu"]}


def test_a_hot_die_is_throttled_and_held_near_the_trip() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}}}, 300.0)
    free = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.1)])
    held = synthetic.run(scenario, synthetic.device(["cpu"], trips=[TRIP]), [synthetic.simple("a", "cpu", 0.1)])
    assert free.totals["final_temperature_c"]["cpu_die"] > 35
    times, temperatures = held.counter("temperature_c.cpu_die")
    assert temperatures[times > 20].max() < 31.5
    assert held.counter("limit_hz.cpu")[1].min() < synthetic.POINTS[-1]
    assert len(held.requests) < len(free.requests)
    changes, _ = held.counter("frequency_hz.cpu")
    assert np.allclose(changes / 0.25, np.round(changes / 0.25), atol=1e-6)  # at polls
    assert sum(held.energy_j.values()) < sum(free.energy_j.values())


def test_the_limit_is_lifted_when_it_has_cooled() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}, "count": 100}}, 600.0)
    trace = synthetic.run(scenario, synthetic.device(["cpu"], trips=[TRIP]), [synthetic.simple("a", "cpu", 0.2)])
    assert trace.totals["cooling_states"] == [0]
    assert trace.counter("frequency_hz.cpu")[1][-1] == synthetic.POINTS[-1]


def test_a_cool_idle_device_is_not_polled() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "0.0001 Hz"}}}, 100_000.0)
    trace = synthetic.run(scenario, synthetic.device(["cpu"], trips=[TRIP]), [synthetic.simple("a", "cpu", 0.1)])
    assert trace.totals["events"] < 3000


def test_energy_is_the_sum_of_what_was_drawn() -> None:
    """Constant load without leakage: every component's energy in closed form."""
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "2 Hz"}}}, 10.0)
    program = synthetic.program("a", synthetic.segment("cpu", synthetic.costs([0.05], [0.05], exponent=1.0)))
    trace = synthetic.run(scenario, synthetic.device(["cpu"], leakage_w=0.0, battery=True), [program])
    # half of each 0.1 s run computes (1 W), half stalls at 0.35 W; the rest of the time idles at 10 mW
    assert trace.energy_j["cpu"] == pytest.approx(20 * 0.1 * (0.35 + 0.65 * 0.5) + 8.0 * 0.01, rel=1e-9)
    assert trace.energy_j["memory"] == pytest.approx(10 * 0.02 + 20 * 0.05e9 * 50e-12, rel=1e-9)
    assert trace.energy_j["base"] == pytest.approx(1.0, rel=1e-12)
    energy = trace.request_energy["energy_j"]
    assert energy == pytest.approx(np.full(20, 0.1 * 0.675 + 0.05e9 * 50e-12), rel=1e-9)
    power = sum(trace.energy_j.values()) / 10.0
    assert trace.totals["battery"]["life_s"] == pytest.approx(1.0 * 3600 * 3.6 / power)
