"""The battery in a run: when it ends, what is done until then, and that looking at it changes nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic

from device_models.battery import YEAR_S, battery_law
from device_models.spec import BatterySpec, DeviceSpec
from sim.runtime.engine import Engine
from sim.trace import Status, Trace

IDLE_W = 0.01 + 0.02 + 0.1  # unit, memory and base of the synthetic device
BUSY_W = 1.12  # 1 W at 1 GHz and 1 V in place of the unit's 10 mW
TABLE = {"table": [["0 %", "3.0 V"], ["20 %", "3.5 V"], ["100 %", "4.1 V"]]}


def device(**battery: Any) -> DeviceSpec:
    spec = {"capacity": "1 mAh", "nominal_voltage": "3.6 V", **battery}
    return synthetic.device(["cpu"], leakage_w=0.0).model_copy(update={"battery": BatterySpec.model_validate(spec)})


def run(on: DeviceSpec, duration_s: float, *, busy_s: float = 0.02, rate: str = "10 Hz", reference: bool = False, **more: Any) -> Trace:
    workloads = {"net": {"arrival": {"kind": "periodic", "rate": rate}, "deadline": "1 s"}}
    return synthetic.run(synthetic.scenario(workloads, duration_s, **more), on, [synthetic.simple("net", "cpu", busy_s, kernels=4)], reference)


def energy_until(time_s: float, busy_s: float = 0.02, period_s: float = 0.1) -> float:
    periods, rest = divmod(time_s, period_s)
    return IDLE_W * time_s + (BUSY_W - IDLE_W) * (periods * busy_s + min(rest, busy_s))


@pytest.mark.parametrize("reference", [False, True])
def test_the_run_ends_when_an_ideal_battery_has_given_its_energy(reference: bool) -> None:
    trace = run(device(), 100.0, reference=reference)
    battery = trace.totals["battery"]
    assert battery["ended"] == "empty" and battery["final"] == pytest.approx(0.0, abs=1e-9)
    assert trace.end_s < 100.0
    assert sum(trace.energy_j.values()) == pytest.approx(3.6 * 3.6, rel=1e-9)
    assert energy_until(trace.end_s) == pytest.approx(3.6 * 3.6, rel=1e-9)
    assert battery["life_s"] == trace.end_s and battery["left_s"] == 0.0
    assert battery["out_c"] == pytest.approx(3.6, rel=1e-9)


def test_what_runs_at_the_end_is_unfinished_and_what_was_done_counts() -> None:
    trace = run(device(capacity="3 mAh"), 1000.0, busy_s=0.95, rate="1 Hz")
    status = trace.requests["status"]
    assert (status[:-1] == Status.DONE).all() and status[-1] == Status.UNFINISHED
    assert trace.requests["end_s"][-1] == trace.end_s == trace.spans["end_s"].max()
    assert len(status) == math.ceil(trace.end_s)
    assert len(trace.spans) and trace.totals["busy_s"]["cpu"] == pytest.approx(float((trace.spans["end_s"] - trace.spans["start_s"]).sum()))


def test_the_state_of_charge_follows_the_energy_of_a_battery_with_resistance() -> None:
    """Chemical energy lost = energy drawn + I^2 R of each power, at nearly constant voltage worked out on paper."""
    on = device(capacity="1 Ah", open_circuit_voltage=TABLE, resistance="300 mohm", cutoff_voltage="3 V")
    trace = run(on, 100.0, battery={"initial": "60 %"})
    law = battery_law(on.battery)
    spent_j = law.energy_j(law.charged(0.6)) - law.energy_j(law.charged(trace.totals["battery"]["final"]))
    loss_j = 0.0
    for power_w, seconds in ((BUSY_W, 20.0), (IDLE_W, 80.0)):
        current = float(law.current_a(np.array(0.6 * 3600.0), np.array([power_w]))[0])  # type: ignore[attr-defined]
        loss_j += current**2 * 0.3 * seconds
    assert spent_j - sum(trace.energy_j.values()) == pytest.approx(loss_j, rel=2e-3)
    busy_v = law.terminal_v(law.charged(0.6), BUSY_W)
    assert trace.totals["battery"]["lowest_v"] == pytest.approx(busy_v, abs=5e-3)


def test_a_peak_the_battery_cannot_carry_ends_the_run_as_it_comes() -> None:
    on = device(capacity="1 Ah", open_circuit_voltage=TABLE, resistance="500 mohm", cutoff_voltage="3.2 V")
    trace = run(on, 10.0, battery={"initial": "45 %"}, busy_s=0.5, rate="1 Hz")
    assert trace.totals["battery"]["ended"] == "" and trace.end_s == 10.0
    weak = run(on, 10.0, battery={"initial": "14 %"}, busy_s=0.5, rate="1 Hz")
    assert weak.totals["battery"]["ended"] == "cut-off"
    assert weak.end_s == 0.0  # the very first load is too much


def test_looking_more_often_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    on = device(capacity="20 mAh", open_circuit_voltage=TABLE, resistance="300 mohm", cutoff_voltage="3 V", self_discharge="500 %")
    rarely = run(on, 100.0)
    monkeypatch.setitem(Engine.__init__.__kwdefaults__, "power_rows", 3_000)
    monkeypatch.setattr("sim.runtime.battery._AT_ONCE", 7)
    often = run(on, 100.0)
    assert often.totals["battery"]["final"] == pytest.approx(rarely.totals["battery"]["final"], rel=1e-11)
    assert often.totals["battery"]["life_s"] == pytest.approx(rarely.totals["battery"]["life_s"], rel=1e-9)
    longer = run(on, 1500.0)
    monkeypatch.undo()
    again = run(on, 1500.0)
    assert longer.end_s == pytest.approx(again.end_s, rel=1e-9) and again.end_s < 1500.0


def test_the_predicted_life_is_the_life() -> None:
    on = device(capacity="20 mAh", open_circuit_voltage=TABLE, resistance="300 mohm", cutoff_voltage="3.1 V")
    predicted = run(on, 10.0).totals["battery"]["life_s"]
    assert run(on, 2000.0).end_s == pytest.approx(predicted, rel=1e-3)
    left = run(on, 200.0).totals["battery"]["left_s"]
    assert 200.0 + left == pytest.approx(predicted, rel=1e-6)


def test_years_on_a_coin_cell_need_no_years_of_events() -> None:
    """A minute of a regime says how long it lasts: self-discharge takes its share, and the peaks find the cut-off."""
    quiet = synthetic.device(["cpu"], leakage_w=0.0, base_power="10 uW")
    cell = BatterySpec.model_validate({"cell": "cr2032"})
    quiet = quiet.model_copy(update={"memory": quiet.memory.model_copy(update={"idle_w": 0.0}), "battery": cell})
    unit = quiet.units["cpu"]
    small = unit.model_copy(update={"power": unit.power.model_copy(update={"idle_w": 0.0, "dynamic_capacitance_f": 2e-11})})
    quiet = quiet.model_copy(update={"units": {"cpu": small}})
    battery = run(quiet, 60.0, busy_s=0.005, rate="1 Hz").totals["battery"]
    mean_w = 10e-6 + 0.02 * 0.005
    simple_s = 0.225 * 3600 * 2.9 / mean_w
    assert 0.5 * simple_s < battery["life_s"] < simple_s
    assert battery["life_s"] > 0.15 * YEAR_S
    assert battery["ended"] == ""


def test_a_charger_feeds_the_device_first_and_tapers() -> None:
    on = device(capacity="20 mAh", open_circuit_voltage=TABLE, resistance="300 mohm")
    trace = run(on, 400.0, battery={"initial": "50 %"}, charging={"kind": "usb", "power": "1 W"})
    battery = trace.totals["battery"]
    assert 0.9 < battery["final"] < 1.0
    assert battery["in_c"] - battery["out_c"] == pytest.approx((battery["final"] - 0.5) * 72.0, rel=1e-9)
    assert battery["out_c"] > 0  # while the unit runs it takes more than 1 W
    times, soc = trace.counter("battery_soc")
    assert soc[0] == 0.5 and (np.diff(times) > 0).all()


def test_the_charger_is_unplugged_in_time() -> None:
    on = device(capacity="20 mAh")
    trace = run(on, 1000.0, battery={"initial": "10 %"}, charging={"kind": "usb", "power": "2 W", "plugged": "5 s", "unplugged": "25 s"})
    given_j = 0.1 * 72 * 3.6 + 2.0 * 20.0
    assert trace.totals["battery"]["ended"] == "empty"
    assert energy_until(trace.end_s) == pytest.approx(given_j, rel=1e-9)


def test_a_profile_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("time_s,power_w\n0,0\n10,3\n20,0\n")
    on = device(capacity="20 mAh")
    workloads = {"net": {"arrival": {"kind": "periodic", "rate": "10 Hz"}}}
    for loop, given_s in ((False, 10.0), (True, 50.0)):
        scenario = synthetic.scenario(workloads, 100.0, battery={"initial": "20 %"}, charging={"kind": "profile", "file": "sun.csv", "loop": loop})
        engine = synthetic.engine(scenario, on, [synthetic.simple("net", "cpu", 0.02)])
        engine.directory = tmp_path
        engine.battery._supply = scenario.charging.steps(tmp_path)  # type: ignore[union-attr]
        battery = engine.run().totals["battery"]
        assert battery["final"] == pytest.approx(0.2 + (3.0 * given_s - energy_until(100.0)) / 3.6 / 72.0, rel=1e-9)


def test_without_a_battery_there_is_nothing() -> None:
    trace = run(synthetic.device(["cpu"]), 1.0)
    assert "battery" not in trace.totals and not [name for name in trace.counters if name.startswith("battery")]
