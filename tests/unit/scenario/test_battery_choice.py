"""The battery and charging of a scenario: what they come to, and mistakes at their place."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.experiment.simulate import prepare, simulate
from sim.report.battery_section import duration
from sim.report.scenario_yaml import scenario_text
from sim.scenario.charging import ChargingProfile, Solar, Usb
from sim.scenario.loading import load_scenario

HEAD = """name: test
device: {device}
duration: 10 s
workloads:
  a: {{arrival: {{kind: periodic, rate: 1 Hz}}, pipeline: [{{work: {{operations: 1 M, bytes: 1 kB}}, unit: mcu}}]}}
"""


def text(more: str, device: str = "stm32u575") -> str:
    return HEAD.format(device=device) + more + "\n"


def mistakes(more: str, folder: Path = Path(), device: str = "stm32u575") -> list[str]:
    with pytest.raises(EdgesimError) as caught:
        load_scenario(text(more, device), known=known_names(), directory=folder)
    return [str(problem) for problem in caught.value.problems]


def test_a_cell_of_the_catalogue_with_changes() -> None:
    device = load_scenario(text("battery: {cell: lipo_3000mah, capacity: 1 Ah, resistance: 0.3 ohm, initial: 40 %}")).device
    assert device.battery is not None and device.battery.capacity_c == 3600.0 and device.battery.resistance_ohm == 0.3
    assert len(device.battery.open_circuit) == 21


def test_changes_of_the_devices_own_battery_keep_the_rest() -> None:
    own = load_scenario(text("", "pixel_6").replace("unit: mcu", "unit: cpu")).device.battery
    changed = load_scenario(text("battery: {cutoff_voltage: 3.3 V}", "pixel_6").replace("unit: mcu", "unit: cpu")).device.battery
    assert own is not None and changed is not None
    assert changed == own.model_copy(update={"cutoff_v": changed.cutoff_v}) and changed.cutoff_v == 3.3


@pytest.mark.parametrize(
    ("more", "place", "what"),
    [
        ("battery: {cell: cr2023}", "6:17: battery.cell", "did you mean 'cr2032'"),
        ("battery: {initial: 80 %}", "6:1: battery", "stm32u575 has no battery"),
        ("battery: {cell: cr2032, resistance: -1 ohm}", "6:37: battery.resistance", "at least 0 ohm"),
        ("battery: {cell: cr2032, cutoff_voltage: 3.4 V}", "6:41: battery.cutoff_voltage", "not below"),
        ("battery: {cell: cr2032}\ncharging: {kind: usb, power: 1 W}", "7:1: charging", "cannot be recharged"),
        ("charging: {kind: usb, power: 1 W}", "6:1: charging", "no battery to charge"),
        ("battery: {cell: lipo_3000mah}\ncharging: {kind: wind, power: 1 W}", "7:18: charging.kind", "'wind' is not one of usb, solar, profile"),
        ("battery: {cell: lipo_3000mah}\ncharging: {kind: usb, power: 1 W, plugged: 9 s, unplugged: 8 s}", "7:60: charging.unplugged", "not after"),
        ("battery: {cell: lipo_3000mah}\ncharging: {kind: solar, peak: 1 W, sunrise: 9 h, sunset: 8 h}", "7:58: charging.sunset", "not after sunrise"),
        ("battery: {cell: lipo_3000mah}\ncharging: {kind: solar, peak: 1 W, sunset: 25 h}", "7:44: charging.sunset", "a day has 24 h"),
        ("battery: {cell: lipo_3000mah}\ncharging: {kind: profile, file: none.csv}", "7:33: charging.file", "no file"),
    ],
)
def test_mistakes_are_reported_at_their_place(more: str, place: str, what: str, tmp_path: Path) -> None:
    found = mistakes(more, tmp_path)
    assert len(found) == 1 and found[0].startswith(f"<text>:{place}: ") and what in found[0]


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        ("time_s,power_w\n0,1\n5,2\n3,1\n", "4:1", "not after the row above"),
        ("time_s,power_w\n0,1\n5,-2\n", "3:3", "not negative"),
        ("time_s,power_w\n0,sun\n", "2:3", "'sun' is not a number"),
        ("time_s,power_w\n0\n", "2:3", "ends before the column power_w"),
        ("time_s,watts\n0,1\n", "1:1", "no column 'power_w'"),
        ("time_s,power_w\n", "1", "no rows"),
        ("", "1:1", "the file is empty"),
    ],
)
def test_mistakes_in_a_profile_are_reported_at_their_line(content: str, place: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text(content)
    found = mistakes("battery: {cell: lipo_3000mah}\ncharging: {kind: profile, file: sun.csv}", tmp_path)
    assert len(found) == 1 and f"sun.csv:{place}: " in found[0] and what in found[0]


@pytest.mark.parametrize(
    ("battery", "what"), [("{cell: cr2032, capacity: 2 nAh}", "smaller than one inference"), ("{cell: cr2032, resistance: 400 ohm}", "as it begins")]
)
def test_a_battery_smaller_than_one_inference(battery: str, what: str) -> None:
    with pytest.raises(EdgesimError, match=rf"<text>:6:\d+: battery\.c\w+: .*{what}"):
        simulate(text(f"battery: {battery}"))
    with pytest.raises(EdgesimError, match=rf"<text>:6:\d+: battery\.c\w+: .*{what}"):
        prepare(load_scenario(text(f"battery: {battery}"))).check()


def test_a_check_of_the_battery_refuses_only_what_could_never_answer() -> None:
    """Charged while it runs, or enough for one of two workloads: that may go on for long."""
    prepare(load_scenario(text("battery: {cell: cr2032}"))).check()
    prepare(load_scenario(text("battery: {cell: lipo_3000mah, capacity: 2 nAh}\ncharging: {kind: usb, power: 1 W}"))).check()
    small = "  b: {arrival: {kind: periodic, rate: 1 Hz}, pipeline: [{work: {operations: 1}, unit: mcu}]}\nbattery: {cell: cr2032, capacity: 2 nAh}"
    prepare(load_scenario(text(small))).check()
    late = text("battery: {cell: cr2032, capacity: 2 nAh}").replace("rate: 1 Hz", "rate: 1 Hz, offset: 9 s")
    with pytest.raises(EdgesimError, match="smaller than one inference"):
        prepare(load_scenario(late)).check()


def test_solar_days_have_their_energy() -> None:
    """Half a sine: 2/pi of the peak over the light hours; the run may begin in the middle of it."""
    panel = Solar.model_validate({"peak": "2 W", "sunrise": "7 h", "sunset": "19 h", "start": "13 h"})
    steps = list(itertools.takewhile(lambda step: step[0] < 11 * 3600 + 3 * 86400, panel.steps(Path())))
    times = [time_s for time_s, _ in steps]
    assert times[0] == 0.0 and times == sorted(set(times))
    ends = [*times[1:], 11 * 3600 + 3 * 86400]
    energy_j = sum(power_w * (end_s - time_s) for (time_s, power_w), end_s in zip(steps, ends, strict=True))
    assert energy_j == pytest.approx(3.5 * 2.0 * 12 * 3600 * 2 / math.pi, rel=1e-9)
    assert panel.problem() is None


def test_a_charger_and_a_profile_in_steps(tmp_path: Path) -> None:
    assert list(Usb.model_validate({"power": "5 W"}).steps(tmp_path)) == [(0.0, 5.0)]
    (tmp_path / "sun.csv").write_text("time_s,power_w\n1,2\n4,3\n5,9\n")
    once = ChargingProfile.model_validate({"file": "sun.csv"})
    assert list(once.steps(tmp_path)) == [(0.0, 0.0), (1.0, 2.0), (4.0, 3.0), (5.0, 9.0)]
    again = ChargingProfile.model_validate({"file": "sun.csv", "loop": True})
    assert list(itertools.islice(again.steps(tmp_path), 5)) == [(0.0, 0.0), (1.0, 2.0), (4.0, 3.0), (5.0, 0.0), (6.0, 2.0)]


def test_the_profile_belongs_to_what_determines_the_result(tmp_path: Path) -> None:
    (tmp_path / "sun.csv").write_text("time_s,power_w\n0,1\n")
    loaded = load_scenario(text("battery: {cell: lipo_3000mah, initial: 50 %}\ncharging: {kind: profile, file: sun.csv}"), directory=tmp_path)
    assert "sun.csv" in loaded.canonical()["files"]
    moved = scenario_text(loaded.scenario, tmp_path, tmp_path / "results")
    assert "../sun.csv" in moved and '"initial": 0.5' in moved


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(11520.0, "3 h 12 min"), (7200.0, "2 h"), (90.0, "90 s"), (185.0, "3 min 5 s"), (352800.0, "4 d 2 h"), (3.5 * 31557600.0, "3.5 years"), (0.5, "500 ms")],
)
def test_long_times_are_written_in_two_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
