"""MLPerf LoadGen's Server and its search against queueing theory and a fine grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import synthetic

from sim.experiment.loadgen_search import Outcome, highest_valid_qps, tried
from sim.experiment.simulate import Experiment, prepare
from sim.scenario.loading import load_scenario
from sim.workload.loadgen_rules import judged

SERVICE_S = 0.01


def md1_wait_cdf(time_s: float, rate_hz: float, service_s: float) -> float:
    """P(W <= t) of M/D/1: (1 - rho) sum over k <= t / D of (lambda (k D - t))^k / k! exp(lambda (t - k D)) (Erlang 1909)."""
    terms = [
        (rate_hz * (k * service_s - time_s)) ** k / math.factorial(k) * math.exp(rate_hz * (time_s - k * service_s))
        for k in range(math.floor(time_s / service_s) + 1)
    ]
    return (1.0 - rate_hz * service_s) * math.fsum(terms)


def md1_percentile_s(share: float, rate_hz: float, service_s: float) -> float:
    """The latency (wait and service) that the share of requests does not exceed."""
    from scipy import optimize

    wait_s = optimize.brentq(lambda time_s: md1_wait_cdf(time_s, rate_hz, service_s) - share, 1e-9, 15 * service_s)
    return float(wait_s) + service_s


def server_run(loadgen: dict[str, Any], seed: int, trace: str = "summary") -> Any:
    given = synthetic.scenario({"w": {"loadgen": loadgen, "pipeline": "one"}}, 10_000.0, trace=trace)
    found = synthetic.run(given, synthetic.device(["cpu"]), [synthetic.simple("one", "cpu", SERVICE_S)], seed=seed)
    settings = given.workloads["w"].loadgen
    assert settings is not None
    return judged(settings, found.queries["w"])


@pytest.mark.parametrize(("load", "percentile"), [(0.5, 90.0), (0.7, 99.0), (0.8, 95.0)])
def test_over_latency_of_a_server_is_that_of_md1(load: float, percentile: float) -> None:
    """Over 20 seeds, the share over the closed form's percentile is ``1 - percentile`` within a 99 % confidence interval."""
    from scipy import stats

    rate_hz = load / SERVICE_S
    bound_s = md1_percentile_s(percentile / 100, rate_hz, SERVICE_S)
    loadgen = {"scenario": "Server", "target_qps": rate_hz, "target_latency": f"{bound_s} s", "percentile": percentile, "min_duration": "60 s"}
    results = [server_run(loadgen, seed) for seed in range(20)]
    shares = np.array([result.over_latency_count / result.samples_count for result in results])
    half = float(stats.t.ppf(0.995, len(shares) - 1)) * shares.std(ddof=1) / math.sqrt(len(shares))
    assert abs(shares.mean() - (1 - percentile / 100)) <= half
    percentiles_s = np.array([result.percentile_s for result in results])
    half_s = float(stats.t.ppf(0.995, len(shares) - 1)) * percentiles_s.std(ddof=1) / math.sqrt(len(shares))
    assert abs(percentiles_s.mean() - bound_s) <= half_s + 0.01 * bound_s  # a quantile of few is biased by about 1 / n


def edge_case(latency: str = "40 ms", min_duration: str = "60 s", load_qps: float = 20.0) -> Experiment:
    scenario = {
        "name": "edge",
        "device": "raspberry_pi_4",
        "workloads": {
            "w": {
                "loadgen": {"scenario": "Server", "target_qps": load_qps, "target_latency": latency, "min_duration": min_duration},
                "pipeline": [{"name": "work", "unit": "cpu", "work": {"operations": "20 M", "bytes": "1 MB"}}],
            }
        },
        "duration": "200 s",
        "governors": {"cpu": "performance"},
    }
    return prepare(load_scenario(scenario))


@pytest.mark.parametrize("start_qps", [2.0, 20.0, 2000.0])
def test_the_search_finds_what_a_fine_grid_finds(start_qps: float) -> None:
    """Wherever it starts: the highest rate of a grid of half the tolerance that is valid with all seeds, within the tolerance."""
    seeds, tolerance = (0, 1), 0.02
    experiment = edge_case(load_qps=start_qps)
    search = highest_valid_qps(experiment, "w", tolerance=tolerance, seeds=seeds)
    assert search.highest_qps is not None and search.too_fast_qps is not None
    assert search.highest_qps < search.too_fast_qps <= search.highest_qps * (1 + 4 * tolerance)
    grid = search.highest_qps * (1 + tolerance / 2 * np.arange(-10, 17))
    valid = [rate for rate in grid if tried(experiment, "w", float(rate), seeds).outcome is Outcome.VALID]
    assert max(valid) == pytest.approx(search.highest_qps, rel=tolerance)
    assert len(search.trials) < 25


def test_the_search_agrees_with_md1() -> None:
    """The valid rate is at most the one at which M/D/1's 99th percentile is the bound, and early stopping costs only some percent."""
    from scipy import optimize

    experiment = edge_case(min_duration="150 s")
    service_s = experiment.run(seed=0).trace.queries["w"].statistics().min
    edge_hz = optimize.brentq(lambda rate_hz: md1_percentile_s(0.99, rate_hz, service_s) - 0.04, 0.1 / service_s, 0.8 / service_s)
    search = highest_valid_qps(experiment, "w", tolerance=0.01)
    assert search.highest_qps is not None
    assert 0.9 * edge_hz <= search.highest_qps <= 1.03 * edge_hz
