"""Batch servers on small cases worked out by hand. Times in milliseconds where a list says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import serving
import synthetic

from sim.trace import Status, Trace

MS = 1e-3
HASTY = {"deadline": "5 ms", "drop_late": True}


def _trace(folder: Any, times_ms: list[float], name: str = "times.csv") -> dict[str, Any]:
    (folder / name).write_text("time_s\n" + "".join(f"{time * MS!r}\n" for time in times_ms))
    return {"kind": "trace", "file": str(folder / name)}


def _run(workloads: dict[str, Any], seconds: dict[int, float], *, units: tuple[str, ...] = ("cpu",), duration_s: float = 1.0, **more: Any) -> Trace:
    given = serving.scenario(workloads, duration_s, trace="full", **more)
    return serving.run(given, synthetic.device(units), {"one": seconds})


def _batches_ms(trace: Trace) -> list[tuple[float, float, int, int]]:
    """Start, end, requests and padded size of each batch."""
    columns = trace.batches.columns()
    rows = (columns[name].tolist() for name in ("start_s", "end_s", "size", "padded"))
    return [(round(start / MS, 6), round(end / MS, 6), size, padded) for start, end, size, padded in zip(*rows, strict=True)]


def test_timeout_fills_pads_and_goes_on(tmp_path: Any) -> None:
    """Three within the delay of the first run padded to four; five come meanwhile: four of them fill a batch, one waits out its delay."""
    stage = serving.batched(max_size=4, buckets=[1, 2, 4], max_delay="10 ms")
    arrival = _trace(tmp_path, [0, 4, 9, 12, 13, 14, 15, 16])
    trace = _run({"w": {"arrival": arrival, "pipeline": [stage]}}, {1: 5 * MS, 2: 8 * MS, 4: 20 * MS})
    assert _batches_ms(trace) == [(10, 30, 3, 4), (30, 50, 4, 4), (50, 55, 1, 1)]
    queue = trace.queues[0]
    assert queue.sizes == {(3, 4): 1, (4, 4): 1, (1, 1): 1}
    assert queue.wait_s == pytest.approx((10 + 6 + 1 + 18 + 17 + 16 + 15 + 34) * MS)
    assert queue.longest_wait_s == pytest.approx(34 * MS)
    assert queue.busy_s == pytest.approx(45 * MS)


def test_a_full_batch_does_not_wait(tmp_path: Any) -> None:
    stage = serving.batched(max_size=2, max_delay="100 ms")
    trace = _run({"w": {"arrival": _trace(tmp_path, [0, 3, 20]), "pipeline": [stage]}}, {1: MS, 2: MS})
    assert _batches_ms(trace) == [(3, 4, 2, 2), (120, 121, 1, 1)]


def test_those_that_come_together_go_together(tmp_path: Any) -> None:
    stage = serving.batched(max_size=8, policy="greedy")
    trace = _run({"w": {"arrival": _trace(tmp_path, [5, 5, 5, 6]), "pipeline": [stage]}}, {1: 2 * MS, 8: 3 * MS, 2: MS, 4: 3 * MS})
    assert _batches_ms(trace) == [(5, 8, 3, 4), (8, 10, 1, 1)]


def test_workloads_share_the_queue_of_a_model_and_the_energy_of_a_batch(tmp_path: Any) -> None:
    stage = serving.batched(max_size=4, max_delay="10 ms")
    workloads = {name: {"arrival": _trace(tmp_path, times, f"{name}.csv"), "pipeline": [stage]} for name, times in (("a", [0.0, 5.0]), ("b", [3.0]))}
    trace = _run(workloads, {1: MS, 2: MS, 4: 6 * MS})
    assert _batches_ms(trace) == [(10, 16, 3, 4)]
    energy = trace.request_energy["energy_j"]
    assert energy == pytest.approx([6 * MS / 3] * 3)  # 1 W at the highest clock
    assert sorted(trace.requests["workload"]) == [0, 0, 1]
    spans = trace.spans.columns()
    assert spans["request"].tolist() == [0]  # the first one's number


def test_higher_priorities_first(tmp_path: Any) -> None:
    stage = serving.batched(max_size=2, policy="greedy")
    workloads = {
        "low": {"arrival": _trace(tmp_path, [0, 1, 2, 3], "low.csv"), "pipeline": [stage]},
        "high": {"arrival": _trace(tmp_path, [4, 5], "high.csv"), "pipeline": [stage], "priority": 1},
    }
    requests = _run(workloads, {1: 10 * MS, 2: 10 * MS}).requests.columns()
    started = {name: sorted((requests["start_s"][requests["workload"] == index] / MS).round(6).tolist()) for index, name in enumerate(workloads)}
    assert started == {"low": [0, 20, 20, 30], "high": [10, 10]}


def test_late_requests_are_dropped_when_their_batch_begins(tmp_path: Any) -> None:
    stage = serving.batched(max_size=4, policy="greedy")
    workload = {"arrival": _trace(tmp_path, [0, 1, 9]), "pipeline": [stage], "deadline": "5 ms", "drop_late": True}
    trace = _run({"w": workload}, {1: 10 * MS, 2: 10 * MS, 4: 10 * MS})
    assert sorted(trace.requests["status"].tolist()) == [Status.LATE, Status.LATE, Status.EXPIRED]
    assert trace.queues[0].sizes == {(1, 1): 2}


def test_who_is_late_when_the_unit_is_free_leaves_the_batch(tmp_path: Any) -> None:
    """The batch is made at 0 but waits for a unit that others keep busy: one of its two is too late by then, its place stays empty."""
    workloads = {
        "other": {"arrival": _trace(tmp_path, [0], "o.csv"), "pipeline": [{"model": "long"}]},
        "patient": {"arrival": _trace(tmp_path, [1], "p.csv"), "pipeline": [serving.batched(max_size=2, policy="greedy")]},
        "hasty": {"arrival": _trace(tmp_path, [1], "h.csv"), "pipeline": [serving.batched(max_size=2, policy="greedy")]} | HASTY,
    }
    trace = serving.run(serving.scenario(workloads, 1.0, trace="full"), synthetic.device(["cpu"]), {"one": {1: MS, 2: MS}, "long": {1: 20 * MS}})
    assert _batches_ms(trace) == [(20, 21, 1, 2)]
    assert dict(zip(trace.requests["workload"].tolist(), trace.requests["status"].tolist(), strict=True)) == {0: Status.DONE, 1: Status.DONE, 2: Status.EXPIRED}


def test_a_batch_whose_requests_are_all_late_never_runs(tmp_path: Any) -> None:
    workloads = {
        "other": {"arrival": _trace(tmp_path, [0], "o.csv"), "pipeline": [{"model": "long"}]},
        "hasty": {
            "arrival": _trace(tmp_path, [1, 30], "h.csv"),
            "pipeline": [serving.batched(max_size=2, policy="greedy")],
            "deadline": "5 ms",
            "drop_late": True,
        },
    }
    trace = serving.run(serving.scenario(workloads, 1.0, trace="full"), synthetic.device(["cpu"]), {"one": {1: MS, 2: MS}, "long": {1: 20 * MS}})
    assert _batches_ms(trace) == [(30, 31, 1, 1)]


def test_dropped_requests_leave_the_queue(tmp_path: Any) -> None:
    stage = serving.batched(max_size=4, policy="greedy")
    workload = {"arrival": _trace(tmp_path, [0, 1, 2, 3, 4]), "pipeline": [stage], "queue": {"limit": 3, "when_full": "drop_oldest"}}
    trace = _run({"w": workload}, {1: 10 * MS, 2: 10 * MS, 4: 10 * MS})
    assert np.bincount(trace.requests["status"]).tolist() == [3, 0, 2]
    assert trace.queues[0].sizes == {(1, 1): 1, (2, 2): 1}


def test_shedding_keeps_the_urgent(tmp_path: Any) -> None:
    stage = serving.batched(max_size=1) | {"admission": {"name": "shed_by_priority", "limit": 2}}
    workloads = {
        "low": {"arrival": _trace(tmp_path, [0, 1, 2, 3], "low.csv"), "pipeline": [stage]},
        "high": {"arrival": _trace(tmp_path, [4, 5, 6], "high.csv"), "pipeline": [stage], "priority": 1},
    }
    trace = _run(workloads, {1: 10 * MS})
    requests = trace.requests.columns()
    fates = {name: np.bincount(requests["status"][requests["workload"] == index], minlength=3).tolist() for index, name in enumerate(workloads)}
    # one low runs and two wait; the third is refused, two are given up for the first two high ones, the third of those finds only its equals
    assert fates["low"][:3] == [1, 0, 3]
    assert fates["high"][:3] == [2, 0, 1]
    assert trace.queues[0].refused == 4


@pytest.mark.parametrize("policy", ["greedy", "timeout"])
def test_deadline_admission_lets_nobody_in_who_is_late(policy: str) -> None:
    stage = serving.batched(max_size=4, policy=policy, max_delay="3 ms") | {"admission": "deadline"}
    workload = {"arrival": {"kind": "poisson", "rate": "900 Hz"}, "pipeline": [stage], "deadline": "25 ms"}
    trace = _run({"w": workload}, {1: 3 * MS, 2: 4 * MS, 4: 7 * MS}, duration_s=5.0)
    status = np.bincount(trace.requests["status"], minlength=5)
    assert status[Status.LATE] == 0
    assert status[Status.DROPPED] > 500  # 900/s come, 571/s are possible
    assert status[Status.DONE] > 0.9 * 5 * 571


@pytest.mark.parametrize("governor", ["performance", "powersave"])
def test_deadline_admission_knows_the_clock_and_who_else_is_on_the_unit(governor: str) -> None:
    """Another model takes 40 % of the unit's time, which is learnt from how long batches take, and the lowest clock is a quarter of the highest."""
    scale = 1.0 if governor == "performance" else 4.0
    workloads = {
        "w": {
            "arrival": {"kind": "poisson", "rate": f"{900 / scale} Hz"},
            "pipeline": [serving.batched(max_size=4, policy="greedy") | {"admission": "deadline"}],
            "deadline": f"{40 * scale} ms",
        },
        "other": {"arrival": {"kind": "periodic", "rate": f"{40 / scale} Hz"}, "pipeline": [{"model": "long"}]},
    }
    given = serving.scenario(workloads, 20.0)
    trace = serving.run(given, synthetic.device(["cpu"], governor=governor), {"one": {1: 3 * MS, 2: 4 * MS, 4: 7 * MS}, "long": {1: 10 * MS}})
    status = trace.requests["status"][trace.requests["workload"] == 0]
    counts = np.bincount(status, minlength=5)
    assert counts[Status.LATE] <= 0.02 * counts[Status.DONE]
    assert counts[Status.DONE] > 0.8 * 20 * 0.6 * 571 / scale
    assert counts[Status.DROPPED] > 0.5 * counts.sum()


def test_what_was_learnt_in_a_rush_is_forgotten() -> None:
    """Somebody keeps the unit for 20 s; when he has gone, requests are let in again."""
    workloads = {
        "w": {
            "arrival": {"kind": "poisson", "rate": "50 Hz"},
            "pipeline": [serving.batched(max_size=4, policy="greedy") | {"admission": "deadline"}],
            "deadline": "30 ms",
        },
        "rush": {"arrival": {"kind": "periodic", "rate": "9 Hz"}, "count": 180, "pipeline": [{"model": "long"}]},
    }
    trace = serving.run(serving.scenario(workloads, 60.0), synthetic.device(["cpu"]), {"one": {1: 3 * MS, 4: 7 * MS, 2: 4 * MS}, "long": {1: 110 * MS}})
    requests = trace.requests.columns()
    later = (requests["workload"] == 0) & (requests["arrival_s"] > 21.0)
    assert (requests["status"][later] == Status.DONE).mean() > 0.99


def test_a_model_that_had_to_be_loaded_does_not_count_as_slow() -> None:
    stage = serving.batched(max_size=4, policy="greedy") | {"admission": "deadline"}
    workload = {"arrival": {"kind": "periodic", "rate": "100 Hz"}, "pipeline": [stage], "deadline": "30 ms"}
    engine = serving.engine(serving.scenario({"w": workload}, 5.0), synthetic.device(["cpu"]), {"one": {1: 3 * MS, 2: 4 * MS, 4: 7 * MS}}, load_s=0.5)
    engine.instances[0].at_start = False  # type: ignore[union-attr]
    trace = engine.run()
    assert trace.totals["model_loads"] == 1
    requests = trace.requests.columns()
    during = (requests["arrival_s"] > 0) & (requests["arrival_s"] < 0.47)
    assert (requests["status"][during] == Status.DROPPED).all()  # they would have waited for the model beyond their deadlines
    assert (requests["status"] == Status.LATE).sum() == 1  # the first one, for which it was read
    assert (requests["status"] == Status.DONE)[requests["arrival_s"] > 0.6].mean() > 0.99


def test_a_request_refused_in_one_branch_ends_once(tmp_path: Any) -> None:
    """Two stages side by side; the first request's second branch runs on, the others' is refused while their first branch waits or runs."""
    pipeline = [
        {"model": "one", "after": []},
        serving.batched("two", max_size=1) | {"after": [], "admission": {"name": "token_bucket", "rate": "1 Hz"}},
        {"model": "three", "after": ["one", "two"]},
    ]
    workload = {"arrival": _trace(tmp_path, [0, 1, 2]), "pipeline": pipeline}
    trace = serving.run(
        serving.scenario({"w": workload}, 1.0, trace="full"), synthetic.device(["cpu"]), {name: {1: 5 * MS} for name in ("one", "two", "three")}
    )
    assert sorted(trace.requests["request"].tolist()) == [0, 1, 2]
    assert np.bincount(trace.requests["status"]).tolist() == [1, 0, 2]


def test_workload_admission_by_deadline_looks_at_the_unit(tmp_path: Any) -> None:
    workload = {"arrival": _trace(tmp_path, [0, 1, 2, 3]), "pipeline": [{"model": "one"}], "deadline": "25 ms", "admission": "deadline"}
    requests = _run({"w": workload}, {1: 10 * MS}).requests.columns()
    by_number = dict(zip(requests["request"].tolist(), requests["status"].tolist(), strict=True))
    assert [by_number[number] for number in range(4)] == [Status.DONE, Status.DONE, Status.DROPPED, Status.DROPPED]


def test_token_bucket_before_a_workload() -> None:
    workload = {"arrival": {"kind": "poisson", "rate": "500 Hz"}, "pipeline": [{"model": "one"}], "admission": {"name": "token_bucket", "rate": "50 Hz"}}
    trace = _run({"w": workload}, {1: MS}, duration_s=10.0)
    assert int((trace.requests["status"] == Status.DONE).sum()) == pytest.approx(10 * 50 * 500 / 550, rel=0.05)  # a token waits 2 ms for a taker


def test_a_pool_takes_the_first_unit_that_is_free(tmp_path: Any) -> None:
    stage = serving.code("one", units=["cpu1", "cpu0"])
    trace = _run({"w": {"arrival": _trace(tmp_path, [0, 1, 2, 30]), "pipeline": [stage]}}, {1: 10 * MS}, units=("cpu0", "cpu1"))
    spans = trace.spans.columns()
    assert [(trace.units[unit], round(start / MS, 6)) for unit, start in zip(spans["unit"], spans["start_s"], strict=True)] == [
        ("cpu1", 0), ("cpu0", 1), ("cpu1", 10), ("cpu1", 30),
    ]  # fmt: skip
    assert trace.queues[0].replicas == 2


def test_repeats_go_back_to_the_queue(tmp_path: Any) -> None:
    stage = serving.batched(max_size=2, policy="greedy") | {"repeat": 2}
    trace = _run({"w": {"arrival": _trace(tmp_path, [0, 0]), "pipeline": [stage]}}, {1: MS, 2: 3 * MS})
    assert _batches_ms(trace) == [(0, 3, 2, 2), (3, 6, 2, 2)]
    assert trace.requests["end_s"] == pytest.approx([6 * MS] * 2)


def test_a_batch_waits_for_its_model_and_the_time_is_told(tmp_path: Any) -> None:
    """Loaded on demand, 1 MB at 100 MB/s; the first run takes 4 ms more; both are counted."""
    stage = serving.batched(max_size=4, policy="greedy")
    given = serving.scenario({"w": {"arrival": _trace(tmp_path, [0, 0, 1, 2]), "pipeline": [stage]}}, 1.0, trace="full")
    engine = serving.engine(given, synthetic.device(["cpu"]), {"one": {1: MS, 2: 2 * MS, 4: 3 * MS}}, load_s=0.01, first_inference_s=0.004)
    instance = engine.instances[0]
    assert instance is not None
    instance.at_start = False
    trace = engine.run()
    assert _batches_ms(trace) == [(10, 16, 2, 2), (16, 18, 2, 2)]
    assert trace.totals["model_loads"] == 1
    assert trace.totals["loading_s"] == pytest.approx(0.01)
    assert (trace.totals["cold_starts"], trace.totals["cold_start_s"]) == (1, pytest.approx(0.004))


def test_two_models_swap_and_batch(tmp_path: Any) -> None:
    """Room for one of two models: each batch after the other's evicts it; requests that come during a load join the next batch."""
    workloads = {
        name: {"arrival": {"kind": "poisson", "rate": "40 Hz"}, "pipeline": [serving.batched(name, max_size=8, max_delay="1 ms")]} for name in ("a", "b")
    }
    given = serving.scenario(workloads, 5.0, memory={"when_full": "evict"})
    engine = serving.engine(given, synthetic.device(["cpu"], capacity_bytes=1.5e6), {name: {1: MS, 8: 4 * MS} for name in workloads}, load_s=0.01)
    trace = engine.run()
    assert trace.totals["evictions"] > 50
    assert trace.totals["model_loads"] == pytest.approx(trace.totals["evictions"], abs=1)
    assert trace.totals["loading_s"] == pytest.approx(trace.totals["model_loads"] * 0.01, rel=0.01)
    assert set(trace.requests["status"].tolist()) <= {Status.DONE, Status.UNFINISHED}
    assert int((trace.requests["status"] == Status.UNFINISHED).sum()) < 10
    assert trace.totals["peak_memory_bytes"] <= 1.5e6


def test_a_batch_gives_way_to_urgent_work(tmp_path: Any) -> None:
    """A batch of ten kernels is preempted at a kernel border and goes on; its requests end together."""
    workloads = {
        "w": {"arrival": _trace(tmp_path, [0, 0], "w.csv"), "pipeline": [serving.batched(max_size=2, policy="greedy")]},
        "urgent": {"arrival": _trace(tmp_path, [33], "u.csv"), "pipeline": [{"model": "fast"}], "priority": 5},
    }
    given = serving.scenario(workloads, 1.0, scheduler="priority", preemption=True)
    trace = serving.run(given, synthetic.device(["cpu"]), {"one": {1: 0.1, 2: 0.1}, "fast": {1: 0.01}}, kernels=10)
    assert sorted((trace.requests["end_s"] / MS).round(6).tolist()) == [50, 110, 110]


def test_an_unfinished_batch_is_charged(tmp_path: Any) -> None:
    trace = _run({"w": {"arrival": _trace(tmp_path, [0, 0]), "pipeline": [serving.batched(max_size=2)]}}, {1: 1.0, 2: 1.0}, duration_s=0.5)
    assert trace.requests["status"].tolist() == [Status.UNFINISHED] * 2
    assert trace.request_energy["energy_j"] == pytest.approx([0.25, 0.25])


def test_nothing_is_counted_before_the_warmup_ends(tmp_path: Any) -> None:
    trace = _run({"w": {"arrival": _trace(tmp_path, [0, 100]), "pipeline": [serving.batched(max_size=2, policy="greedy")]}}, {1: MS, 2: MS}, warmup="50 ms")
    assert trace.queues[0].sizes == {(1, 1): 1}


@pytest.mark.parametrize(
    ("spread", "cv"),
    [({"kind": "exponential"}, 1.0), ({"kind": "gamma", "cv": 0.3}, 0.3), ({"kind": "lognormal", "cv": 0.6}, 0.6), ({"kind": "uniform", "cv": 0.5}, 0.5)],
)
def test_spread_keeps_the_mean(spread: dict[str, Any], cv: float) -> None:
    workload = {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": [serving.code("one", spread=spread)]}
    trace = serving.run(serving.scenario({"w": workload}, 20_000.0), synthetic.device(["cpu"]), {"one": {1: 0.01}})
    lengths = (trace.requests["end_s"] - trace.requests["start_s"])[:19_999]
    assert lengths.mean() == pytest.approx(0.01, rel=5 * cv / 141)
    assert lengths.std() / lengths.mean() == pytest.approx(cv, rel=0.1)
    assert lengths.min() > 0


def test_kernels_of_a_spread_stage_are_as_long_as_its_runs() -> None:
    from dataclasses import replace

    from sim.runtime.kernels import kernel_spans

    workload = {"arrival": {"kind": "poisson", "rate": "50 Hz"}, "pipeline": [serving.code("one", spread={"kind": "gamma", "cv": 0.5})]}
    engine = serving.engine(serving.scenario({"w": workload}, 2.0, trace="full"), synthetic.device(["cpu"]), {"one": {1: 0.01}})
    trace = engine.run()
    kernels = kernel_spans(trace, [replace(program, model="code") for program in engine.deployment.programs])
    assert kernels["start_s"] == pytest.approx(trace.spans["start_s"])
    assert kernels["end_s"] == pytest.approx(trace.spans["end_s"])


def test_spread_has_a_random_stream_of_its_own() -> None:
    """Other workloads and seeds: the same seed gives the same lengths, whoever else is there."""
    stage = serving.code("one", spread={"kind": "gamma", "cv": 0.5})
    one = {"w": {"arrival": {"kind": "periodic", "rate": "10 Hz"}, "pipeline": [stage]}}
    both = one | {"other": {"arrival": {"kind": "poisson", "rate": "3 Hz"}, "pipeline": [serving.code("two", units=["npu"], spread={"kind": "exponential"})]}}

    def lengths(workloads: dict[str, Any], seed: int) -> np.ndarray:
        requests = serving.run(serving.scenario(workloads, 5.0), synthetic.device(), {"one": {1: 0.01}, "two": {1: 0.01}}, seed=seed).requests.columns()
        return np.sort((requests["end_s"] - requests["start_s"])[requests["workload"] == 0])

    assert lengths(one, 1) == pytest.approx(lengths(both, 1), rel=1e-9)
    assert lengths(one, 1) != pytest.approx(lengths(one, 2), rel=1e-3)
