"""Governors in the engine: sampling that is left out must not matter, caps, transition latency."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic

from sim.policies.governors import GOVERNORS, DomainView, Governor
from sim.trace import Trace

SAMPLED = [name for name in GOVERNORS if GOVERNORS[name]().sampling_s]


def _always(name: str) -> type[Governor]:
    """The governor sampled at every moment of its grid."""

    class Always(GOVERNORS[name]):  # type: ignore[misc]
        uses_load = True

        def quiet_s(self, view: DomainView) -> float:
            return 0.0

    return Always


def _run(governor: str, seed: int, **more: Any) -> Trace:
    workloads = {
        "a": {"arrival": {"kind": "poisson", "rate": "12 Hz"}},
        "b": {"arrival": {"kind": "periodic", "rate": "3 Hz"}, "start": "0.4 s", "count": 5},
    }
    programs = [synthetic.simple("a", "cpu", 0.013, kernels=7), synthetic.simple("b", "cpu", 0.09, kernels=50)]
    return synthetic.run(synthetic.scenario(workloads, 3.0, seed=seed), synthetic.device(["cpu"], governor=governor, **more), programs)


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("latency_s", [0.0, 0.0005, 0.007])
def test_leaving_samplings_out_changes_nothing(name: str, seed: int, latency_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    lean = _run(name, seed, latency_s=latency_s)
    monkeypatch.setitem(GOVERNORS._table, name, _always(name))
    full = _run(name, seed, latency_s=latency_s)
    for ours, theirs in zip(lean.counter("frequency_hz.cpu"), full.counter("frequency_hz.cpu"), strict=True):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-9)
    assert np.allclose(lean.requests["end_s"], full.requests["end_s"], rtol=0, atol=1e-9)
    assert lean.totals["events"] < full.totals["events"]


@pytest.mark.parametrize("name", SAMPLED)
def test_idle_costs_no_events(name: str) -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "count": 1}}, 100_000.0)
    trace = synthetic.run(scenario, synthetic.device(["cpu"], governor=name), [synthetic.simple("a", "cpu", 0.01)])
    assert trace.totals["events"] < 2000


@pytest.mark.parametrize("name", SAMPLED)
def test_full_load_reaches_the_highest_frequency(name: str) -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}}}, 3.0)
    trace = synthetic.run(scenario, synthetic.device(["cpu"], governor=name), [synthetic.simple("a", "cpu", 0.01)])
    assert trace.counter("frequency_hz.cpu")[1][-1] == synthetic.POINTS[-1]


def test_transition_latency_delays_the_change() -> None:
    def change_s(latency_s: float) -> float:
        scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}}}, 1.0)
        trace = synthetic.run(scenario, synthetic.device(["cpu"], governor="ondemand", latency_s=latency_s), [synthetic.simple("a", "cpu", 0.5)])
        return float(trace.counter("frequency_hz.cpu")[0][1])

    assert change_s(0.0) == pytest.approx(0.01)
    assert change_s(0.003) == pytest.approx(0.013)


def test_frequency_change_in_flight_is_timed_exactly() -> None:
    """40 ms of work at 1 GHz: 10 ms at 250 MHz do 2.5 ms of it, the rest runs at full speed."""
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"], governor="ondemand"), [synthetic.simple("a", "cpu", 0.04, kernels=3)])
    assert trace.requests["end_s"] == pytest.approx([0.01 + 0.0375])


@pytest.mark.parametrize("rate_limit_s", [0.0, 0.010, 0.030])
def test_schedutil_waits_between_changes(rate_limit_s: float) -> None:
    """PELT from 0 under full load; at each tick of 4 ms, but not sooner than the rate limit allows, the point for 1.25 u."""
    choice = {"cpu": {"name": "schedutil", "rate_limit": f"{rate_limit_s} s"}}
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}}}, 1.0, governors=choice)
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.01)])
    expected, utilisation, position, allowed_s = [(0.0, 0)], 0.0, 0, 0.0
    for tick in range(1, 250):
        share = synthetic.POINTS[position] / synthetic.POINTS[-1]
        utilisation = share + (utilisation - share) * 0.5 ** (0.004 / 0.032)
        wanted = next((index for index, hz in enumerate(synthetic.POINTS) if hz >= 1.25 * utilisation * synthetic.POINTS[-1] * (1 - 1e-12)), 3)
        if tick * 0.004 >= allowed_s - 1e-12 and wanted != position:
            position, allowed_s = wanted, tick * 0.004 + rate_limit_s
            expected.append((tick * 0.004, wanted))
    times, clocks = trace.counter("frequency_hz.cpu")
    assert times == pytest.approx([time_s for time_s, _ in expected])
    assert clocks.tolist() == [synthetic.POINTS[index] for _, index in expected]


def test_userspace_keeps_its_frequency() -> None:
    choice = {"cpu": {"name": "userspace", "frequency": "600 MHz"}}
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed"}}}, 1.0, governors=choice)
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.01)])
    assert trace.counter("frequency_hz.cpu")[1].tolist() == [0.75e9]
