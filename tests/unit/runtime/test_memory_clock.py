"""The memory's clock: bandwidth follows it, and simple_ondemand moves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic

from device_models.spec import DeviceSpec
from sim.policies.governors import GOVERNORS, DomainView
from sim.trace import Trace

POINTS = [0.25, 0.5, 1.0]  # GHz


def _device(governor: str = "simple_ondemand", latency_s: float = 0.0) -> DeviceSpec:
    raw = synthetic.device(["cpu", "npu"]).model_dump(mode="python", by_alias=True)
    points = [{"frequency": f"{ghz} GHz"} for ghz in POINTS]
    raw["domains"]["ddr"] = {"operating_points": points, "governor": governor, "transition_latency": f"{latency_s} s"}
    raw["memory"]["domain"] = "ddr"
    return DeviceSpec.model_validate(raw)


def _program(memory_s: float) -> Any:
    return synthetic.program("a", synthetic.segment("cpu", synthetic.costs([0.0] * 5, [memory_s / 5] * 5)))


@pytest.mark.parametrize("ghz", POINTS)
def test_traffic_takes_as_much_longer_as_the_clock_is_slower(ghz: float) -> None:
    choice = {"ddr": {"name": "userspace", "frequency": f"{ghz} GHz"}}
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}}, 3.0, governors=choice)
    trace = synthetic.run(scenario, _device(), [_program(0.1)])
    assert trace.requests["end_s"] - trace.requests["arrival_s"] == pytest.approx(np.full(3, 0.1 / ghz), rel=1e-9)


def test_simple_ondemand_raises_a_saturated_clock_at_its_first_sampling() -> None:
    """0.2 s at full bandwidth: 50 ms at a quarter, the rest at the highest clock."""
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}}, 1.0)
    trace = synthetic.run(scenario, _device(), [_program(0.2)])
    assert trace.requests["end_s"] == pytest.approx([0.05 + 0.2 - 0.05 / 4], rel=1e-9)
    times, clocks = trace.counter("frequency_hz.ddr")
    assert clocks.tolist() == [0.25e9, 1e9, 0.25e9]
    assert times == pytest.approx([0.0, 0.05, 0.3])  # at the end of the period in which it ended


def _always(name: str) -> type[Any]:
    class Always(GOVERNORS[name]):  # type: ignore[misc]
        def quiet_s(self, view: DomainView) -> float:
            return 0.0

    return Always


@pytest.mark.parametrize("governor", ["simple_ondemand", "ondemand", "conservative"])
@pytest.mark.parametrize("latency_s", [0.0, 0.003])
def test_leaving_samplings_out_changes_nothing(governor: str, latency_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.runtime.frequency import Domain, MemoryDomain

    workloads = {
        "a": {"arrival": {"kind": "poisson", "rate": "6 Hz"}},
        "b": {"arrival": {"kind": "periodic", "rate": "2 Hz"}, "start": "0.4 s", "count": 5},
    }
    other = synthetic.program("b", synthetic.segment("npu", synthetic.costs([0.021] * 4, [0.01] * 4)))

    def run() -> Trace:
        return synthetic.run(synthetic.scenario(workloads, 5.0), _device(governor, latency_s), [_program(0.05), other])

    lean = run()
    sampled = MemoryDomain._sampled_now

    def every_time(self: MemoryDomain) -> None:
        sampled(self)
        self._sample_at(Domain._upcoming_s(self, self._clock._now))

    monkeypatch.setattr(MemoryDomain, "_sampled_now", every_time)
    full = run()
    assert np.allclose(lean.requests["end_s"], full.requests["end_s"], rtol=0, atol=1e-9)
    for ours, theirs in zip(lean.counter("frequency_hz.ddr"), full.counter("frequency_hz.ddr"), strict=True):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-9)
    assert lean.totals["events"] < full.totals["events"]


def test_a_memory_clock_is_its_own_domain() -> None:
    raw = _device().model_dump(mode="python", by_alias=True)
    raw["memory"]["domain"] = "cpu"
    with pytest.raises(ValueError, match="domain 'cpu' is the memory's own"):
        DeviceSpec.model_validate(raw)
    raw["memory"]["domain"] = "dram"
    with pytest.raises(ValueError, match="memory: no domain 'dram'"):
        DeviceSpec.model_validate(raw)


@pytest.mark.parametrize("latency_s", [0.0, 0.003])
def test_both_engines_agree(latency_s: float) -> None:
    workloads = {"a": {"arrival": {"kind": "poisson", "rate": "6 Hz"}}, "b": {"arrival": {"kind": "periodic", "rate": "4 Hz"}}}
    other = synthetic.program("b", synthetic.segment("npu", synthetic.costs([0.021] * 4, [0.01] * 4)))
    scenario = synthetic.scenario(workloads, 5.0)
    lazy, stepped = (synthetic.run(scenario, _device("simple_ondemand", latency_s), [_program(0.05), other], reference) for reference in (False, True))
    assert np.allclose(lazy.requests["end_s"], stepped.requests["end_s"], rtol=0, atol=1e-9)
    assert lazy.energy_j == pytest.approx(stepped.energy_j, rel=1e-9)
