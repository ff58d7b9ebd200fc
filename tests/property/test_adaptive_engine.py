"""Pipelines that adapt, of any form: both engines agree, every request is accounted for, and energy adds up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import synthetic
from adaptive_runs import engine, latencies_s, scenario
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.report.adaptive_metrics import adaptive_metrics
from sim.runtime.engine import Engine
from sim.trace import Status, Trace

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SELECT = (
    {"policy": "by_queue", "thresholds": [2, 4]},
    {"policy": "by_deadline", "margin": "3 ms"},
    {"policy": "by_temperature", "thresholds": ["25.5 degC", "26 degC"], "hysteresis": "0.2 K"},
    {"policy": "by_battery", "thresholds": ["99.99 %", "99.98 %"]},
    {"policy": "by_time", "thresholds": ["0.2 s", "0.4 s"]},
    {"policy": "least_waiting"},
    {"policy": "round_robin", "weights": [3, 1, 1]},
    {"policy": "random"},
)
CACHE_POLICIES = ("lru", "fifo", "random", "lfu", "clock")


def _stage(rng: np.random.Generator, index: int, names: list[str]) -> dict[str, Any]:
    kind = str(rng.choice(["model", "net", "select", "cache"]))
    stage: dict[str, Any] = {"name": f"stage{index}", "probability": float(rng.choice([1.0, 1.0, 0.6]))}
    if kind == "model":
        stage |= {"model": str(rng.choice(["short", "long"])), "repeat": int(rng.integers(1, 3))}
    elif kind == "net":
        stage |= {"model": "net"}
    elif kind == "select":
        stage |= {"select": {"among": ["long", "net", "short"], **SELECT[rng.integers(len(SELECT))]}}
    else:
        key = {"zipf": float(rng.uniform(0, 1.5)), "items": int(rng.integers(1, 20))}
        use = {"size": int(rng.integers(1, 10)), "entry": "1 kB", "policy": str(rng.choice(CACHE_POLICIES)), "key": key}
        stage |= {"cache": use | ({"ttl": "0.1 s"} if rng.integers(2) else {}), "lookup": f"{rng.choice([0.0, 1.7e-4])} s"}
    if kind != "cache" and rng.integers(2):
        stage["exit"] = {"rate": float(rng.choice([0, 1, 0.5]))}
    if index > 1 and not rng.integers(3):
        stage["after"] = ["stage0"]
    elif index and rng.integers(2):
        stage["unless"] = [name for name in names[-1:] if name]
    names.append(stage["name"] if "exit" in stage or kind == "cache" or stage.get("unless") else "")
    return stage


def _case(seed: int, scheduler: str, preemption: bool, reference: bool) -> Engine:
    rng = np.random.default_rng(seed)
    parts = [synthetic.simple(f"net@{name}", str(rng.choice(["cpu", "npu"])), float(rng.uniform(1e-3, 6e-3)), 3) for name in ("exit_1", "exit_2", "end")]
    programs = [synthetic.simple("short", "cpu", float(rng.uniform(1e-3, 3e-3)), 3), synthetic.simple("long", "npu", float(rng.uniform(0.01, 0.03)), 5), *parts]
    exits = [{"after": "a", "probability": 0.3}, {"after": "b", "probability": 0.3}]
    workloads = {}
    for index in range(2):
        names: list[str] = []
        workloads[f"load{index}"] = {
            "arrival": {"kind": "poisson", "rate": f"{rng.uniform(10, 80)} Hz"},
            "pipeline": [_stage(rng, position, names) for position in range(rng.integers(1, 6))],
            "deadline": f"{rng.uniform(0.01, 0.2)} s",
            "drop_late": bool(rng.integers(0, 2)),
            "priority": index,
            "queue": {"limit": int(rng.integers(1, 9)), "when_full": str(rng.choice(["drop_new", "drop_oldest"]))},
        }
    given_scenario = scenario(
        {"short": {}, "long": {}, "net": {"exits": exits}}, workloads, 0.6, seed=seed, scheduler=scheduler, preemption=preemption, warmup="0.1 s"
    )
    return engine(given_scenario, synthetic.device(governor="ondemand", battery=True), programs, reference)


CASES = given(st.integers(0, 10**6), st.sampled_from(["fifo", "edf", "round_robin", "priority"]), st.booleans())


@SETTINGS
@CASES
def test_both_engines_agree(seed: int, scheduler: str, preemption: bool) -> None:
    lazy, stepped = _case(seed, scheduler, preemption, False).run(), _case(seed, scheduler, preemption, True).run()
    for table in ("requests", "choices"):
        for name, column in getattr(lazy, table).columns().items():
            assert np.allclose(column, getattr(stepped, table)[name], rtol=0, atol=1e-9, equal_nan=True), (table, name)
    assert [(one.stage, one.counts, one.right) for one in lazy.deciders] == [(one.stage, one.counts, one.right) for one in stepped.deciders]
    assert lazy.energy_j == pytest.approx(stepped.energy_j, rel=1e-6, abs=1e-12)


@SETTINGS
@CASES
def test_every_request_and_joule_is_accounted_for(seed: int, scheduler: str, preemption: bool) -> None:
    made = _case(seed, scheduler, preemption, False)
    trace = made.run()
    requests = trace.requests.columns()
    assert len(np.unique(requests["request"])) == len(requests["request"])
    assert np.bincount(requests["status"], minlength=len(Status)).sum() == len(requests["request"])
    spans = trace.spans.columns()
    for unit in np.unique(spans["unit"]):
        mine = np.argsort(spans["start_s"][spans["unit"] == unit])
        starts, ends = spans["start_s"][spans["unit"] == unit][mine], spans["end_s"][spans["unit"] == unit][mine]
        assert (starts[1:] >= ends[:-1] - 1e-9).all()
    assert trace.totals["battery"]["out_c"] * 3.6 == pytest.approx(sum(trace.energy_j.values()), rel=1e-9)
    _each_stage_decides_at_most_once(trace)
    _those_left_out_do_not_run(trace, made)


def _each_stage_decides_at_most_once(trace: Trace) -> None:
    for one in trace.deciders:
        mine = trace.choices["stage"] == one.stage
        if sum(other.stage == one.stage for other in trace.deciders) == 1:
            assert len(np.unique(trace.choices["request"][mine])) == mine.sum()
        assert sum(one.counts) <= mine.sum()


def _those_left_out_do_not_run(trace: Trace, made: Engine) -> None:
    """A stage that follows a sure one, named by nobody, has no span of that request."""
    first = 0
    for workload in made.scenario.workloads.values():
        names, named = workload.stage_names(), {name for stage in workload.pipeline for name in stage.unless}
        for position, stage in enumerate(workload.pipeline):
            follows = [other for other, before in enumerate(workload.stage_dependencies()) if before == (position,)]
            if stage.exit is not None and names[position] not in named:
                exits = next(one.stage for one in trace.deciders if one.stage == first + position and one.kind == "exit")
                both = [one for one in trace.deciders if one.stage == exits]
                if len(both) == 1:
                    sure = trace.choices["request"][(trace.choices["stage"] == exits) & (trace.choices["outcome"] == trace.outcomes.index("sure"))]
                    for other in follows:
                        assert not np.isin(trace.spans["request"][trace.spans["stage"] == first + other], sure).any()
        first += len(workload.pipeline)


@SETTINGS
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_a_cascade_of_any_depth_is_the_enumeration_of_its_branches(tmp_path_factory: pytest.TempPathFactory, seed: int, depth: int) -> None:
    """Row by row in NumPy: who answers, how long it took, what it cost, whether it was right."""
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.getbasetemp() / f"cascade_{seed}_{depth}"
    folder.mkdir(exist_ok=True)
    rows, models = 30, [f"m{index}" for index in range(depth + 1)]
    seconds, scores, right = rng.uniform(1e-3, 0.02, depth + 1), rng.random((rows, depth)).round(6), rng.integers(0, 2, (rows, depth + 1))
    header = [*(f"score{index}" for index in range(depth)), *(f"right{index}" for index in range(depth + 1))]
    lines = [",".join(map(str, [*score, *one])) for score, one in zip(scores.tolist(), right.tolist(), strict=True)]
    (folder / "rows.csv").write_text("\n".join([",".join(header), *lines]))
    thresholds = rng.random(depth)
    exits = [
        {"trace": "rows.csv", "column": f"score{index}", "threshold": float(threshold), "correct": {name: f"right{at}" for at, name in enumerate(models)}}
        for index, threshold in enumerate(thresholds)
    ]
    pipeline = [{"model": name, **({"exit": exits[index]} if index < depth else {})} for index, name in enumerate(models)]
    programs = [synthetic.simple(name, "cpu", float(taken_s), 2) for name, taken_s in zip(models, seconds, strict=True)]
    workload = {"arrival": {"kind": "periodic", "rate": "1 Hz"}, "pipeline": pipeline}
    made = engine(scenario({name: {} for name in models}, {"w": workload}, float(rows)), synthetic.device(["cpu"]), programs, directory=folder)
    trace = made.run()
    answered = np.argmax(np.column_stack([scores >= thresholds, np.ones(rows, bool)]), axis=1)
    assert latencies_s(trace) == pytest.approx(np.cumsum(seconds)[answered])
    found = adaptive_metrics(trace, made.scenario, {})
    assert found is not None
    cascade = found.cascades["w/m0"]
    assert [way.requests_count for way in cascade.ways.values()] == np.bincount(answered, minlength=depth + 1).tolist()
    assert cascade.accuracy.kind == "exact" and cascade.accuracy.value_ratio == pytest.approx(right[np.arange(rows), answered].mean())


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (_case(7, "fifo", True, False).run() for _ in range(2))
    for name, table in first.tables().items():
        for column, values in table.columns().items():
            assert values.tobytes() == second.tables()[name][column].tobytes()
