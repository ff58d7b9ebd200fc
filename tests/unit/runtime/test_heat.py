"""Heat in the engine: fans change the network in flight, nobody's looking matters, leakage that runs away is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic
from scipy.integrate import solve_ivp

from device_models.spec import DeviceSpec
from device_models.thermal import RcNetwork
from sim.policies.throttling import THROTTLING
from sim.runtime.clock import OBSERVERS
from sim.runtime.heat import Heat
from sim.trace import Status, Trace

FAN = {
    "node": "case",
    "link": ["case", "ambient"],
    "polling": "1 s",
    "states": [{"temperature": "30 degC", "hysteresis": 3, "resistance": "1 K/W", "power": "0.3 W"}],
}
TRIPS = [
    {"node": "cpu_die", "temperature": "34 degC", "hysteresis": 1, "polling": "50 ms", "domains": ["cpu"]},
    {"node": "cpu_die", "temperature": "36 degC", "hysteresis": 1, "polling": "50 ms", "domains": ["cpu"]},
]


def _device(fan: dict[str, Any] | None = None, trips: Any = (), **more: Any) -> DeviceSpec:
    raw = synthetic.device(["cpu"], trips=trips, **more).model_dump(mode="python", by_alias=True)
    raw["thermal"]["fan"] = fan
    return DeviceSpec.model_validate(raw)


def _run(device: DeviceSpec, duration_s: float = 400.0, rate: str = "5 Hz", reference: bool = False, **more: Any) -> Trace:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": rate}}}, duration_s, **more)
    return synthetic.run(scenario, device, [synthetic.simple("a", "cpu", 0.15)], reference)


def test_a_fan_changes_the_network_in_flight_exactly() -> None:
    """Two nodes with constant power, the fan's changes taken from the trace, against a numerical integration."""
    device = _device(FAN, leakage_w=0.0)
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}}}, 2000.0)
    trace = synthetic.run(scenario, device, [synthetic.simple("a", "cpu", 0.1)])
    times, states = trace.counter("fan_state")
    assert set(states) == {0.0, 1.0} and len(states) >= 4
    temperatures = np.full(2, 25.0)
    for begin_s, end_s, state in zip(times, [*times[1:], 2000.0], states, strict=True):
        network = RcNetwork(device.thermal.with_fan_state(int(state)))
        heat = network.node_power({"cpu": 1.0, "memory": 0.02, "base": 0.1})

        def slope(_: float, now: np.ndarray, network: RcNetwork = network, heat: np.ndarray = heat) -> np.ndarray:
            return (heat - network.conductance_w_per_k @ (now - 25.0)) / network.heat_capacity_j_per_k

        temperatures = solve_ivp(slope, (begin_s, end_s), temperatures, rtol=1e-10, atol=1e-10).y[:, -1]
    assert list(trace.totals["final_temperature_c"].values()) == pytest.approx(temperatures, abs=1e-6)
    on_s = sum(end_s - begin_s for begin_s, end_s, state in zip(times, [*times[1:], 2000.0], states, strict=True) if state)
    assert trace.energy_j["fan"] == pytest.approx(0.3 * on_s, rel=1e-9)


@pytest.mark.parametrize("governor", list(THROTTLING))
def test_the_result_does_not_depend_on_how_often_anybody_looks(governor: str) -> None:
    def run(period_s: float | None) -> Trace:
        scenario = synthetic.scenario({"a": {"arrival": {"kind": "poisson", "rate": "6 Hz"}}}, 40.0, thermal={"governor": governor})
        engine = synthetic.engine(scenario, _device(FAN, TRIPS), [synthetic.simple("a", "cpu", 0.15)])

        def look(_: Any) -> None:
            engine.board.heat.temperatures_c()
            engine.board.power.energies_j()
            engine.clock.at(engine.clock.now + period_s, OBSERVERS, look)  # type: ignore[operator]

        if period_s is not None:
            engine.clock.at(period_s, OBSERVERS, look)
        return engine.run()

    unseen = run(None)
    for period_s in (0.001, 1.0):
        seen = run(period_s)
        assert seen.totals["final_temperature_c"] == pytest.approx(unseen.totals["final_temperature_c"], abs=1e-9)
        assert seen.energy_j == pytest.approx(unseen.energy_j, rel=1e-9)
        assert seen.requests["end_s"] == pytest.approx(unseen.requests["end_s"], abs=1e-9)


@pytest.mark.parametrize("governor", list(THROTTLING))
@pytest.mark.parametrize("rate", ["0.05 Hz", "3 Hz", "20 Hz"])
def test_polls_that_are_left_out_change_nothing(governor: str, rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lean = _run(_device(FAN, TRIPS), 120.0, rate, thermal={"governor": governor})
    monkeypatch.setattr(Heat, "safe_s", lambda self, temperature_c: 0.0)
    monkeypatch.setattr(Heat, "time_to_reach", lambda self, node, temperature_c, power_w: 0.0)
    full = _run(_device(FAN, TRIPS), 120.0, rate, thermal={"governor": governor})
    assert full.totals["events"] >= lean.totals["events"]
    assert lean.totals["final_temperature_c"] == pytest.approx(full.totals["final_temperature_c"], abs=1e-9)
    for name in ("limit_hz.cpu", "fan_state"):
        for ours, theirs in zip(lean.counter(name), full.counter(name), strict=True):
            assert np.allclose(ours, theirs, rtol=0, atol=1e-9)


def test_energy_is_stored_or_rejected() -> None:
    """Sources = stored + rejected: what went to ambient is the integral of the case's excess over its resistance."""
    device = _device(leakage_w=0.0)
    trace = _run(device, 200.0)
    capacities = [float(node.heat_capacity_j_per_k) for node in device.thermal.nodes.values()]
    stored = float(np.dot(capacities, np.array(list(trace.totals["final_temperature_c"].values())) - 25.0))
    drawn = sum(trace.energy_j.values())
    long = _run(device, 40_000.0, "5 Hz")
    mean_w = sum(long.energy_j.values()) / 40_000.0
    assert 0 < stored < drawn
    assert long.totals["final_temperature_c"]["case"] == pytest.approx(25.0 + 5.0 * mean_w, abs=0.05)


def test_thermal_runaway_ends_the_run_with_its_node_and_gain_and_keeps_what_was_done() -> None:
    device = _device(leakage_w=1.5)
    trace, reference = (_run(device, 4000.0, "6 Hz", reference=reference) for reference in (False, True))
    found = trace.totals["runaway"]
    assert found["node"] == "cpu_die" and found["temperature_c"] > 150.0 and found["gain"] >= 1.0
    assert 1.0 < trace.end_s < 4000.0 and reference.end_s == pytest.approx(trace.end_s, rel=1e-3)
    requests = trace.requests.columns()
    assert (requests["status"] == Status.DONE).sum() > 0.9 * 6 * trace.end_s and requests["arrival_s"].max() <= trace.end_s
    assert trace.spans["end_s"].max() <= trace.end_s
    assert trace.energy_j["base"] == pytest.approx(0.1 * trace.end_s, rel=1e-12)
    assert trace.totals["final_temperature_c"]["cpu_die"] == pytest.approx(found["temperature_c"], rel=1e-9)


def test_a_run_that_cools_well_enough_does_not_run_away() -> None:
    assert "runaway" not in _run(_device(leakage_w=0.05), 100.0, "6 Hz").totals


def test_storage_draws_power_while_it_is_read() -> None:
    raw = synthetic.device(["cpu"]).model_dump(mode="python", by_alias=True)
    raw["storage"] |= {"read_power": "0.5 W", "idle": "10 mW"}
    models = {"a": {"source": "a", "load": "on_demand"}}
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}}, 2.0, models=models)
    trace = synthetic.run(scenario, DeviceSpec.model_validate(raw), [synthetic.simple("a", "cpu", 0.1, weights_bytes=20e6, load_s=0.3)])
    assert trace.energy_j["storage"] == pytest.approx(0.2 * 0.5 + 1.8 * 0.01, rel=1e-9)  # 20 MB at 100 MB/s; preparing the runtime reads nothing
    assert "storage" not in synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.1)]).energy_j


def test_a_cooling_variant_changes_links_capacities_and_fan() -> None:
    raw = _device(FAN, leakage_w=0.0).model_dump(mode="python", by_alias=True)
    raw["thermal"] |= {
        "default_cooling": "fan",
        "cooling": {"bare": {"links": [{"between": ["ambient", "case"], "resistance": "10 K/W"}], "heat_capacities": {"case": "4 J/K"}}},
    }
    device = DeviceSpec.model_validate(raw)
    assert device.thermal.coolings() == ("fan", "bare")
    bare, fan = (_run(device, 4000.0, "6 Hz", cooling=name) for name in ("bare", "fan"))
    mean_w = sum(bare.energy_j.values()) / 4000.0
    assert bare.totals["final_temperature_c"]["case"] == pytest.approx(25.0 + 10.0 * mean_w, abs=0.5)
    assert "fan" in fan.energy_j and "fan" not in bare.energy_j
    assert _run(device, cooling="fan").energy_j == _run(device).energy_j
