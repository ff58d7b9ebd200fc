"""Radios beside units, any workload: the energy is state power x time, the battery loses what the components draw, both engines agree."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import synthetic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_models.radio import STATES
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.model import Scenario
from sim.scenario.stages import RadioStage
from sim.trace import Status, Trace

SETTINGS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RADIOS = ("fast", "slow")


def _radio(rng: np.random.Generator) -> dict[str, Any]:
    tail = [{"time": f"{rng.uniform(0, 0.1)} s", "power": f"{rng.uniform(0, 2)} W"} for _ in range(rng.integers(0, 4))]
    return {
        "up_bandwidth": f"{10 ** rng.uniform(4, 7)} B/s",
        "down_bandwidth": f"{10 ** rng.uniform(4, 7)} B/s",
        "idle_power": f"{rng.uniform(0, 0.1)} W",
        "promotion_time": f"{rng.choice([0.0, rng.uniform(0, 0.05)])} s",
        "promotion_power": f"{rng.uniform(0, 2)} W",
        "send_power": f"{rng.uniform(0, 2)} W",
        "receive_power": f"{rng.uniform(0, 2)} W",
        "send_energy_per_byte": f"{rng.choice([0.0, 1e-6])} J/byte",
        "tail": tail,
    }


def _pipeline(rng: np.random.Generator) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = []
    for index in range(rng.integers(1, 5)):
        stage: dict[str, Any] = {"name": f"stage{index}", "repeat": int(rng.integers(1, 3)), "probability": float(rng.choice([1.0, 0.6]))}
        if rng.integers(0, 2):
            stage |= {"radio": str(rng.choice(RADIOS)), "send": f"{rng.integers(1, 3000)} B", "receive": f"{rng.choice([0, 1000])} B"}
        else:
            stage |= {"model": str(rng.choice(["short", "long"]))}
        if index > 1 and rng.integers(0, 2):
            stage["after"] = ["stage0"]
        stages.append(stage)
    return stages


def _case(seed: int, scheduler: str, reference: bool) -> Engine:
    rng = np.random.default_rng(seed)
    device = synthetic.device(radios={name: _radio(rng) for name in RADIOS}, governor="ondemand", battery=True)
    # lengths that are not round: a load of exactly the threshold would be decided by rounding
    programs = (synthetic.simple("short", "cpu", float(rng.uniform(1e-3, 3e-3)), 3), synthetic.simple("long", "npu", float(rng.uniform(0.01, 0.03)), 5))
    workloads = {
        f"load{index}": {
            "arrival": {"kind": "poisson", "rate": f"{rng.uniform(5, 40)} Hz"},
            "pipeline": _pipeline(rng),
            "deadline": f"{rng.uniform(0.01, 0.2)} s",
            "drop_late": bool(rng.integers(0, 2)),
            "queue": {"limit": int(rng.integers(1, 9)), "when_full": str(rng.choice(["drop_new", "drop_oldest"]))},
        }
        for index in range(3)
    }
    data = {"name": "radios", "device": "synthetic", "models": {"short": {"source": "short"}, "long": {"source": "long"}}, "workloads": workloads}
    scenario = Scenario.model_validate({**data, "duration": "0.7 s", "seed": seed, "scheduler": scheduler})
    stages = {
        name: [None if isinstance(stage, RadioStage) else ("short", "long").index(stage.model) for stage in workload.pipeline]  # type: ignore[union-attr]
        for name, workload in scenario.workloads.items()
    }
    return Engine(scenario, device, Deployment(programs, stages, (True, True)), reference=reference)


CASES = given(st.integers(0, 10**6), st.sampled_from(["fifo", "edf", "round_robin"]))


@SETTINGS
@CASES
def test_both_engines_agree(seed: int, scheduler: str) -> None:
    lazy, stepped = _case(seed, scheduler, False).run(), _case(seed, scheduler, True).run()
    for name, column in lazy.radio_phases.columns().items():
        assert column == pytest.approx(stepped.radio_phases[name], rel=1e-9, abs=1e-9), name
    for name, column in lazy.requests.columns().items():
        assert np.allclose(column, stepped.requests[name], rtol=0, atol=1e-9, equal_nan=True), name
    assert lazy.energy_j == pytest.approx(stepped.energy_j, rel=1e-6, abs=1e-12)


@SETTINGS
@CASES
def test_energy_is_power_times_time_and_the_battery_loses_it(seed: int, scheduler: str) -> None:
    engine = _case(seed, scheduler, False)
    trace = engine.run()
    columns = trace.radio_phases.columns()
    seconds = columns["end_s"] - columns["start_s"]
    for index, (name, spec) in enumerate(engine.device.radios.items()):
        mine = columns["radio"] == index
        idle_s = trace.end_s - float(seconds[mine].sum())
        joules = float((seconds * columns["power_w"])[mine].sum()) + idle_s * float(spec.idle_w)
        assert trace.energy_j[f"radio.{name}"] == pytest.approx(joules, rel=1e-9, abs=1e-12)
        _phases_follow_the_law(trace, index, spec)
    lost_j = trace.totals["battery"]["out_c"] * 3.6
    assert lost_j == pytest.approx(sum(trace.energy_j.values()), rel=1e-9)
    assert np.bincount(trace.requests["status"], minlength=len(Status)).sum() == len(trace.requests)


def _phases_follow_the_law(trace: Trace, radio: int, spec: Any) -> None:
    """One at a time; a promotion only where the radio was not ready; every tail after a transfer, and cut only by the next."""
    columns = trace.radio_phases.columns()
    mine = np.flatnonzero(columns["radio"] == radio)
    rows = list(zip((STATES[state] for state in columns["state"][mine]), columns["start_s"][mine], columns["end_s"][mine], strict=True))
    ended_s = -np.inf
    for state, start_s, end_s in rows:
        if state == "promotion":
            assert start_s > ended_s + spec.tail_s - 1e-12
        if state in ("send", "receive"):
            ended_s = end_s
        if state == "tail":
            assert start_s >= ended_s and end_s <= ended_s + spec.tail_s + 1e-9
    assert all(before[2] <= after[1] for before, after in itertools.pairwise(rows))


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (_case(7, "fifo", False).run() for _ in range(2))
    for name, table in first.tables().items():
        for column, values in table.columns().items():
            assert values.tobytes() == second.tables()[name][column].tobytes()
    assert first.energy_j == second.energy_j
