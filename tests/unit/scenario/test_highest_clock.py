"""``units.NAME.frequency``: the highest clock of a unit, within its points and beyond."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import load_scenario
from sim.errors import EdgesimError
from sim.scenario.highest_clock import capped

POINTS = [(1e9, 0.6), (2e9, 0.8), (3e9, 1.0)]


@pytest.mark.parametrize(
    ("highest_hz", "expected"),
    [
        (3e9, POINTS),
        (2e9, POINTS[:2]),
        (2.5e9, [*POINTS[:2], (2.5e9, 0.9)]),
        (0.5e9, [(0.5e9, 0.6)]),
        (6e9, [(2e9, 0.6), (4e9, 0.8), (6e9, 1.0)]),
    ],
)
def test_points_with_another_highest_clock(highest_hz, expected):
    assert capped(POINTS, highest_hz) == [pytest.approx(point) for point in expected]


@given(st.floats(1e8, 1e10))
def test_points_keep_ascending_and_end_where_asked(highest_hz):
    found = capped(POINTS, highest_hz)
    assert found[-1][0] == pytest.approx(highest_hz)
    assert all(left[0] < right[0] and left[1] <= right[1] for left, right in itertools.pairwise(found))
    assert 0.6 <= found[-1][1] <= 1.0


def scenario(**units: str) -> dict:
    device = {"base": "snapdragon_8_gen_2_phone", "units": {name: {"frequency": value} for name, value in units.items()}}
    return {
        "name": "s",
        "device": device,
        "duration": "1 s",
        "models": {"net": {"source": "mobilenet_v2", "precision": "int8"}},
        "workloads": {"w": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": [{"model": "net"}]}},
    }


def test_it_is_a_field_of_the_scenario_and_of_an_override():
    written = load_scenario(scenario(npu="1 GHz"))
    plain = {**scenario(), "device": "snapdragon_8_gen_2_phone"}
    changed = load_scenario(plain, overrides=["device.units.npu.frequency=1 GHz"])
    for loaded in (written, changed):
        domain = loaded.device.domains[loaded.device.units["npu"].domain]
        assert domain.operating_points[-1].frequency_hz == 1e9
        assert 0.65 < domain.operating_points[-1].voltage_v < 0.7  # between the points at 952 and 1172 MHz
        assert len(domain.operating_points) == 4


@pytest.mark.parametrize("value", ["0 Hz", "-1 GHz", "1 W", "fast", "[1]", "nan GHz"])
def test_what_is_no_clock_is_told_at_its_place(value):
    with pytest.raises(EdgesimError) as caught:
        load_scenario({**scenario(), "device": "snapdragon_8_gen_2_phone"}, overrides=[f"device.units.npu.frequency={value}"])
    assert all("device.units.npu.frequency" in (problem.file + problem.path) for problem in caught.value.problems)


def test_units_of_one_domain_cannot_be_clocked_apart():
    device = load_scenario({**scenario(), "device": "snapdragon_8_gen_2_phone"}).device
    text = {**scenario(npu="1 GHz", gpu="500 MHz")}
    text["device"]["units"]["gpu"]["domain"] = device.units["npu"].domain
    with pytest.raises(EdgesimError, match="clocks other units too"):
        load_scenario(text)
