"""Batches under any load: nobody is lost or served twice, none is too large, none waits for nothing, energy is shared out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import serving
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.trace import Status, Trace

DURATION_S = 0.4


@st.composite
def servers(draw: st.DrawFn) -> tuple[dict[str, Any], dict[int, float], dict[str, Any]]:
    """A batching stage with 1 to 3 replicas, the length of each batch size, and one to three workloads that use it."""
    largest = draw(st.integers(1, 9))
    buckets = sorted({*draw(st.lists(st.integers(1, largest), max_size=3)), largest})
    stage = serving.batched(
        max_size=largest,
        buckets=buckets,
        max_delay=f"{draw(st.sampled_from([0, 1, 4, 20]))} ms",
        policy=draw(st.sampled_from(["greedy", "timeout", "full_bucket"])),
        units=[f"cpu{index}" for index in range(draw(st.integers(1, 3)))],
    )
    base_s, slope_s = draw(st.floats(1e-4, 5e-3)), draw(st.floats(0, 2e-3))
    seconds = {size: base_s + slope_s * size for size in (1, *buckets)}
    workloads = {}
    for index in range(draw(st.integers(1, 3))):
        rate = draw(st.floats(5, 600))
        workloads[f"w{index}"] = {
            "arrival": draw(
                st.sampled_from(
                    [
                        {"kind": "poisson", "rate": f"{rate} Hz"},
                        {"kind": "periodic", "rate": f"{rate} Hz", "jitter": "3 ms"},
                        {"kind": "closed", "clients": 5, "think": "2 ms"},
                    ]
                )
            ),
            "pipeline": [dict(stage)],
            "priority": draw(st.integers(0, 2)),
            "deadline": "15 ms",
            "drop_late": draw(st.booleans()),
            "queue": draw(st.sampled_from([{}, {"limit": 3}, {"limit": 6, "when_full": "drop_oldest"}])),
        }
    return stage, seconds, workloads


def _run(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int, reference: bool = False, **more: Any) -> tuple[Trace, dict[str, Any]]:
    stage, seconds, workloads = server
    scenario = serving.scenario(workloads, DURATION_S, trace="full", **more)
    device = synthetic.device(stage.get("units", ["cpu"]), leakage_w=0.0)
    return serving.run(scenario, device, {"one": seconds}, seed=seed, reference=reference), stage["batching"]


@settings(max_examples=60)
@given(servers(), st.integers(0, 1000))
def test_batches_conserve_requests(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int) -> None:
    trace, batching = _run(server, seed)
    batches, requests = trace.batches.columns(), trace.requests.columns()
    answered = np.isin(requests["status"], (Status.DONE, Status.LATE))
    # every answered request ran from the start to the end of exactly one batch, and batches hold nobody else
    ran = sorted(zip(requests["start_s"][answered].tolist(), requests["end_s"][answered].tolist(), strict=True))
    held = sorted(
        (start, end) for start, end, size in zip(*(batches[name].tolist() for name in ("start_s", "end_s", "size")), strict=True) for _ in range(size)
    )
    assert ran == held
    assert (batches["size"] >= 1).all()
    assert (batches["size"] <= batching["max_size"]).all()
    compiled = np.array(batching["buckets"])
    assert (batches["padded"] == compiled[np.searchsorted(compiled, batches["size"])]).all()
    assert (batches["formed_s"] <= batches["start_s"]).all()


@settings(max_examples=40)
@given(servers(), st.integers(0, 1000))
def test_nobody_waits_beyond_the_delay_for_an_idle_unit(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int) -> None:
    """While a replica is idle, no request has waited longer than the delay: all that have are in a batch."""
    trace, batching = _run(server, seed)
    batches, requests = trace.batches.columns(), trace.requests.columns()
    delay_s = 0.0 if batching["policy"] == "greedy" else float(batching["max_delay"].split()[0]) * 1e-3
    replicas = len(server[0]["units"])
    waited = np.where(np.isnan(requests["start_s"]), requests["end_s"], requests["start_s"])  # those never begun: until they were given up
    unfinished = requests["status"] == Status.UNFINISHED  # the batch at work when the run ends is not in the table
    for arrival_s, until_s in zip(requests["arrival_s"][~unfinished].tolist(), waited[~unfinished].tolist(), strict=True):
        if until_s - arrival_s <= delay_s + 1e-12:
            continue
        # from the moment its delay was over until it began, all replicas were at work
        middle_s = (arrival_s + delay_s + until_s) / 2
        at_work = int(((batches["start_s"] <= middle_s) & (batches["end_s"] > middle_s)).sum())
        running = int((unfinished & (requests["start_s"] <= middle_s)).any())
        assert at_work + running * replicas >= replicas


@settings(max_examples=40)
@given(servers(), st.integers(0, 1000))
def test_energy_is_shared_out(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int) -> None:
    """What units draw beyond resting is what requests were charged: the one is integrated over time, the other summed over batches."""
    trace, _ = _run(server, seed)
    units = server[0].get("units", ["cpu"])
    idle_w = 0.01
    switched_j = sum(trace.energy_j[unit] - idle_w * (trace.end_s - trace.totals["busy_s"][unit]) for unit in units)
    assert trace.request_energy["energy_j"].sum() == pytest.approx(switched_j, abs=1e-9)


@settings(max_examples=30)
@given(servers(), st.integers(0, 1000))
def test_little(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int) -> None:
    """The number in the system averaged over time is the rate times the mean time in it, on every path."""
    trace, _ = _run(server, seed)
    requests = trace.requests.columns()
    number = serving.number_in_system(trace, 0.0, trace.end_s)
    assert number * trace.end_s == pytest.approx(float((requests["end_s"] - requests["arrival_s"]).sum()), abs=1e-9)


@settings(max_examples=25)
@given(servers(), st.integers(0, 1000))
def test_reference_agrees(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int) -> None:
    lazy, reference = (_run(server, seed, reference)[0] for reference in (False, True))
    for table in ("requests", "batches"):
        ours, theirs = (getattr(trace, table).columns() for trace in (lazy, reference))
        for name, column in ours.items():
            assert column == pytest.approx(theirs[name], abs=1e-9, nan_ok=True), (table, name)


@settings(max_examples=25)
@given(servers(), st.integers(0, 1000))
def test_higher_priorities_leave_first(server: tuple[dict[str, Any], dict[int, float], dict[str, Any]], seed: int) -> None:
    """Nobody begins while a request of higher priority that came before waits on."""
    trace, _ = _run(server, seed)
    requests = trace.requests.columns()
    priority = np.array([workload["priority"] for workload in server[2].values()])[requests["workload"]]
    begun = np.flatnonzero(~np.isnan(requests["start_s"]))
    for row in begun.tolist():
        passed = (priority > priority[row]) & (requests["arrival_s"] < requests["arrival_s"][row]) & (requests["start_s"] > requests["start_s"][row])
        assert not passed.any()


@settings(max_examples=40)
@given(
    st.sampled_from(["fifo", "priority", "round_robin", "edf"]),
    st.booleans(),
    st.sampled_from([("cpu0",), ("cpu1", "cpu0")]),
    st.integers(1, 6),
    st.integers(0, 1000),
)
def test_reference_agrees_where_work_scatters(scheduler: str, preemption: bool, units: tuple[str, ...], kernels: int, seed: int) -> None:
    """Runs of random length, preempted at kernel borders, under a governor that changes the clock while they run."""
    workloads = {
        "pool": {
            "arrival": {"kind": "poisson", "rate": "90 Hz"},
            "pipeline": [serving.code("one", units=list(units), spread={"kind": "gamma", "cv": 0.7})],
        },
        "urgent": {
            "arrival": {"kind": "poisson", "rate": "20 Hz"},
            "pipeline": [serving.code("two", spread={"kind": "exponential"})],
            "priority": 3,
            "deadline": "10 ms",
        },
    }
    scenario = serving.scenario(workloads, DURATION_S, trace="full", scheduler=scheduler, preemption=preemption)
    device = synthetic.device(["cpu0", "cpu1"], governor="ondemand", latency_s=0.001)
    lengths = {"one": {1: 0.008}, "two": {1: 0.006}}
    lazy, reference = (serving.run(scenario, device, lengths, seed=seed, reference=reference, kernels=kernels) for reference in (False, True))
    for name, column in lazy.requests.columns().items():
        assert column == pytest.approx(reference.requests[name], abs=1e-9, nan_ok=True), name
    assert lazy.request_energy["energy_j"] == pytest.approx(reference.request_energy["energy_j"], abs=1e-9)
    assert lazy.energy_j == pytest.approx(reference.energy_j, abs=1e-9)


@settings(max_examples=40)
@given(
    st.sampled_from(["fifo", "priority", "round_robin", "edf", "heft"]),
    st.booleans(),
    st.lists(st.sampled_from([5, 10, 12, 20]), min_size=3, max_size=3),
    st.lists(st.integers(0, 2), min_size=3, max_size=3),
    st.booleans(),
)
def test_queues_that_share_a_unit(scheduler: str, preemption: bool, periods_ms: list[int], priorities: list[int], evicts: bool) -> None:
    """Two models in batches and one alone on one unit, arriving at the same moments, perhaps with room for two of them only."""
    workloads = {}
    for index, (period, priority) in enumerate(zip(periods_ms, priorities, strict=True)):
        stage = serving.batched(f"m{index}", max_size=3, policy="greedy") if index < 2 else {"model": "m2"}
        workloads[f"w{index}"] = {
            "arrival": {"kind": "periodic", "rate": f"{1000 / period} Hz"},
            "pipeline": [stage],
            "priority": priority,
            "deadline": "40 ms",
            "drop_late": True,
        }
    memory = {"memory": {"when_full": "evict"}} if evicts else {}
    scenario = serving.scenario(workloads, DURATION_S, trace="full", scheduler=scheduler, preemption=preemption, **memory)
    device = synthetic.device(["cpu"], capacity_bytes=2.3e6 if evicts else 1e9, leakage_w=0.0)
    lengths = {f"m{index}": {1: 0.0030317, 2: 0.0041713, 3: 0.0060119} for index in range(3)}  # ends meet no arrivals, where rounding would decide
    lazy, reference = (serving.run(scenario, device, lengths, reference=reference, kernels=3, load_s=0.002) for reference in (False, True))
    for table in ("requests", "batches"):
        for name, column in getattr(lazy, table).columns().items():
            assert column == pytest.approx(getattr(reference, table)[name], abs=1e-9, nan_ok=True), (table, name)
    batches, requests = lazy.batches.columns(), lazy.requests.columns()
    for model in range(2):
        served = (requests["workload"] == model) & np.isin(requests["status"], (Status.DONE, Status.LATE))
        ran = sorted(zip(requests["start_s"][served].tolist(), requests["end_s"][served].tolist(), strict=True))
        own = batches["queue"] == model
        rows = zip(batches["start_s"][own].tolist(), batches["end_s"][own].tolist(), batches["size"][own].tolist(), strict=True)
        assert ran == sorted((start, end) for start, end, size in rows for _ in range(size))
    charged_j = lazy.energy_j["cpu"] - 0.01 * (lazy.end_s - lazy.totals["busy_s"]["cpu"])
    assert lazy.request_energy["energy_j"].sum() == pytest.approx(charged_j, abs=1e-9)
