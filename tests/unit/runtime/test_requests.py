"""Requests: branches, chance, repeats, queues, deadlines, and ties."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic

from sim.errors import EdgesimError
from sim.runtime.request import route
from sim.trace import Status, Trace


def _statuses(trace: Trace) -> list[Status]:
    return [Status(value) for value in trace.requests["status"][np.argsort(trace.requests["request"])]]


def test_route_skips_what_follows_only_from_a_skipped_stage() -> None:
    #   0 -> 1 -> 3;  0 -> 2;  (1, 2) -> 4
    dependencies = ((), (0,), (0,), (1,), (1, 2))
    found = route(dependencies, [True, False, True, True, True])
    assert (found.starts, found.stages) == ((0,), 3)
    assert found.feeds[0] == (2,) and found.feeds[2] == (4,) and found.waits_for[4] == 1


def test_branches_run_at_the_same_time_and_join() -> None:
    pipeline = [{"model": "a"}, {"model": "b", "after": ["a"]}, {"model": "c", "after": ["a"]}, {"model": "a", "name": "end", "after": ["b", "c"]}]
    programs = [synthetic.simple("a", "cpu", 0.01), synthetic.simple("b", "cpu", 0.02), synthetic.simple("c", "npu", 0.05)]
    trace = synthetic.run(synthetic.scenario({"w": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": pipeline}}), synthetic.device(), programs)
    assert trace.requests["end_s"] == pytest.approx([0.01 + 0.05 + 0.01])


def test_repeats_run_in_turn() -> None:
    pipeline = [{"model": "a", "repeat": 5}]
    scenario = synthetic.scenario({"w": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": pipeline}})
    trace = synthetic.run(scenario, synthetic.device(), [synthetic.simple("a", "cpu", 0.01)])
    assert trace.requests["end_s"] == pytest.approx([0.05])
    assert trace.spans["repeat"].tolist() == [0, 1, 2, 3, 4]


def test_chance_has_its_own_stream() -> None:
    pipeline = [{"model": "a"}, {"model": "b", "probability": 0.3}]
    programs = [synthetic.simple("a", "cpu", 0.001), synthetic.simple("b", "cpu", 0.001)]
    scenario = synthetic.scenario({"w": {"arrival": {"kind": "periodic", "rate": "100 Hz"}, "pipeline": pipeline}}, 50.0)
    trace = synthetic.run(scenario, synthetic.device(), programs)
    share = (trace.spans["program"] == 1).sum() / len(trace.requests)
    assert share == pytest.approx(0.3, abs=3 * (0.3 * 0.7 / 5000) ** 0.5)


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ({"limit": 1}, "DONE DROPPED DROPPED DONE"),
        ({"limit": 2, "when_full": "drop_new"}, "DONE DONE DROPPED DONE"),
        ({"limit": 2, "when_full": "drop_oldest"}, "DONE DROPPED DONE DONE"),
    ],
)
def test_queue_limits(queue: dict[str, object], expected: str) -> None:
    """Arrivals each 10 ms, service 28 ms: the second and third find the first running."""
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "100 Hz"}, "count": 4, "queue": queue}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.028)])
    assert " ".join(status.name for status in _statuses(trace)) == expected


def test_late_and_expired() -> None:
    workload = {"arrival": {"kind": "periodic", "rate": "100 Hz"}, "count": 4, "deadline": "35 ms"}
    programs = [synthetic.simple("a", "cpu", 0.03)]
    kept = synthetic.run(synthetic.scenario({"a": workload}), synthetic.device(["cpu"]), programs)
    assert [status.name for status in _statuses(kept)] == ["DONE", "LATE", "LATE", "LATE"]
    dropped = synthetic.run(synthetic.scenario({"a": workload | {"drop_late": True}}), synthetic.device(["cpu"]), programs)
    assert [status.name for status in _statuses(dropped)] == ["DONE", "LATE", "EXPIRED", "LATE"] or _statuses(dropped)[2] == Status.EXPIRED
    assert np.isnan(dropped.requests["start_s"][_statuses(dropped).index(Status.EXPIRED)])


def test_unfinished_at_the_end() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "closed", "clients": 2}}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.4)])
    assert [status.name for status in _statuses(trace)] == ["DONE", "DONE", "UNFINISHED", "UNFINISHED"]
    assert trace.spans["end_s"].max() == 1.0


def test_the_more_urgent_of_two_at_the_same_moment_runs_first() -> None:
    """Also without preemption: nothing has been done yet when the second comes."""
    workloads = {
        "low": {"arrival": {"kind": "periodic", "rate": "1 Hz"}},
        "high": {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "priority": 1},
    }
    programs = [synthetic.simple("low", "cpu", 0.1), synthetic.simple("high", "cpu", 0.1)]
    trace = synthetic.run(synthetic.scenario(workloads, scheduler="priority"), synthetic.device(["cpu"]), programs)
    first, second = np.argsort(trace.requests["end_s"])
    assert trace.workloads[trace.requests["workload"][first]] == "high"
    assert trace.requests["start_s"][second] == pytest.approx(0.1)


def test_trace_of_requests_only() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "10 Hz"}}}, trace="requests")
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.01)])
    assert len(trace.spans) == 0 and len(trace.requests) == 10 and trace.totals["busy_s"]["cpu"] == pytest.approx(0.1)


def test_an_interrupt_passes_cleanly() -> None:
    import gc

    def interrupt(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "10 Hz"}}})
    with pytest.raises(KeyboardInterrupt):
        synthetic.engine(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.01)]).run(progress=interrupt)
    assert gc.isenabled()


def test_progress_rises_to_one() -> None:
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "10 Hz"}}})
    seen: list[float] = []
    synthetic.engine(scenario, synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", 0.01)]).run(progress=seen.append)
    assert seen == sorted(seen) and seen[0] == 0.0 and seen[-1] == 1.0 and len(seen) > 100


@pytest.mark.parametrize("workload", [{"clients": 2, "queue": {"limit": 1}}, {"clients": 1, "seconds": 0.0}])
def test_a_closed_loop_in_which_time_stands_still_is_refused(workload: dict[str, object]) -> None:
    """Clients that are turned away and come back at once, or answers that take no time: the run would never end."""
    loop = {"arrival": {"kind": "closed", "clients": workload["clients"]}, "queue": workload.get("queue", {})}
    with pytest.raises(EdgesimError, match=r"workloads\.a\.arrival: 100000 requests of this closed loop ended at 0 s"):
        synthetic.run(synthetic.scenario({"a": loop}), synthetic.device(["cpu"]), [synthetic.simple("a", "cpu", float(str(workload.get("seconds", 0.01))))])
