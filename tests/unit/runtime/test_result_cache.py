"""A cache of results in front of stages: what a hit spares, when a miss fills, what is counted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic
from adaptive_runs import choices, decider, engine, latencies_s, scenario

from device_models.spec import DeviceSpec
from sim.errors import EdgesimError
from sim.trace import Status, Trace
from sim.workload.popularity import zipf_shares

HIT, MISS = 0, 1
PROGRAMS = [synthetic.simple("big", "cpu", 0.1, 4), synthetic.simple("post", "cpu", 0.01)]
ZIPF = {"zipf": 1.0, "items": 50}


def cache(**more: Any) -> dict[str, Any]:
    return {"name": "lookup", "cache": {"size": 10, "entry": "2 kB", "key": ZIPF, **more}, "lookup": "1 ms"}


def run(
    pipeline: list[dict[str, Any]], duration_s: float, rate: str = "1 Hz", directory: Path = Path(), device: DeviceSpec | None = None, **more: Any
) -> Trace:
    given = scenario({"big": {}, "post": {}}, {"w": {"arrival": {"kind": "periodic", "rate": rate}, "pipeline": pipeline, **more}}, duration_s)
    return engine(given, device or synthetic.device(["cpu"]), PROGRAMS, directory=directory).run()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "keys.csv").write_text("key,bytes\na,600\nb,300\na,600\nc,500\nb,300\na,600\n")
    return tmp_path


def recorded(**more: Any) -> dict[str, Any]:
    return {"trace": "keys.csv", "column": "key", **more}


def test_a_hit_takes_the_lookup_alone(keys: Path) -> None:
    trace = run([cache(key=recorded()), {"model": "big"}], 6.0, directory=keys)
    found = choices(trace, "w/lookup")
    assert found.tolist() == [MISS, MISS, HIT, MISS, HIT, HIT]
    assert latencies_s(trace) == pytest.approx(np.where(found == HIT, 0.001, 0.101))
    assert trace.choices["row"].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_policy_and_the_size_decide_what_is_left(keys: Path) -> None:
    assert choices(run([cache(key=recorded(), size=2), {"model": "big"}], 6.0, directory=keys), "w/lookup").tolist() == [1, 1, 0, 1, 1, 1]
    fifo = run([cache(key=recorded(), size=2, policy="fifo"), {"model": "big"}], 6.0, directory=keys)
    assert choices(fifo, "w/lookup").tolist() == [1, 1, 0, 1, 0, 1]


def test_sizes_in_bytes_and_the_memory_that_is_set_aside(keys: Path) -> None:
    use = {"name": "lookup", "cache": {"bytes": "1 kB", "key": recorded(bytes_column="bytes")}, "lookup": "1 ms"}
    trace = run([use, {"model": "big"}], 6.0, directory=keys)
    assert choices(trace, "w/lookup").tolist() == [1, 1, 0, 1, 1, 1]  # 500 more than the 900 of a and b: b, then a makes way, later c
    facts = decider(trace, "w/lookup", "cache").facts
    assert facts["bytes"] == 900.0 and facts["capacity_bytes"] == 1000.0
    without = run([{"model": "big"}], 6.0)
    assert trace.totals["peak_memory_bytes"] - without.totals["peak_memory_bytes"] == 1000.0


def test_a_cache_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(EdgesimError, match=r"the models and caches need .* cache of w 1\.86 GiB"):
        run([cache(size=1_000_000), {"model": "big"}], 1.0)


def test_only_the_stages_that_name_it_are_spared(keys: Path) -> None:
    pipeline = [cache(key=recorded()), {"model": "big", "unless": ["lookup"]}, {"model": "post"}]
    found = choices(trace := run(pipeline, 6.0, directory=keys), "w/lookup")
    assert latencies_s(trace) == pytest.approx(np.where(found == HIT, 0.011, 0.111))


def test_a_miss_fills_when_its_stages_are_through() -> None:
    """The second request for a key comes while the first computes: it misses too. The third, after both, hits."""
    pipeline = [cache(key={"zipf": 0, "items": 1}), {"model": "big"}]
    given = scenario({"big": {}, "post": {}}, {"w": {"arrival": {"kind": "periodic", "rate": "25 Hz"}, "pipeline": pipeline}}, 0.24)
    trace = engine(given, synthetic.device(["cpu"]), PROGRAMS).run()
    assert choices(trace, "w/lookup").tolist() == [MISS, MISS, MISS, HIT, HIT, HIT]  # computed by 0.101 s


def test_a_result_is_used_for_its_time() -> None:
    trace = run([cache(key={"zipf": 0, "items": 1}, ttl="2.5 s"), {"model": "big"}], 8.0)
    assert choices(trace, "w/lookup").tolist() == [1, 0, 0, 1, 0, 0, 1, 0]
    assert decider(trace, "w/lookup", "cache").facts["expirations"] == 2


def test_chance_may_skip_what_the_cache_stands_for() -> None:
    trace = run([cache(key={"zipf": 0, "items": 1}), {"model": "big", "probability": 0}], 4.0)
    assert choices(trace, "w/lookup").tolist() == [MISS] * 4  # nothing was computed, so there is nothing to keep


def test_a_cache_before_a_cascade_is_filled_by_whichever_answers() -> None:
    pipeline = [cache(key={"zipf": 0, "items": 1}), {"model": "post", "exit": {"rate": 1}}, {"model": "big"}]
    trace = run(pipeline, 3.0)
    assert latencies_s(trace) == pytest.approx([0.011, 0.001, 0.001])
    assert decider(trace, "w/post", "exit").counts == [1, 0]


def test_the_hit_rate_in_the_engine_is_that_of_theory() -> None:
    """Independent Zipf requests, each filled before the next comes: Che's approximation within 99 % of batch means (and its own error)."""
    from scipy.optimize import brentq
    from scipy.stats import t

    shares = zipf_shares(200, 0.9)
    trace = run([cache(size=30, key={"zipf": 0.9, "items": 200}), {"model": "post"}], 1000.0, "40 Hz")
    hits = choices(trace, "w/lookup")[2000:] == HIT
    means = np.array([batch.mean() for batch in np.array_split(hits, 30)])
    half = t.ppf(0.995, 29) * means.std(ddof=1) / math.sqrt(30)
    time = brentq(lambda length: -np.expm1(-shares * length).sum() - 30, 1e-6, 1e9)
    assert abs(means.mean() - float(shares @ -np.expm1(-shares * time))) <= half + 0.003


def test_dropped_requests_ask_for_nothing() -> None:
    trace = run([cache(), {"model": "big"}], 20.0, "50 Hz", queue={"limit": 1})
    found = decider(trace, "w/lookup", "cache")
    answered = int((trace.requests["status"] == Status.DONE).sum())
    assert answered <= sum(found.counts) <= answered + 1 < len(trace.requests)
