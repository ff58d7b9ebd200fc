"""The bracket of the search for a Server's highest rate: growing, shrinking, limits, noise; with a device made up of one inequality."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.errors import EdgesimError
from sim.experiment import loadgen_search
from sim.experiment.loadgen_search import Outcome, Search, Trial, highest_valid_qps, server_of
from sim.experiment.simulate import Experiment, prepare
from sim.scenario.loading import load_scenario

Judge = Callable[[float], Outcome]


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    stage = {"name": "work", "unit": "cpu", "work": {"operations": "10 M"}}
    loadgen = {"scenario": "Server", "target_qps": 100, "target_latency": "40 ms", "min_duration": "5 s"}
    workloads = {
        "w": {"loadgen": loadgen, "pipeline": [stage]},
        "stream": {"loadgen": {"scenario": "SingleStream", "min_duration": "5 s"}, "pipeline": [stage]},
    }
    return prepare(load_scenario({"name": "x", "device": "raspberry_pi_4", "workloads": workloads, "duration": "30 s"}))


@pytest.fixture
def search(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Search]:
    """A search on a device that is what ``judge`` says."""

    def run(judge: Judge, **more: float | None) -> Search:
        monkeypatch.setattr(loadgen_search, "tried", lambda experiment, workload, rate, seeds: Trial(rate, judge(rate), ()))
        return highest_valid_qps(experiment, "w", **more)  # type: ignore[arg-type]

    return run


def up_to(edge: float) -> Judge:
    return lambda rate: Outcome.VALID if rate <= edge else Outcome.TOO_FAST


@pytest.mark.parametrize("edge", [0.003, 1.0, 99.9, 100.0, 137.0, 5e5])
@pytest.mark.parametrize("tolerance", [0.1, 0.001])
def test_it_finds_the_edge_wherever_it_is(search: Callable[..., Search], edge: float, tolerance: float) -> None:
    found = search(up_to(edge), tolerance=tolerance)
    assert found.highest_qps is not None and found.too_fast_qps is not None
    assert found.highest_qps <= edge < found.too_fast_qps
    assert found.too_fast_qps <= found.highest_qps * (1 + tolerance)
    assert len({trial.target_qps for trial in found.trials}) == len(found.trials)


def test_limits_are_kept(search: Callable[..., Search]) -> None:
    found = search(up_to(137.0), low=50.0, high=120.0)
    assert (found.highest_qps, found.too_fast_qps) == (120.0, None)
    below = search(up_to(20.0), low=50.0, high=120.0)
    assert below.highest_qps is None and below.too_fast_qps == 50.0
    inside = search(up_to(77.0), low=50.0, high=120.0)
    assert all(50.0 <= trial.target_qps <= 120.0 for trial in inside.trials)
    assert inside.highest_qps == pytest.approx(77.0, rel=0.01)


def test_too_few_queries_send_the_search_up(search: Callable[..., Search]) -> None:
    """Below 150 queries/s all answers are in time but too few to prove it; above 300 they are late."""
    judge: Judge = lambda rate: Outcome.TOO_FEW if rate < 150 else up_to(300)(rate)  # noqa: E731
    assert search(judge).highest_qps == pytest.approx(300, rel=0.01)
    never = search(lambda rate: Outcome.TOO_FEW if rate < 150 else Outcome.TOO_FAST)
    assert never.highest_qps is None and never.too_fast_qps == pytest.approx(150, rel=0.01)


def test_luck_near_the_edge_moves_the_search_up(search: Callable[..., Search]) -> None:
    """A pocket of bad luck below the true edge: what is valid a little above it counts."""
    judge: Judge = lambda rate: Outcome.TOO_FAST if 130.0 < rate < 131.2 else up_to(150.0)(rate)  # noqa: E731
    assert search(judge, high=131.0, low=100.0).highest_qps == pytest.approx(130.0, rel=0.01)
    assert search(judge, tolerance=0.005, low=129.0).highest_qps == pytest.approx(150.0, rel=0.005)


def test_nothing_is_ever_valid(search: Callable[..., Search]) -> None:
    found = search(lambda rate: Outcome.TOO_FAST)
    assert found.highest_qps is None and found.too_fast_qps is not None and found.too_fast_qps < 0.001
    assert search(lambda rate: Outcome.VALID).too_fast_qps is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"low": 10.0, "high": 10.0}, "--low 10 is not below --high 10"),
        ({"low": 0.0}, "--low 0: a rate lies between"),
        ({"high": float("inf")}, "--high inf"),
        ({"tolerance": 0.0}, "--tolerance 0: a share"),
        ({"tolerance": float("nan")}, "--tolerance nan"),
        ({"seeds": ()}, "--seeds: at least one"),
    ],
)
def test_brackets_that_are_none(experiment: Experiment, more: dict[str, object], said: str) -> None:
    with pytest.raises(EdgesimError, match=said):
        highest_valid_qps(experiment, "w", **more)  # type: ignore[arg-type]


def test_which_workload(experiment: Experiment) -> None:
    assert server_of(experiment) == "w" == server_of(experiment, "w")
    with pytest.raises(EdgesimError, match="no LoadGen Server drives a workload 'stream'; there is w"):
        server_of(experiment, "stream")


def test_a_real_trial_takes_all_seeds_until_one_is_too_fast(experiment: Experiment) -> None:
    calm = loadgen_search.tried(experiment, "w", 100.0, (0, 1, 2))
    assert calm.outcome is Outcome.VALID and len(calm.results) == 3 and calm.worst_s == max(result.percentile_s or 0 for result in calm.results)
    mad = loadgen_search.tried(experiment, "w", 5000.0, (0, 1, 2))
    assert mad.outcome is Outcome.TOO_FAST and len(mad.results) == 1
    few = loadgen_search.tried(experiment, "w", 20.0, (0,))
    assert few.outcome is Outcome.TOO_FEW
