"""Governors, trip points, cooling and fans: each mistake at its place, with what would be right. ``@`` marks the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.scenario.loading import load_scenario

SCENARIO = """\
name: walk
device: {device}
workloads:
  a: {{arrival: {{kind: periodic, rate: 1 Hz}}, pipeline: [{{unit: {unit}, work: {{operations: 1 M}}}}]}}
duration: 10 s
{line}
"""

MICROCONTROLLERS = ("stm32u575", "max78000")
MISTAKES = [
    # (device, a line of the scenario, what is said)
    ("raspberry_pi_4", "governors: {cpu: @ondemnd}", "unknown governor 'ondemnd'; did you mean 'ondemand'"),
    ("raspberry_pi_4", "governors: {@gpu: ondemand}", "raspberry_pi_4 has no DVFS domain 'gpu'"),
    ("raspberry_pi_4", "governors: {@memory: simple_ondemand}", "raspberry_pi_4 has no DVFS domain 'memory'"),
    ("raspberry_pi_4", "governors: {cpu: {name: userspace, frequency: @1.2 MHz}}", "1.2 MHz is not between the operating points of cpu, 600 to 1800 MHz"),
    ("raspberry_pi_4", "governors: {cpu: {name: userspace, frequency: @fast}}", "'fast' is not a frequency"),
    ("raspberry_pi_4", "governors: {cpu: {name: ondemand, @upthreshold: 90 %}}", "unknown tunable 'upthreshold'; did you mean 'up_threshold'?"),
    ("raspberry_pi_4", "governors: {cpu: {name: ondemand, up_threshold: @90}}", "9e+03 % is out of range; it is from 0 % to 100 %"),
    ("raspberry_pi_4", "governors: {cpu: {name: ondemand, sampling: @0 s}}", "0 s is out of range; it is from 100 us to 60 s"),
    ("raspberry_pi_4", "governors: {cpu: {name: @slow}}", "unknown governor 'slow'"),
    ("raspberry_pi_4", "governors: {@cpu: {up_threshold: 90 %}}", "missing key 'name'"),
    ("raspberry_pi_4", "thermal: {governor: @stepwise}", "unknown thermal governor 'stepwise'; did you mean 'step_wise'?"),
    ("raspberry_pi_4", "thermal: {governor: @power_allocator}", "power_allocator needs the power of each operating point, and so its voltage"),
    ("raspberry_pi_4", "thermal: {@polling: 1 s}", "raspberry_pi: unknown tunable 'polling'; there is none"),
    ("pixel_6", "thermal: {governor: power_allocator, sustainable_power: @3.5}", "3.5 has no unit"),
    ("pixel_6", "thermal: {governor: power_allocator, @sustainable: 3.5 W}", "did you mean 'sustainable_power'?"),
    ("pixel_6", "thermal: {governor: power_allocator, node: @back}", "pixel_6 has no trip point on node 'back'"),
    ("stm32u575", "thermal: {governor: @step_wise}", "stm32u575 has no trip points for a thermal governor to act on"),
    ("pixel_6", "ambient: @40 degC", "the trip point of node skin at 39 degC is not above the ambient 40 degC"),
    ("raspberry_pi_4", "cooling: @bear", "unknown cooling 'bear'; did you mean 'bare'?"),
    ("pixel_6", "cooling: @bare", "unknown cooling 'bare'; pixel_6 has one way of cooling only"),
    ("raspberry_pi_4", "@fan: bang_bang", "raspberry_pi_4 has no fan"),
    ("raspberry_pi_5", "fan: @bang", "unknown fan governor 'bang'; did you mean 'bang_bang'?"),
    ("raspberry_pi_5", "cooling: bare\n@fan: bang_bang", "raspberry_pi_5 has no fan with cooling bare"),
    ("raspberry_pi_4", "idle: @meny", "unknown idle policy 'meny'; did you mean 'menu'?"),
    ("{base: raspberry_pi_4, thermal: {trips: {0: {temperature: @20 degC}}}}", "", "20 degC is not above the device's ambient, 25 degC"),
    ("{base: raspberry_pi_4, thermal: {governor: @stepwise}}", "", "unknown thermal governor 'stepwise'"),
    ("{base: raspberry_pi_4, thermal: {links: {0: {resistance: @-1 K/W}}}}", "", "must be more than 0 K/W, got -1"),
    ("{base: raspberry_pi_5, thermal: {fan: {states: {0: {resistance: @0 K/W}}}}}", "", "must be more than 0 K/W"),
    ("{base: pixel_6, domains: {gpu: {operating_points: @[]}}}", "", "at least 1"),
    ("{base: pixel_6, domains: {gpu: {operating_points: @[{frequency: 1 GHz}, {frequency: 2 GHz, voltage: 1 V}]}}}", "", "no voltage at 1000 MHz"),
]


@pytest.mark.parametrize(("device", "line", "says"), MISTAKES)
def test_mistakes_are_reported_at_their_place(device: str, line: str, says: str, tmp_path: Path) -> None:
    marked = SCENARIO.format(device=device, line=line, unit="mcu" if device in MICROCONTROLLERS else "cpu")
    row, column = next((row, text.index("@") + 1) for row, text in enumerate(marked.splitlines(), 1) if "@" in text)
    file = tmp_path / "walk.yaml"
    file.write_text(marked.replace("@", ""), encoding="utf-8")
    with pytest.raises(EdgesimError) as caught:
        load_scenario(file, known=known_names())
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(row, column)], str(caught.value)
    assert says in caught.value.problems[0].what


@pytest.mark.parametrize(
    ("device", "line"),
    [
        ("raspberry_pi_4", "governors: {cpu: {name: userspace, frequency: 1.2 GHz}}"),
        ("raspberry_pi_4", "governors: {cpu: {name: ondemand, up_threshold: 95 %, sampling: 20 ms}}"),
        ("max78000", "governors: {cnn: schedutil}"),  # a single fixed clock leaves nothing to decide, and that is fine
        ("pixel_6", "thermal: {governor: power_allocator, node: skin, sustainable_power: 3.5 W, k_po: 1500 mW/K}"),
        ("raspberry_pi_5", "cooling: active_cooler\nfan: bang_bang"),
        ("raspberry_pi_4", "cooling: ice_tower\nfan: {name: bang_bang}\nidle: timeout"),
    ],
)
def test_what_is_right_is_taken(device: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "walk.yaml"
    file.write_text(SCENARIO.format(device=device, line=line, unit="mcu" if device in MICROCONTROLLERS else "cpu"), encoding="utf-8")
    load_scenario(file, known=known_names())
