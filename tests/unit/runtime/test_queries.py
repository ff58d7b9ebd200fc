"""MLPerf LoadGen drives a workload: when queries go out, when the run ends, what is written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic

from sim.errors import EdgesimError
from sim.trace import Status, Trace
from sim.workload.loadgen_rules import LoadGenResult, judged

SERVICE_S = 0.01


def run(loadgen: dict[str, Any], duration_s: float = 100.0, service_s: float = SERVICE_S, workload: dict[str, Any] | None = None, **more: Any) -> Trace:
    own = {"loadgen": loadgen, "pipeline": "one", **(workload or {})}
    return synthetic.run(synthetic.scenario({"w": own}, duration_s, **more), synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", service_s)])


def result(trace: Trace, loadgen: dict[str, Any]) -> LoadGenResult:
    settings = synthetic.scenario({"w": {"loadgen": loadgen, "pipeline": "one"}}).workloads["w"].loadgen
    assert settings is not None
    return judged(settings, trace.queries["w"])


def test_single_stream_sends_the_next_query_when_the_last_is_answered() -> None:
    loadgen = {"scenario": "SingleStream", "min_duration": "2.005 s"}
    trace = run(loadgen)
    requests = trace.requests.columns()
    assert requests["arrival_s"] == pytest.approx(np.arange(202) * SERVICE_S)  # the last is the first from 2.005 s on
    assert requests["arrival_s"][1:] == pytest.approx(requests["end_s"][:-1], abs=1e-12)
    assert trace.end_s == requests["end_s"][-1]
    found = result(trace, loadgen)
    assert found.valid and found.rate_hz == pytest.approx(1 / SERVICE_S)
    assert found.percentile_s == pytest.approx(SERVICE_S) == found.estimate_s


def test_single_stream_goes_on_until_there_are_enough_queries() -> None:
    trace = run({"scenario": "SingleStream", "min_duration": "0 s", "min_query_count": 300})
    assert len(trace.requests) == 300 and trace.end_s == pytest.approx(300 * SERVICE_S)


def test_multi_stream_waits_for_all_samples_of_a_query() -> None:
    loadgen = {"scenario": "MultiStream", "samples_per_query": 4, "min_duration": "1 s", "min_query_count": 10}
    trace = run(loadgen)
    requests = trace.requests.columns()
    queries = requests["arrival_s"].reshape(-1, 4)
    assert len(queries) == 26 and (queries == queries[:, :1]).all()
    assert queries[1:, 0] == pytest.approx(requests["end_s"].reshape(-1, 4)[:-1, -1], abs=1e-12)
    found = result(trace, loadgen)
    assert (found.queries_count, found.samples_count) == (26, 104)
    assert found.percentile_s == pytest.approx(4 * SERVICE_S) == found.min_s  # the latency of its last sample
    assert found.rate_hz == pytest.approx(1 / SERVICE_S)


def test_offline_sends_all_samples_at_once() -> None:
    loadgen = {"scenario": "Offline", "min_duration": "5 s", "target_qps": 100, "min_query_count": 10}
    trace = run(loadgen)
    assert len(trace.requests) == 550 and not trace.requests["arrival_s"].any()  # a tenth more than expected
    found = result(trace, loadgen)
    assert found.valid and found.queries_count == 1
    assert found.rate_hz == pytest.approx(550 / 5.5)
    assert len(run({**loadgen, "min_query_count": 700}).requests) == 700
    slow = run({**loadgen, "target_qps": 50})
    assert not result(slow, loadgen).rules["min_duration"].ok  # 275 samples take 2.75 s


def test_server_sends_a_poisson_process_that_ends_by_the_rules() -> None:
    from scipy import stats

    loadgen = {"scenario": "Server", "target_qps": 50, "target_latency": "1 s", "min_duration": "90 s"}
    trace = run(loadgen)
    arrivals = np.sort(trace.requests["arrival_s"])
    assert arrivals[0] == 0.0 and arrivals[-2] < 90.0 <= arrivals[-1]
    assert stats.kstest(np.diff(arrivals), stats.expon(scale=1 / 50).cdf).pvalue > 0.01
    assert trace.end_s == trace.requests["end_s"].max() and (trace.requests["status"] == Status.DONE).all()
    found = result(trace, loadgen)
    assert found.rate_hz == pytest.approx((len(arrivals) - 1) / arrivals[-1])
    latencies = np.sort(trace.requests["end_s"] - trace.requests["arrival_s"])
    assert found.percentile_s == latencies[int(0.99 * len(latencies))]


def test_a_server_counts_what_is_over_latency() -> None:
    loadgen = {"scenario": "Server", "target_qps": 70, "target_latency": "20 ms", "min_duration": "30 s"}
    trace = run(loadgen)
    latencies = trace.requests["end_s"] - trace.requests["arrival_s"]
    found = result(trace, loadgen)
    assert found.over_latency_count == int((latencies > 0.02).sum()) > 100
    assert not found.rules["performance"].ok


def test_the_same_seed_scales_its_gaps_with_the_rate() -> None:
    """Trials of a search differ in the rate alone."""
    base = {"scenario": "Server", "target_latency": "1 s", "min_duration": "0 s", "min_query_count": 200}
    slow, fast = (np.sort(run({**base, "target_qps": qps}).requests["arrival_s"]) for qps in (20, 40))
    assert slow == pytest.approx(2 * fast)


def test_same_seed_same_log_other_seed_other_log() -> None:
    loadgen = {"scenario": "Server", "target_qps": 60, "target_latency": "50 ms", "min_duration": "5 s"}
    first, again, other = run(loadgen), run(loadgen), run(loadgen, seed=1)
    assert first.requests["end_s"].tolist() == again.requests["end_s"].tolist() != other.requests["end_s"].tolist()


@pytest.mark.parametrize("trace", ["requests", "summary"])
def test_what_the_end_of_the_run_cuts_off_is_not_answered(trace: str) -> None:
    loadgen = {"scenario": "Server", "target_qps": 200, "target_latency": "50 ms", "min_duration": "4 s"}
    cut = run(loadgen, duration_s=5.0, trace=trace)
    found = result(cut, loadgen)
    assert cut.end_s == 5.0 and not found.rules["answered"].ok
    assert found.rules["answered"].value == found.queries_count - 500  # a hundred a second were answered
    stream = run({"scenario": "MultiStream", "min_duration": "0 s"}, duration_s=1.0, trace=trace)
    assert stream.queries["w"].unanswered == 1 and stream.queries["w"].count == 12  # a query of 80 ms was under way
    assert run({"scenario": "Offline", "min_duration": "0 s"}, duration_s=1.005, trace=trace).queries["w"].unanswered == 24_576 - 100


def test_a_dropped_sample_fails_its_query_and_the_stream_goes_on() -> None:
    loadgen = {"scenario": "MultiStream", "samples_per_query": 4, "min_duration": "1 s", "min_query_count": 10}
    trace = run(loadgen, workload={"queue": {"limit": 3}})
    log = trace.queries["w"]
    assert log.queries == log.unanswered > 10 and log.count == 0
    assert (trace.requests["status"] == Status.DROPPED).sum() == log.queries


def test_the_run_ends_with_the_last_load_generator_and_not_with_other_workloads() -> None:
    programs = [synthetic.simple("one", "cpu", 0.01), synthetic.simple("two", "npu", 0.02)]
    workloads = {
        "short": {"loadgen": {"scenario": "SingleStream", "min_duration": "1 s"}, "pipeline": "one"},
        "long": {"loadgen": {"scenario": "SingleStream", "min_duration": "3 s"}, "pipeline": "two", "start": "2 s"},
        "camera": {"arrival": {"kind": "periodic", "rate": "10 Hz"}, "pipeline": "one"},
    }
    trace = synthetic.run(synthetic.scenario(workloads, 60.0), synthetic.device(), programs)
    assert trace.end_s == pytest.approx(2.0 + 3.0 + 0.02, abs=0.021)
    assert trace.queries["long"].last_issue_s == pytest.approx(3.0, abs=0.021)  # counted from its start
    assert set(trace.queries) == {"short", "long"}


def test_a_stream_whose_queries_take_no_time_is_an_error() -> None:
    own = {"loadgen": {"scenario": "SingleStream", "min_duration": "1 s"}, "pipeline": "one", "queue": {"limit": 1}}
    pipeline = [{"model": "one", "probability": 0}]
    given = synthetic.scenario({"w": {**own, "pipeline": pipeline}}, 10.0)
    with pytest.raises(EdgesimError, match="without time passing; give its stages work") as caught:
        synthetic.run(given, synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", 0.01)])
    assert caught.value.problems[0].path == "workloads.w.loadgen"


@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server", "Offline"])
def test_one_event_per_operator_gives_the_same_log(scenario: str) -> None:
    more: dict[str, Any] = {"target_qps": 60, "target_latency": "50 ms"} if scenario == "Server" else {}
    loadgen = {"scenario": scenario, "min_duration": "0 s", "min_query_count": 40, **more}
    given = synthetic.scenario({"w": {"loadgen": loadgen, "pipeline": "one"}}, 60.0)
    device, programs = synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", 0.01, kernels=5)]
    lazy, reference = (synthetic.run(given, device, programs, reference=reference) for reference in (False, True))
    assert lazy.end_s == pytest.approx(reference.end_s, abs=1e-9)
    assert lazy.requests["end_s"] == pytest.approx(reference.requests["end_s"], abs=1e-9)


@pytest.mark.parametrize("scenario", ["MultiStream", "Offline"])
def test_samples_of_a_query_are_batched_and_share_its_energy(scenario: str) -> None:
    """Eight samples as one batch of 30 ms instead of eight runs of 10 ms; the latency of a query is that of its last sample."""
    import serving

    loadgen: dict[str, Any] = {"scenario": scenario, "min_duration": "0 s", "min_query_count": 40, "target_qps": 1}
    if scenario == "MultiStream":
        del loadgen["target_qps"]
    stage = serving.batched("one", max_size=8, max_delay="0 s", buckets=[1, 8])
    given = serving.scenario({"w": {"loadgen": loadgen, "pipeline": [stage]}}, 100.0, trace="full")
    trace = serving.engine(given, synthetic.device(["gpu"]), {"one": {1: 0.01, 8: 0.03}}).run()
    log = trace.queries["w"]
    batches = trace.batches.columns()
    assert (batches["size"] == 8).all() and len(batches["size"]) == log.samples // 8
    if scenario == "MultiStream":
        assert log.queries == 40 and log.statistics().min == pytest.approx(0.03) == log.statistics().max
    else:
        assert log.samples == 40 and log.statistics().max == pytest.approx(5 * 0.03)
    energies = trace.request_energy["energy_j"]
    assert energies == pytest.approx(np.full(len(energies), energies.sum() / len(energies)))
