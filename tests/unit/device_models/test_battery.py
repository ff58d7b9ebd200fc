"""Battery laws against closed forms, scipy's integrators, and the conservation of charge and energy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.integrate import quad, solve_ivp

from device_models.battery import CUT_OFF, EMPTY, YEAR_S, BatteryLaw, battery_law
from device_models.battery_kinetic import KineticLaw
from device_models.battery_voltage import OpenCircuitLaw
from device_models.catalog.batteries import cell_data, cell_names
from device_models.catalog.catalog import device_names, load_device, sources
from device_models.figure import PROVENANCES
from device_models.provenance import figures
from device_models.spec import BatterySpec

TABLE = [["0 %", "3.2 V"], ["10 %", "3.6 V"], ["50 %", "3.75 V"], ["100 %", "4.2 V"]]


def law(**more: Any) -> Any:
    return battery_law(BatterySpec.model_validate({"capacity": "1000 mAh", "nominal_voltage": "3.6 V", **more}))


def curved(**more: Any) -> OpenCircuitLaw:
    return law(**{"open_circuit_voltage": {"table": TABLE}, "resistance": "100 mohm", "cutoff_voltage": "3 V", **more})


def run(battery: BatteryLaw, state: tuple[float, ...], *pieces: tuple[float, float]) -> tuple[float, ...]:
    """After pieces (seconds, watts), one by one."""
    for seconds, power_w in pieces:
        state = battery.after(state, np.array([seconds]), np.array([power_w])).state
    return state


def test_a_constant_load_empties_an_ideal_battery_at_the_exact_second() -> None:
    battery = law()
    assert battery.energy_j(battery.charged(1.0)) == 3600 * 3.6
    assert battery.end_after_s(battery.charged(1.0), 3.6) == pytest.approx(3600.0, rel=1e-15)
    assert run(battery, battery.charged(1.0), (1800.0, 3.6))[0] == pytest.approx(1800.0, rel=1e-14)
    assert run(battery, battery.charged(1.0), (1e9, 3.6)) == (0.0,)
    assert battery.end_reason((0.0,)) == EMPTY
    assert battery.end_after_s(battery.charged(1.0), 0.0) == math.inf


@pytest.mark.parametrize("power_w", [0.01, 0.5, 4.0, 12.0])
def test_time_between_two_voltages_at_constant_power_is_the_closed_form(power_w: float) -> None:
    """For a straight open-circuit line V = a + b q: t = (G(V0) - G(V1)) / b with G = (V^2 + V s - 4RP ln(V + s)) / 4P, s = sqrt(V^2 - 4RP)."""
    battery = law(open_circuit_voltage={"table": [["0 %", "3.2 V"], ["100 %", "4.2 V"]]}, resistance="150 mohm")

    def antiderivative(volts: float) -> float:
        root = math.sqrt(volts**2 - 4 * 0.15 * power_w)
        return (volts**2 + volts * root - 4 * 0.15 * power_w * math.log(volts + root)) / (4 * power_w)

    expected = (antiderivative(4.2) - antiderivative(3.2)) / (1.0 / 3600.0)
    assert battery.end_after_s(battery.charged(1.0), power_w) == pytest.approx(expected, rel=1e-12)
    half = run(battery, battery.charged(1.0), (0.5 * expected, power_w))
    assert (antiderivative(4.2) - antiderivative(3.2 + half[0] / 3600.0)) * 3600.0 == pytest.approx(0.5 * expected, rel=1e-11)


def test_a_load_near_the_most_the_battery_can_give_ends_when_the_voltage_has_halved() -> None:
    """P = V^2 / 4R at the end; the last current is singular, and the time still agrees with the closed form."""
    battery = law(open_circuit_voltage={"table": [["0 %", "3.2 V"], ["100 %", "4.2 V"]]}, resistance="1 ohm")
    power_w = 3.7**2 / 4.0
    product = 4 * power_w
    full = math.sqrt(4.2**2 - product)
    expected = 3600 * ((4.2**2 + 4.2 * full - product * math.log(4.2 + full)) - (3.7**2 - product * math.log(3.7))) / (4 * power_w)
    assert battery.end_after_s(battery.charged(1.0), power_w) == pytest.approx(expected, rel=1e-12)
    assert battery.terminal_v((1800.0,), power_w) == pytest.approx(1.85, rel=1e-9)


@pytest.mark.parametrize("more", [{}, {"self_discharge": "500 %"}, {"peukert_exponent": 1.2, "rated_discharge": "20 h"}])
def test_discharge_agrees_with_an_integrator(more: dict[str, Any]) -> None:
    battery = curved(**more)
    powers = [(400.0, 2.0), (100.0, 7.0), (600.0, 0.0), (900.0, 4.0)]
    charge = 3600.0
    for seconds, power_w in powers:
        found = solve_ivp(lambda _, q, p=power_w: battery.rate_a(q, np.array([p])), (0, seconds), [charge], rtol=1e-11, atol=1e-10, max_step=5.0)
        charge = float(found.y[0, -1])
    assert run(battery, (3600.0,), *powers)[0] == pytest.approx(charge, rel=1e-8)


def test_peukerts_law() -> None:
    """t = H (C / I H)^k at currents above the rated one; below it the rated capacity is what there is."""
    battery = law(peukert_exponent=1.15, rated_discharge="20 h")
    for current in (0.05, 0.2, 1.0, 3.0):
        expected_h = 20.0 * (1.0 / (current * 20.0)) ** 1.15
        assert battery.end_after_s((3600.0,), current * 3.6) == pytest.approx(expected_h * 3600, rel=1e-12)
    assert battery.end_after_s((3600.0,), 0.01 * 3.6) == pytest.approx(100 * 3600, rel=1e-12)


def test_self_discharge_alone_empties_the_battery() -> None:
    assert law(self_discharge="50 %").end_after_s((3600.0,), 0.0) == pytest.approx(2 * YEAR_S, rel=1e-12)


def test_the_cut_off_ends_it_with_charge_left() -> None:
    battery = curved(cutoff_voltage="3.5 V", resistance="200 mohm")
    state = battery.charged(1.0)
    end_s = battery.end_after_s(state, 5.0)
    before = run(battery, state, (end_s * (1 - 1e-9), 5.0))
    assert battery.terminal_v(before, 5.0) == pytest.approx(3.5, abs=1e-6)
    assert battery.end_after_s(before, 5.0) == pytest.approx(1e-9 * end_s, rel=1e-3)
    after = run(battery, state, (2 * end_s, 5.0))
    assert battery.end_reason(after) == CUT_OFF and after[0] > 0.1 * 3600
    assert battery.end_after_s(battery.charged(0.2), 30.0) == 0.0
    assert battery.end_after_s(after, 0.5) > 0.0  # a lighter load can still be carried


def test_charging_holds_power_then_voltage() -> None:
    battery = curved()
    charge = 360.0
    found = solve_ivp(lambda _, q: battery.rate_a(q, np.array([-5.0])), (0, 4000.0), [charge], rtol=1e-11, atol=1e-10, max_step=2.0, dense_output=True)
    for seconds in (1.0, 700.0, 2500.0, 3500.0, 4000.0):
        state = run(battery, (charge,), (seconds, -5.0))
        assert state[0] == pytest.approx(float(found.sol(seconds)[0]), rel=1e-8)
        assert battery.terminal_v(state, -5.0) <= 4.2 + 1e-12
    assert run(battery, (charge,), (1e7, -5.0))[0] == pytest.approx(3600.0, rel=1e-9)


def test_the_taper_is_exponential() -> None:
    battery = law(open_circuit_voltage={"table": [["0 %", "3.2 V"], ["100 %", "4.2 V"]]}, resistance="500 mohm")
    start = 3500.0  # so near the end that 10 W would lift the terminals above 4.2 V
    found = run(battery, (start,), (1000.0, -10.0))
    assert 3600.0 - found[0] == pytest.approx(100.0 * math.exp(-1000.0 / 3600.0 / 0.5), rel=1e-12)


def test_charging_respects_the_largest_current() -> None:
    battery = curved(charge_current="500 mA")
    assert run(battery, (500.0,), (1000.0, -50.0))[0] == pytest.approx(1000.0, rel=1e-12)
    ideal = law()
    assert run(ideal, (0.0,), (1800.0, -3.6))[0] == pytest.approx(1800.0, rel=1e-12)
    assert run(ideal, (0.0,), (5000.0, -3.6))[0] == 3600.0


@pytest.mark.parametrize("steps", [7, 1000, 3000])
def test_how_often_one_looks_changes_nothing(steps: int) -> None:
    for battery in (curved(self_discharge="20 %"), law(), law(kinetic={"available": 0.6, "rate": "4e-5 /s"})):
        state = battery.charged(0.9)
        pieces = np.full(steps, 3000.0 / steps)
        at_once = battery.after(state, np.array([3000.0]), np.array([3.0]))
        often = battery.after(state, pieces, np.full(steps, 3.0))
        assert often.state == pytest.approx(at_once.state, rel=1e-11)
        assert often.out_c == pytest.approx(at_once.out_c, rel=1e-11)
        one_by_one = run(battery, state, *[(3000.0 / steps, 3.0)] * min(steps, 1000))
        if steps <= 1000:
            assert one_by_one == pytest.approx(at_once.state, rel=1e-11)


def test_many_short_pieces_equal_the_same_pieces_one_by_one() -> None:
    rng = np.random.default_rng(3)
    battery = curved(peukert_exponent=1.05, rated_discharge="5 h")
    seconds, powers = rng.uniform(1e-4, 2e-3, 2000), rng.uniform(-2.0, 6.0, 2000)
    at_once = battery.after((1700.0,), seconds, powers)
    assert at_once.state == pytest.approx(run(battery, (1700.0,), *zip(seconds.tolist(), powers.tolist(), strict=True)), rel=1e-13)
    assert at_once.in_c - at_once.out_c == pytest.approx(at_once.state[0] - 1700.0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 400.0), st.floats(-4.0, 5.0)), min_size=1, max_size=5),
    st.floats(0.3, 0.95),
    st.sampled_from(["0 ohm", "60 mohm", "250 mohm"]),
)
def test_charge_and_energy_are_conserved(pieces: list[tuple[float, float]], share: float, resistance: str) -> None:
    """Charge: what leaves and enters is the change of the state. Energy: chemical = delivered + I^2 R, each integrated by scipy."""
    battery = curved(resistance=resistance)
    state = battery.charged(share)
    for seconds, power_w in pieces:
        if seconds >= battery.end_after_s(state, power_w):
            break
        flow = battery.after(state, np.array([seconds]), np.array([power_w]))
        assert flow.in_c - flow.out_c == pytest.approx(flow.state[0] - state[0], abs=1e-9)

        def current(at_s: float, start: tuple[float, ...] = state, watts: float = power_w) -> float:
            return float(battery.current_a(np.array(run(battery, start, (at_s, watts))), np.array([watts]))[0])

        def delivered(at_s: float, start: tuple[float, ...] = state, watts: float = power_w) -> float:
            return battery.terminal_v(run(battery, start, (at_s, watts)), watts) * current(at_s, start, watts)

        if abs(power_w) > 1e-6 and flow.state[0] < battery.capacity_c:  # at the terminals: what was accepted while charging, what was drawn otherwise
            delivered_j, _ = quad(delivered, 0, seconds, limit=200, epsrel=1e-9)
            loss_j, _ = quad(lambda t, now=current: now(t) ** 2 * battery.resistance_ohm, 0, seconds, limit=200, epsrel=1e-9)
            if power_w > 0:
                assert delivered_j == pytest.approx(power_w * seconds, rel=1e-9)
            chemical_j = battery.energy_j(state) - battery.energy_j(flow.state)
            assert chemical_j == pytest.approx(delivered_j + loss_j, rel=1e-6, abs=1e-6)
        state = flow.state


def test_a_regime_ends_at_the_power_it_cannot_carry() -> None:
    """Peaks of 4 W for 1 % of the time: they find the cut-off first; until then the mean of the currents drains it."""
    battery = curved(cutoff_voltage="3.5 V", resistance="200 mohm")
    regime_s = battery.life_s((3600.0,), np.array([0.99, 0.01]), np.array([0.1, 4.0]))
    floor = battery.floor_c(4.0)
    assert battery.terminal_v((floor,), 4.0) == pytest.approx(3.5, rel=1e-12)

    def slowness(charge: float) -> float:
        current = battery.current_a(np.array(charge), np.array([0.1, 4.0]))
        return float(1.0 / (0.99 * current[0] + 0.01 * current[1]))

    expected, _ = quad(slowness, floor, 3600.0, points=[360.0, 1800.0], epsrel=1e-12)
    assert regime_s == pytest.approx(expected, rel=1e-10)
    state, period = (3600.0,), 1.0
    seconds, powers = np.tile([0.99 * period, 0.01 * period], 2000), np.tile([0.1, 4.0], 2000)
    after = battery.after(state, seconds, powers).state
    assert 2000.0 + battery.life_s(after, seconds, powers) == pytest.approx(regime_s, rel=1e-6)


KINETIC: dict[str, Any] = {"kinetic": {"available": 0.55, "rate": "2e-4 /s"}}


def test_two_wells_agree_with_an_integrator() -> None:
    battery = law(**KINETIC, resistance="80 mohm", self_discharge="100 %")
    assert isinstance(battery, KineticLaw)
    pieces = [(300.0, 5.0), (500.0, 0.0), (200.0, 3.0)]
    wells = np.array([0.55 * 3600, 0.45 * 3600])
    for seconds, power_w in pieces:
        current = float(battery.current_a(np.array([power_w]))[0]) + battery.leak_a

        def flow(_: float, q: np.ndarray, drawn: float = current) -> list[float]:
            across = 2e-4 * (q[1] / 0.45 - q[0] / 0.55)
            return [-drawn + across, -across]

        wells = solve_ivp(flow, (0, seconds), wells, rtol=1e-12, atol=1e-10).y[:, -1]
    state = run(battery, battery.charged(1.0), *pieces)
    assert battery.available_c(state) == pytest.approx(wells[0], rel=1e-9)
    assert state[0] == pytest.approx(wells.sum(), rel=1e-9)
    end_s = battery.end_after_s(state, 6.0)
    assert battery.available_c(run(battery, state, (end_s, 6.0))) == pytest.approx(0.0, abs=1e-6)
    assert battery.end_reason(run(battery, state, (end_s, 6.0))) == EMPTY
    assert battery.end_after_s(state, 1e3) == 0.0


def test_two_wells_recover_in_a_pause() -> None:
    battery = law(**KINETIC)
    tired = run(battery, battery.charged(1.0), (1500.0, 3.6))
    rested = run(battery, tired, (3000.0, 0.0))
    assert battery.available_c(rested) > 1.2 * battery.available_c(tired)
    assert battery.end_after_s(battery.charged(1.0), 10.0) * 10.0 < 0.95 * battery.end_after_s(battery.charged(1.0), 1.0)
    with pytest.raises(ValueError, match="cannot be charged"):
        battery.after(tired, np.array([1.0]), np.array([-1.0]))


def test_two_wells_lives_by_the_mean_current() -> None:
    battery = law(**KINETIC)
    assert battery.life_s((3600.0, 0.0), np.array([0.9, 0.1]), np.array([0.0, 3.6])) == pytest.approx(battery.end_after_s((3600.0, 0.0), 0.36), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"resistance": "-1 ohm"}, "resistance", "at least 0 ohm"),
        ({"cutoff_voltage": "4.2 V"}, "cutoff_voltage", "not below"),
        ({"capacity": "0 mAh"}, "capacity", "more than 0"),
        ({"cell": "aa"}, "cell", "unknown cell 'aa'"),
        ({"open_circuit_voltage": {"table": [["0 %", "3 V"], ["60 %", "3.5 V"], ["40 %", "3.8 V"]]}}, "open_circuit_voltage", "end at 100 %"),
        ({"open_circuit_voltage": {"table": [*TABLE[:3], ["45 %", "3.8 V"], TABLE[3]]}}, "open_circuit_voltage", "charge must ascend"),
        ({"open_circuit_voltage": {"table": [["0 %", "3 V"], ["60 %", "3.9 V"], ["100 %", "3.8 V"]]}}, "open_circuit_voltage", "must not fall"),
        ({"open_circuit_voltage": {"table": [["10 %", "3 V"], ["100 %", "3.8 V"]]}}, "open_circuit_voltage", "begin at 0 %"),
        ({"open_circuit_voltage": {"table": [["10 %"]]}}, "open_circuit_voltage", "rows"),
        ({"open_circuit_voltage": {"table": [], "origin": 1}}, "open_circuit_voltage", "got also origin"),
        ({"kinetic": {"available": 0.5, "rate": "1e-4 /s"}, "open_circuit_voltage": {"table": TABLE}}, "kinetic", "one open-circuit voltage"),
        ({"kinetic": {"available": 0.5, "rate": "1e-4 /s"}, "peukert_exponent": 1.2}, "kinetic", "same loss"),
        ({"peukert_exponent": 0.9}, "peukert_exponent", "at least 1"),
    ],
)
def test_mistakes_name_their_field(change: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BatterySpec.model_validate({"capacity": "1 Ah", "nominal_voltage": "3.7 V", **change})
    error = caught.value.errors()[0]
    assert error["loc"][0] == where and what in error["msg"]


@pytest.mark.parametrize("name", cell_names())
def test_cells_of_the_catalogue_have_sources_and_last(name: str) -> None:
    spec = BatterySpec.model_validate({"cell": name})
    for row in figures(spec):
        assert row.source in sources() and row.kind in PROVENANCES and row.kind != "given", row
        assert row.kind != "estimated" or row.note, row
    battery = battery_law(spec)
    fifth_hour_w = battery.energy_j(battery.charged(1.0)) / 5.0 / 3600.0
    if name != "cr2032":  # which is not for such currents
        assert 0.5 * 5 * 3600 < battery.end_after_s(battery.charged(1.0), fifth_hour_w) <= 5 * 3600
    assert BatterySpec.model_validate({"cell": name, "capacity": "1 Ah"}).capacity_c == 3600.0
    assert cell_data(name) is not cell_data(name)


def test_cells_from_device_trees_are_the_published_tables(shared: Path) -> None:
    facts = yaml.safe_load((shared / "facts" / "battery.yaml").read_text())["ocv_R_tables"]
    published = [(tuple(sorted((percent, round(volts / 1e6, 6)) for volts, percent in cell["ocv_uV_by_pct"])), cell) for cell in facts.values()]
    compared = 0
    for name in cell_names():
        spec = BatterySpec.model_validate({"cell": name})
        if spec.open_circuit[0].voltage_v.source == "dt_batteries":
            table = tuple((round(100 * float(point.charge)), round(float(point.voltage_v), 6)) for point in spec.open_circuit)
            if spec.open_circuit[0].voltage_v.kind == "estimated":  # another cell's
                assert any(points == table for points, _ in published), name
                continue
            same = [cell for points, cell in published if points == table and cell["capacity_uAh"] * 3600e-6 == pytest.approx(float(spec.capacity_c))]
            assert any(not cell["R_uohm"] or cell["R_uohm"] * 1e-6 == pytest.approx(float(spec.resistance_ohm)) for cell in same), name
            compared += 1
    assert compared >= 9


@pytest.mark.parametrize("name", [name for name in device_names() if load_device(name).category == "phone"])
def test_phones_have_the_voltages_of_a_cell_of_their_chemistry_marked_as_anothers(name: str) -> None:
    battery = load_device(name).battery
    assert battery is not None and battery.cell == "phone_typical" and float(battery.capacity_c) >= 4000e-3 * 3600
    assert battery.open_circuit == BatterySpec.model_validate({"cell": "phone_typical"}).open_circuit
    assert {point.voltage_v.kind for point in battery.open_circuit} == {battery.resistance_ohm.kind} == {"estimated"}
    full_w = battery_law(battery).end_after_s(battery_law(battery).charged(1.0), 10.0)
    assert 1.0 < full_w / 3600 < 3.0, "hours at 10 W"
