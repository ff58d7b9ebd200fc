"""``trace: summary``: the same numbers as from rows of requests, without the rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import synthetic

from sim.report.request_metrics import answered_requests, workload_metrics
from sim.trace import Trace

# a queue that drops, deadlines that are missed, requests given up, a stage entered by chance, one unfinished at the end
WORKLOADS: dict[str, dict[str, Any]] = {
    "busy": {"arrival": {"kind": "poisson", "rate": "95 Hz"}, "pipeline": "one", "deadline": "60 ms", "queue": {"limit": 12}, "drop_late": True},
    "calm": {"arrival": {"kind": "periodic", "rate": "7 Hz", "jitter": "20 ms"}, "pipeline": [{"model": "two", "probability": 0.6}], "start": "3 s"},
    "over": {"arrival": {"kind": "poisson", "rate": "40 Hz"}, "pipeline": "three", "deadline": "100 ms"},
}
PROGRAMS = [synthetic.simple("one", "cpu", 0.01), synthetic.simple("two", "npu", 0.03), synthetic.simple("three", "npu", 0.025)]
WARMUP_S = 2.0


def run(trace: str, duration_s: float = 40.0, seed: int = 3) -> Trace:
    given = synthetic.scenario(WORKLOADS, duration_s, trace=trace, warmup=f"{WARMUP_S} s", seed=seed)
    return synthetic.run(given, synthetic.device(battery=True), PROGRAMS)


@pytest.fixture(scope="module")
def both() -> tuple[Trace, Trace]:
    return run("requests"), run("summary")


def test_every_number_of_a_workload(both: tuple[Trace, Trace]) -> None:
    starts_s = {"calm": 3.0}
    kept, summed = (workload_metrics(trace, WARMUP_S, starts_s) for trace in both)
    assert any(one.dropped_count for one in kept.values()) and any(one.expired_count for one in kept.values())
    assert any(one.unfinished_count for one in kept.values()) and any(one.late_count for one in kept.values())
    for name, exact in kept.items():
        for field in dataclasses.fields(exact):
            if field.name != "latency":
                value = getattr(exact, field.name)
                assert getattr(summed[name], field.name) == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), (name, field.name)
        assert exact.latency is not None and summed[name].latency is not None
        for key in ("min_s", "mean_s", "max_s"):
            assert getattr(summed[name].latency, key) == pytest.approx(getattr(exact.latency, key), rel=1e-12)
        for key in ("p50_s", "p90_s", "p95_s", "p99_s", "p999_s"):
            assert getattr(summed[name].latency, key) == pytest.approx(getattr(exact.latency, key), rel=1e-3)
        assert sum(summed[name].latency.histogram.counts_count) == sum(exact.latency.histogram.counts_count)


def test_answers_and_energy_of_the_whole_run(both: tuple[Trace, Trace]) -> None:
    kept, summed = both
    assert answered_requests(kept) == answered_requests(summed) > 0
    assert sum(summary.energy_j for summary in summed.summaries) == pytest.approx(kept.request_energy["energy_j"].sum(), rel=1e-12)
    assert sum(summary.rows for summary in summed.summaries) == len(kept.requests)
    assert summed.energy_j == pytest.approx(kept.energy_j, rel=1e-9)


def test_no_rows_are_kept_however_long_the_run_is() -> None:
    short, long = run("summary", 20.0), run("summary", 200.0)
    assert long.summaries[0].rows > 8 * short.summaries[0].rows
    for trace in (short, long):
        sizes = {name: len(getattr(trace, name)) for name in ("spans", "requests", "request_energy", "choices", "batches", "radio_phases")}
        assert not any(sizes.values()), sizes
        assert set(trace.tables()) == {"counters"}
    bound = 10_000 + 2
    for trace in (short, long):
        _, rows = np.unique(trace.counter_rows["counter"], return_counts=True)
        assert rows.max() <= bound


def test_summaries_of_runs_add_up() -> None:
    first, second = run("summary", seed=1).summaries[0], run("summary", seed=2).summaries[0]
    rows, answered, missed = first.rows + second.rows, first.answered_all + second.answered_all, first.missed + second.missed
    latest = max(first.latency.max, second.latency.max)
    first.merge(second)
    assert (first.rows, first.answered_all, first.missed, first.latency.max) == (rows, answered, missed, latest)
    assert int(first.counts.sum()) > int(second.counts.sum())
