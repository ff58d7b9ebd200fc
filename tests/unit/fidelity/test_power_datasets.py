"""Board energies and powers per operating point: closed forms of what the simulator draws, and honest regimes."""

from __future__ import annotations

import numpy as np
import pytest

from device_models.compute import kernel_seconds, max_frequency_hz
from sim.fidelity.bare_devices import rows
from sim.fidelity.board_speed import fit_times, parts_s, with_times
from sim.fidelity.datasets import board_energy, opp_power
from sim.fidelity.datasets.board_energy import Powers, macs_of, with_powers
from sim.fidelity.given import with_latency
from sim.fidelity.predict import compiled, predict
from sim.scenario.model import ModelUse

CASES = board_energy.DATASET.cases()


def test_every_row_is_a_case_and_those_of_a_known_engine_twice() -> None:
    known = len(rows("board_energy.csv"))
    again = [case for case in CASES if case.latency_s is None]
    assert known == 939 and len(CASES) == known + len(again)
    assert {case.group for case in again} == {"TFLite, CPU, timed"}
    assert {case.family for case in CASES} == {"mobilenet_v1", "mobilenet_v2", "mobilenet_v3", "efficientnet", "resnet"}
    assert len({case.device for case in CASES}) == 15
    assert all(case.measured > 0 and case.source for case in CASES)


@pytest.mark.parametrize("position", [0, 1, 400, 700])
def test_energy_is_power_times_the_known_latency_and_an_energy_each_operation(position: int) -> None:
    case = CASES[position]
    assert case.latency_s is not None
    floats, integers = macs_of(case.line)
    powers = Powers(float(case.spec.base_w) + 2.5, 1.5e-10, 4e-11)
    expected = powers.running_w * case.latency_s + floats * powers.float_j + integers * powers.integer_j
    assert floats + integers > 0
    assert predict(case, with_powers(case, powers)) == pytest.approx(expected, rel=0.01)


def test_a_program_stretched_to_a_latency_keeps_its_bytes() -> None:
    case = CASES[0]
    program = compiled(ModelUse.model_validate(dict(case.use)), case.spec)
    longer = with_latency(program, case.spec, 0.5)
    seconds = sum(segment.entry_s + kernel_seconds(segment.costs, max_frequency_hz(case.spec, segment.unit)).sum() for segment in longer.segments)
    assert seconds == pytest.approx(0.5)
    assert [segment.costs.dram_bytes.sum() for segment in longer.segments] == [segment.costs.dram_bytes.sum() for segment in program.segments]


def test_no_regime_but_in_sample_learns_from_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[int, ...]] = []

    def record(lines: tuple[int, ...]) -> Powers:
        used.append(lines)
        return Powers(5.0, 1e-10, 1e-10)

    monkeypatch.setattr(board_energy, "_fit", record)
    monkeypatch.setattr(board_energy, "_few", lambda system, lines: record(lines))
    monkeypatch.setattr(board_energy, "_times", lambda lines: used.append(lines) or np.ones(3))
    by_line = {case.line: case for case in CASES}
    for case in CASES[::40]:
        for regime, most in (("leave-family-out", 1000), ("k-shot", 3)):
            used.clear()
            board_energy.DATASET.devices([case], regime)  # type: ignore[arg-type]
            assert used
            for lines in used:
                learnt = [by_line[line] for line in lines]
                assert len(learnt) <= most
                assert all(other.family != case.family and other.device == case.device for other in learnt)


def test_speed_factors_of_a_made_up_board_are_found() -> None:
    timed = [case for case in CASES if case.latency_s is None and case.device.startswith("odroid") and case.kind == "float"]
    parts = [board_energy._parts(case.line) for case in timed]
    made = [float(part @ [1.5, 0.7, 1.2]) for part in parts]
    found = fit_times(parts, made)
    errors = np.abs(np.array([part @ found for part in parts]) / made - 1)  # the pull to a common factor leaves a little
    assert errors.mean() < 0.05 and errors.max() < 0.15
    case = timed[0]
    unit = with_times(case.spec.units["cpu"], int(case.use["threads"]), np.array([1.5, 0.7, 1.2]))
    device = case.spec.model_copy(update={"units": {**case.spec.units, "cpu": unit}})
    slower = parts_s(compiled(ModelUse.model_validate(dict(case.use)), device), device)
    assert slower == pytest.approx(parts[0] * [1.5, 0.7, 1.2], rel=0.02)


def test_power_at_an_operating_point_is_capacitance_leakage_and_base() -> None:
    cases = opp_power.DATASET.cases()
    assert len(cases) == 42 and {case.unit for case in cases} == {"cpu_little", "cpu_mid", "cpu_big"}
    for case, device in list(zip(cases, opp_power.DATASET.devices(cases, "in-sample"), strict=True))[::9]:
        assert device is not None
        frequency, voltage, _ = opp_power._point(case)
        power, highest = device.units[case.unit].power, float(device.domains[case.unit].operating_points[-1].voltage_v or 1.0)
        expected = float(power.dynamic_capacitance_f) * voltage**2 * frequency + float(power.leakage_w) * voltage / highest + float(device.base_w)
        assert predict(case, device) == pytest.approx(expected, rel=0.02)
