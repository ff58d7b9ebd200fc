"""Idle states: energy in closed form, waking takes its time, and both engines agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic

from device_models.spec import DeviceSpec
from sim.trace import Trace

STATES = [
    {"name": "clock_gated", "power": "4 mW", "target_residency": "10 ms", "entry_latency": "1 ms", "exit_latency": "0.5 ms"},
    {"name": "power_gated", "power": "1 mW", "leakage_share": 0, "target_residency": "100 ms", "entry_latency": "2 ms", "exit_latency": "3 ms"},
]


def _device(states: list[dict[str, Any]] = STATES, **more: Any) -> DeviceSpec:
    device = synthetic.device(["cpu"], leakage_w=0.0, **more)
    raw = device.model_dump(mode="python", by_alias=True)
    raw["units"]["cpu"]["power"]["idle_states"] = states
    return DeviceSpec.model_validate(raw)


def _run(rate: str, duration_s: float, policy: str, reference: bool = False, **more: Any) -> Trace:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": rate}}}, duration_s, idle=policy)
    return synthetic.run(scenario, _device(**more), [synthetic.simple("a", "cpu", 0.01, kernels=4)], reference)


def test_each_deeper_state_follows_after_its_residency() -> None:
    """1 s periods: 10 ms of work, 10 + 1 ms plain, to 102 ms clock gated, the rest power gated; waking takes 3 ms at running power."""
    trace = _run("1 Hz", 5.0, "timeout")
    first = 0.01 * 1.0 + 0.011 * 10e-3 + (0.102 - 0.011) * 4e-3 + (1.0 - 0.01 - 0.102) * 1e-3
    later = 0.013 * 1.0 + 0.011 * 10e-3 + (0.102 - 0.011) * 4e-3 + (1.0 - 0.013 - 0.102) * 1e-3
    assert trace.energy_j["cpu"] == pytest.approx(first + 4 * later, rel=1e-9)
    assert trace.requests["end_s"] - trace.requests["arrival_s"] == pytest.approx([0.01] + [0.013] * 4, rel=1e-9)


def test_menu_goes_straight_to_the_state_that_fits_once_the_times_are_steady() -> None:
    trace = _run("20 Hz", 2.0, "menu")  # 40 ms of idling: clock gated, after eight of them at once
    latency = trace.requests["end_s"] - trace.requests["arrival_s"]
    assert latency[1:] == pytest.approx(np.full(39, 0.0105), rel=1e-9)
    slow, fast = _run("20 Hz", 20.0, "timeout").energy_j["cpu"], _run("20 Hz", 20.0, "menu").energy_j["cpu"]
    assert slow - fast == pytest.approx(391 * 10e-3 * 6e-3, rel=1e-2)  # 10 ms of plain idling saved in all but the first rounds


@pytest.mark.parametrize("policy", ["menu", "timeout"])
@pytest.mark.parametrize("governor", ["performance", "ondemand", "schedutil"])
def test_both_engines_agree(policy: str, governor: str) -> None:
    lazy, stepped = (_run("30 Hz", 3.0, policy, reference, governor=governor) for reference in (False, True))
    assert lazy.requests["end_s"] == pytest.approx(stepped.requests["end_s"], abs=1e-9)
    assert lazy.energy_j["cpu"] == pytest.approx(stepped.energy_j["cpu"], rel=1e-9)


def test_a_gated_unit_does_not_leak() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "start": "9 s"}}, 10.0)
    raw = _device().model_dump(mode="python", by_alias=True)
    raw["units"]["cpu"]["power"]["leakage"] = "1 W"
    leaky = synthetic.run(scenario, DeviceSpec.model_validate(raw), [synthetic.simple("a", "cpu", 0.01)]).energy_j["cpu"]
    assert leaky < 1.6  # a watt until it is gated, and around the one request


def test_the_specification_wants_deeper_states_to_be_deeper() -> None:
    with pytest.raises(ValueError, match="'clock_gated' must have a longer target_residency than 'power_gated'"):
        _device(STATES[::-1])
    with pytest.raises(ValueError, match="shorter than its entry_latency"):
        _device([{"name": "slow", "power": "1 mW", "target_residency": "1 ms", "entry_latency": "2 ms"}])
