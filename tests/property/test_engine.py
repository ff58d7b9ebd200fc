"""The lazy engine against one event per operator, and what must hold for any programs: no overlap, conservation, energy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import synthetic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.compiler.program import Program
from sim.runtime.kernels import kernel_spans
from sim.scenario.model import Scenario
from sim.trace import Status, Trace

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
UNITS = ("cpu", "gpu", "npu")
GOVERNORS = ("performance", "ondemand", "conservative", "schedutil", "simple_ondemand", "powersave")


def _program(rng: np.random.Generator, name: str) -> Program:
    """One to four segments on random units, chained or branching, with kernels of 10 us to 2 ms."""
    segments, first = [], 0
    for index in range(rng.integers(1, 5)):
        kernels = int(rng.integers(1, 12))
        compute, memory = 10 ** rng.uniform(-5, -2.7, kernels), 10 ** rng.uniform(-5, -2.7, kernels) * rng.integers(0, 2)
        costs = synthetic.costs(compute, memory, fixed_s=float(rng.choice([0.0, 3e-6])), exponent=float(rng.choice([1.0, 3.0, np.inf])))
        after = [] if index == 0 else sorted(rng.choice(index, size=rng.integers(1, index + 1), replace=False).tolist())
        entry = {"entry_s": float(rng.choice([0.0, 2e-4])), "entry_bytes": float(rng.choice([0.0, 5e4]))}
        segments.append(synthetic.segment(str(rng.choice(UNITS)), costs, index, after, first=first, **entry))
        first += kernels
    return synthetic.program(name, *segments, first_inference_s=float(rng.choice([0.0, 1e-3])))


def _case(seed: int, scheduler: str, governor: str, preemption: bool) -> tuple[Scenario, Any, list[Program]]:
    rng = np.random.default_rng(seed)
    programs = [_program(rng, f"model{index}") for index in range(3)]
    workloads: dict[str, Any] = {}
    for index, program in enumerate(programs):
        rate = float(rng.uniform(20, 120))
        workloads[f"load{index}"] = {
            "arrival": {"kind": "poisson", "rate": f"{rate} Hz"},
            "pipeline": [{"model": program.name, "repeat": int(rng.integers(1, 3))}, {"model": programs[0].name, "name": "second", "probability": 0.5}],
            "deadline": f"{rng.uniform(0.005, 0.1)} s",
            "priority": int(rng.integers(0, 4)),
            "drop_late": bool(rng.integers(0, 2)),
            "queue": {"limit": int(rng.integers(1, 9)), "when_full": str(rng.choice(["drop_new", "drop_oldest"]))},
        }
    scenario = synthetic.scenario(workloads, 0.5, scheduler=scheduler, preemption=preemption, seed=seed)
    return scenario, synthetic.device(UNITS, governor=governor, latency_s=float(rng.choice([0.0, 3e-4]))), programs


CASES = given(
    st.integers(0, 10**6), st.sampled_from(["fifo", "priority", "edf", "rate_monotonic", "round_robin", "heft"]), st.sampled_from(GOVERNORS), st.booleans()
)


def _kernels(trace: Trace, programs: list[Program]) -> dict[str, np.ndarray]:
    found = kernel_spans(trace, programs)
    order = np.lexsort((found["kernel"], found["repeat"], found["stage"], found["request"]))
    return {name: column[order] for name, column in found.items()}


@SETTINGS
@CASES
def test_reference_agrees(seed: int, scheduler: str, governor: str, preemption: bool) -> None:
    case = _case(seed, scheduler, governor, preemption)
    lazy, reference = synthetic.run(*case), synthetic.run(*case, reference=True)
    ours, theirs = _kernels(lazy, case[2]), _kernels(reference, case[2])
    for name in ("unit", "request", "stage", "repeat", "program", "kernel"):
        assert np.array_equal(ours[name], theirs[name]), name
    for name in ("start_s", "end_s"):
        assert np.allclose(ours[name], theirs[name], rtol=0, atol=1e-9), name
    for name, column in lazy.requests.columns().items():
        assert np.allclose(column, reference.requests[name], rtol=0, atol=1e-9, equal_nan=True), name
    assert lazy.energy_j == pytest.approx(reference.energy_j, rel=1e-6)  # leakage may be evaluated a moment earlier or later


@SETTINGS
@CASES
def test_what_always_holds(seed: int, scheduler: str, governor: str, preemption: bool) -> None:
    scenario, device, programs = _case(seed, scheduler, governor, preemption)
    programs = [replace(program, first_inference_s=0.0) for program in programs]  # so that a span's rate follows from its columns
    engine = synthetic.engine(scenario, device, programs)
    trace = engine.run()
    _no_overlap(trace)
    _bandwidth_is_conserved(engine, trace)
    _requests_are_conserved(trace)
    _energy_is_conserved(engine, trace)
    _kernels_run_once_and_in_order(trace, programs)


def _no_overlap(trace: Trace) -> None:
    spans = trace.spans.columns()
    for unit in range(len(trace.units)):
        mine = spans["unit"] == unit
        order = np.argsort(spans["start_s"][mine], kind="stable")
        assert np.all(spans["end_s"][mine][order][:-1] <= spans["start_s"][mine][order][1:] + 1e-15)


def _bandwidth_is_conserved(engine: Any, trace: Trace) -> None:
    """Bytes moved in any interval: the traffic at every moment, which is constant between starts and ends of spans."""
    spans = trace.spans.columns()
    timings = {(timings.program, timings.index): timings for _, timings in reversed(engine.planner.timings)}
    rows = zip(spans["program"], spans["segment"], spans["frequency_hz"], spans["share"], strict=True)
    rates = np.array([timings[program, segment].at(frequency_hz, share).bytes_per_s for program, segment, frequency_hz, share in rows])
    times = np.concatenate([spans["start_s"], spans["end_s"]])
    steps = np.concatenate([rates, -rates])
    order = np.lexsort((steps, times))
    assert np.cumsum(steps[order]).max(initial=0.0) <= synthetic.BANDWIDTH * (1 + 1e-9)


def _requests_are_conserved(trace: Trace) -> None:
    requests = trace.requests.columns()
    assert np.array_equal(np.sort(requests["request"]), np.arange(len(trace.requests)))
    assert np.bincount(requests["status"], minlength=len(Status)).sum() == len(trace.requests)
    ran = requests["status"] <= Status.LATE
    assert np.all(requests["start_s"][ran] >= requests["arrival_s"][ran])
    assert np.all((requests["end_s"] > requests["deadline_s"])[ran] == (requests["status"][ran] == Status.LATE))


def _energy_is_conserved(engine: Any, trace: Trace) -> None:
    """The ledger's sum against the integral of the total power over the recorded rows, and heat against energy."""
    spans, (times, base) = trace.spans.columns(), trace.counter("power_w.base")
    assert trace.energy_j["base"] == pytest.approx(0.1 * trace.end_s, rel=1e-12)
    total = 0.0
    for component in (*trace.units, "memory", "base"):
        times, watts = trace.counter(f"power_w.{component}")
        total += float(np.sum(np.diff(np.append(times, trace.end_s)) * watts))
    assert total == pytest.approx(sum(trace.energy_j.values()), rel=1e-9)
    traffic = engine.trace.totals["memory_traffic_bytes"]
    assert trace.energy_j["memory"] == pytest.approx(0.02 * trace.end_s + 50e-12 * traffic, rel=1e-9)
    assert len(spans["unit"]) == len(trace.spans) and len(base)


def _kernels_run_once_and_in_order(trace: Trace, programs: list[Program]) -> None:
    found = _kernels(trace, programs)
    keys = np.stack([found[name] for name in ("request", "stage", "repeat", "kernel")])
    assert len(np.unique(keys, axis=1).T) == len(found["kernel"])
    assert np.all(found["end_s"] >= found["start_s"])
    done = trace.requests["request"][trace.requests["status"] <= Status.LATE]
    for request in done[:20]:
        mine = {name: column[found["request"] == request] for name, column in found.items()}
        for stage, repeat in {(a, b) for a, b in zip(mine["stage"], mine["repeat"], strict=True)}:
            rows = (mine["stage"] == stage) & (mine["repeat"] == repeat)
            assert rows.sum() == sum(len(part) for part in programs[mine["program"][rows][0]].segments)
