"""Early exits, cascades and models chosen at run time: every request goes the way it should, and takes what that way takes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic
from adaptive_runs import choices, decider, engine, latencies_s, scenario

from device_models.figure import Figure
from sim.errors import EdgesimError
from sim.trace import Status, Trace

SLOW = {"kind": "periodic", "rate": "1 Hz"}  # each request is alone
SECONDS = {"small": 0.01, "middle": 0.03, "big": 0.2, "post": 0.004}
PROGRAMS = [synthetic.simple(name, "cpu", seconds, 3) for name, seconds in SECONDS.items()]
ROWS = "confidence,sure2,small_right,middle_right,big_right\n0.9,0.1,1,1,1\n0.2,0.9,0,1,1\n0.3,0.2,0,0,1\n0.8,0.2,0,1,1\n0.1,0.3,0,1,0\n0.5,0.95,1,0,1\n"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS)
    return tmp_path


def run(pipeline: list[dict[str, Any]], duration_s: float, directory: Path = Path(), arrival: dict[str, Any] = SLOW, **more: Any) -> Trace:
    models: dict[str, Any] = {name: {} for name in SECONDS}
    given = scenario(models, {"w": {"arrival": arrival, "pipeline": pipeline}}, duration_s, **more)
    return engine(given, synthetic.device(["cpu"]), PROGRAMS, directory=directory).run()


def test_a_cascade_is_the_enumeration_of_its_branches(rows: Path) -> None:
    """Row by row: small alone; small and middle; all three. Latency, energy and right answers follow."""
    trace = {"trace": "rows.csv", "correct": {"small": "small_right", "middle": "middle_right", "big": "big_right"}}
    pipeline = [
        {"model": "small", "exit": {**trace, "threshold": 0.8}},
        {"model": "middle", "exit": {**trace, "column": "sure2", "threshold": 0.9}},
        {"model": "big"},
    ]
    result = run(pipeline, 6.0, rows)
    branches = [["small"], ["small", "middle"], ["small", "middle", "big"], ["small"], ["small", "middle", "big"], ["small", "middle"]]
    assert latencies_s(result) == pytest.approx([sum(SECONDS[name] for name in branch) for branch in branches])
    power_w = 1.0  # 1 nF at 1 GHz and 1 V
    joules = result.request_energy["energy_j"][np.argsort(result.request_energy["request"])]
    assert joules == pytest.approx(power_w * latencies_s(result), rel=1e-6)
    first, second = decider(result, "w/small", "exit"), decider(result, "w/middle", "exit")
    assert (first.counts, second.counts) == ([2, 4], [2, 2])
    assert (first.right[0], second.right) == (1.0, [1.0, 1.0])  # rows 1 and 4; rows 2 and 6; rows 3 and 5
    assert result.choices["row"].max() == 5


def test_stages_that_name_another_in_unless_are_left_out_and_the_others_run(rows: Path) -> None:
    pipeline = [
        {"model": "small", "exit": {"trace": "rows.csv", "threshold": 0.8}},
        {"model": "big", "unless": ["small"]},
        {"model": "post"},
    ]
    sure = np.array([1, 0, 0, 1, 0, 0], bool)
    expected = SECONDS["small"] + SECONDS["post"] + np.where(sure, 0.0, SECONDS["big"])
    assert latencies_s(run(pipeline, 6.0, rows)) == pytest.approx(expected)


def test_a_stage_left_out_spares_what_waits_for_its_answer(rows: Path) -> None:
    """small sure: neither middle nor big runs, although big names middle alone."""
    pipeline = [
        {"model": "small", "exit": {"trace": "rows.csv", "threshold": 0.8}},
        {"model": "middle", "unless": ["small"], "exit": {"rate": 0}},
        {"model": "big", "unless": ["middle"]},
    ]
    sure = np.array([1, 0, 0, 1, 0, 0], bool)
    assert latencies_s(run(pipeline, 6.0, rows)) == pytest.approx(np.where(sure, SECONDS["small"], sum(SECONDS[name] for name in ("small", "middle", "big"))))


def test_a_branch_that_does_not_follow_the_exit_runs_on() -> None:
    pipeline = [
        {"model": "post"},
        {"model": "small", "after": ["post"], "exit": {"rate": 1}},
        {"model": "big", "after": ["small"]},
        {"model": "middle", "after": ["post"]},
    ]
    assert latencies_s(run(pipeline, 3.0)) == pytest.approx([SECONDS["post"] + SECONDS["small"] + SECONDS["middle"]] * 3)


def test_rates_are_shares_and_a_score_may_be_sure_below() -> None:
    result = run([{"model": "small", "exit": {"rate": 0.7}}, {"model": "middle"}], 400.0, arrival={"kind": "periodic", "rate": "20 Hz"})
    counts = decider(result, "w/small", "exit").counts
    assert counts[0] / sum(counts) == pytest.approx(0.7, abs=2.58 * (0.7 * 0.3 / 8000) ** 0.5)
    assert sum(counts) == len(result.requests)


def test_a_score_that_is_sure_below(rows: Path) -> None:
    result = run([{"model": "small", "exit": {"trace": "rows.csv", "threshold": 0.3, "sure": "below"}}, {"model": "big"}], 6.0, rows)
    assert choices(result, "w/small").tolist() == [1, 0, 0, 1, 0, 1]


def test_rows_repeat_are_drawn_or_run_out(rows: Path) -> None:
    def use(**more: Any) -> list[dict[str, Any]]:
        return [{"model": "small", "exit": {"trace": "rows.csv", "threshold": 0.8, **more}}, {"model": "middle"}]

    looped = run(use(loop=True), 14.0, rows)
    assert looped.choices["row"].tolist() == [number % 6 for number in range(14)]
    drawn = run(use(order="random"), 100.0, rows, arrival={"kind": "periodic", "rate": "20 Hz"})
    share = np.bincount(drawn.choices["row"], minlength=6) / len(drawn.choices)
    assert share == pytest.approx(np.full(6, 1 / 6), abs=0.03)
    with pytest.raises(EdgesimError, match=r"workloads.w.pipeline.0.exit.trace: 'rows.csv' has 6 rows and the workload more requests"):
        run(use(), 14.0, rows)


def test_two_exits_of_one_trace_see_the_same_random_row(rows: Path) -> None:
    exits = [{"trace": "rows.csv", "threshold": 0.8, "order": "random"}, {"trace": "rows.csv", "column": "sure2", "threshold": 0.9, "order": "random"}]
    result = run([{"model": "small", "exit": exits[0]}, {"model": "middle", "exit": exits[1]}, {"model": "big"}], 60.0, rows)
    by_request: dict[int, set[int]] = {}
    for request, row in zip(result.choices["request"], result.choices["row"], strict=True):
        by_request.setdefault(int(request), set()).add(int(row))
    assert any(len(set(result.choices["stage"][result.choices["request"] == number])) == 2 for number in by_request)
    assert all(len(seen) == 1 for seen in by_request.values())


def test_repeated_stages_decide_once() -> None:
    result = run([{"model": "small", "repeat": 3, "exit": {"rate": 1}}, {"model": "big"}], 2.0)
    assert latencies_s(result) == pytest.approx([3 * SECONDS["small"]] * 2)
    assert decider(result, "w/small", "exit").counts == [2, 0]


PARTS = {"exit_1": 0.01, "second": 0.02, "end": 0.05}
NET = [synthetic.simple(f"net@{name}", "cpu", seconds, 2) for name, seconds in PARTS.items()]


def net(rules: list[dict[str, Any]], duration_s: float, directory: Path = Path(), reference: bool = False, **more: Any) -> Trace:
    exits = [{"after": "a", **rules[0]}, {"after": "b", "name": "second", **rules[1]}]
    models = {"net": {"exits": exits}}
    given = scenario(models, {"w": {"arrival": SLOW, "pipeline": [{"model": "net"}], **more}}, duration_s)
    return engine(given, synthetic.device(["cpu"]), NET, reference, directory).run()


def test_an_early_exit_network_costs_the_exit_weighted_sum() -> None:
    """A request takes the parts up to its exit; the mean over requests is the sum weighted by the exits taken, in time and energy."""
    trace = net([{"probability": 0.5}, {"probability": 0.3}], 3000.0)
    cost_s = np.cumsum(list(PARTS.values()))
    exits, seconds = choices(trace, "w/net"), latencies_s(trace)
    assert seconds == pytest.approx(cost_s[exits])
    share = np.bincount(exits, minlength=3) / len(exits)
    assert seconds.mean() == pytest.approx(share @ cost_s)
    assert trace.request_energy["energy_j"].mean() == pytest.approx(share @ cost_s * 1.0, rel=1e-6)
    assert share == pytest.approx([0.5, 0.3, 0.2], abs=2.58 * 0.5 / 3000**0.5)


def test_exits_by_confidence(rows: Path) -> None:
    rules = [
        {"confidence": {"trace": "rows.csv", "threshold": 0.8}, "correct": "small_right"},
        {"confidence": {"trace": "rows.csv", "column": "sure2", "threshold": 0.9}, "correct": "middle_right"},
    ]
    trace = net(rules, 6.0, rows)
    assert choices(trace, "w/net").tolist() == [0, 1, 2, 0, 2, 1]
    found = decider(trace, "w/net", "exits")
    assert (found.counts, found.right) == ([2, 2, 2], [1.0, 1.0, None])
    reference = net(rules, 6.0, rows, reference=True)
    assert latencies_s(reference) == pytest.approx(latencies_s(trace), abs=1e-9)


def test_exits_taken_never_or_always() -> None:
    assert latencies_s(net([{"probability": 0}, {"probability": 1}], 4.0)) == pytest.approx([0.03] * 4)
    assert latencies_s(net([{"probability": 0}, {"probability": 0}], 4.0)) == pytest.approx([0.08] * 4)


def chosen(select: dict[str, Any], duration_s: float, arrival: dict[str, Any] = SLOW, device: Any = None, **more: Any) -> Trace:
    models: dict[str, Any] = {name: {} for name in SECONDS}
    workload = {"arrival": arrival, "pipeline": [{"name": "pick", "select": {"among": ["big", "small"], **select}}]} | more
    return engine(scenario(models, {"w": workload}, duration_s), device or synthetic.device(["cpu"]), PROGRAMS).run()


def test_round_robin_and_time() -> None:
    assert latencies_s(chosen({"policy": "round_robin"}, 4.0)) == pytest.approx([0.2, 0.01, 0.2, 0.01])
    weighted = choices(chosen({"policy": "round_robin", "weights": [1, 3]}, 8.0), "w/pick")
    assert weighted.tolist() == [1, 0, 1, 1, 1, 0, 1, 1]
    assert choices(chosen({"policy": "by_time", "thresholds": ["2 s"]}, 4.0), "w/pick").tolist() == [0, 0, 1, 1]


def test_by_queue_takes_the_smaller_model_under_load() -> None:
    busy = chosen({"policy": "by_queue", "thresholds": [3]}, 20.0, {"kind": "periodic", "rate": "8 Hz"})
    found = choices(busy, "w/pick")
    assert found[0] == 0 and 0 < found.mean() < 1
    assert (busy.requests["status"] == Status.DONE).sum() >= len(busy.requests) - 4  # it keeps up with a rate of which big alone serves 5


def test_by_deadline_predicts_what_will_happen() -> None:
    """Alone, the prediction is exact: the largest model that is in time runs, and is in time."""
    for deadline_ms, model in ((250, "big"), (199, "small"), (5, "small")):
        trace = chosen({"policy": "by_deadline"}, 3.0, deadline=f"{deadline_ms} ms")
        assert set(choices(trace, "w/pick")) == {("big", "small").index(model)}
    assert set(choices(chosen({"policy": "by_deadline", "margin": "60 ms"}, 3.0, deadline="250 ms"), "w/pick")) == {1}


def test_by_deadline_counts_what_waits() -> None:
    """Two arrive together: the second waits for the first's 0.2 s and has not time left for another."""
    trace = chosen({"policy": "by_deadline"}, 3.0, {"kind": "closed", "clients": 2, "think": "1 s"}, deadline="300 ms")
    assert choices(trace, "w/pick")[:2].tolist() == [0, 1]
    assert (trace.requests["status"] == Status.DONE).all()


def test_by_temperature_holds_a_limit_with_hysteresis() -> None:
    device = synthetic.device(["cpu"])
    busy = {"kind": "periodic", "rate": "4.5 Hz"}
    hot = chosen({"policy": "by_temperature", "thresholds": ["31 degC"], "node": "cpu_die", "hysteresis": "2 K"}, 300.0, busy, device)
    found = choices(hot, "w/pick")
    times, values = hot.counter("temperature_c.cpu_die")
    assert 0 < found.mean() < 1
    assert values.max() < 32.0 < chosen({"policy": "by_time", "thresholds": ["299 s"]}, 300.0, busy, device).counter("temperature_c.cpu_die")[1].max()
    cooled = [values[times <= arrival_s][-1] for arrival_s, before, after in _switches(hot, found) if before == 1 and after == 0]
    assert cooled and all(value == pytest.approx(29.0, abs=0.3) for value in cooled)


def _switches(trace: Trace, found: np.ndarray) -> list[tuple[float, int, int]]:
    arrivals = np.sort(trace.requests["arrival_s"])
    return [(float(arrivals[at + 1]), int(one), int(other)) for at, (one, other) in enumerate(itertools.pairwise(found)) if one != other]


def test_by_battery_changes_once_as_it_empties() -> None:
    full = synthetic.device(["cpu"], battery=True)
    assert full.battery is not None
    device = full.model_copy(update={"battery": full.battery.model_copy(update={"capacity_c": Figure(8.0)})})
    trace = chosen({"policy": "by_battery", "thresholds": ["50 %"]}, 60.0, device=device)
    found = choices(trace, "w/pick")
    times, charge = trace.counter("battery_soc")
    assert sorted(found) == found.tolist() and set(found) == {0, 1}
    switch_s = np.sort(trace.requests["arrival_s"])[int(np.argmax(found))]
    assert np.interp(switch_s, times, charge) == pytest.approx(0.5, abs=0.06)  # read once a second


def test_least_waiting_spreads_over_units() -> None:
    programs = [synthetic.simple("left", "cpu", 0.1), synthetic.simple("right", "npu", 0.1)]
    given = scenario(
        {"left": {}, "right": {}},
        {"w": {"arrival": {"kind": "closed", "clients": 2}, "pipeline": [{"select": {"policy": "least_waiting", "among": ["left", "right"]}}]}},
        2.05,
    )
    trace = engine(given, synthetic.device(), programs).run()
    assert np.bincount(choices(trace, "w/select")).tolist() == [21, 21]
    assert latencies_s(trace)[:40] == pytest.approx(0.1)


def test_random_choice_by_weight() -> None:
    found = choices(chosen({"policy": "random", "weights": [1, 4]}, 400.0, {"kind": "periodic", "rate": "10 Hz"}), "w/pick")
    assert found.mean() == pytest.approx(0.8, abs=2.58 * 0.4 / 4000**0.5)


def test_a_network_with_exits_may_be_one_of_several() -> None:
    models: dict[str, Any] = {"big": {}, "net": {"exits": [{"after": "a", "probability": 1}, {"after": "b", "name": "second", "probability": 0}]}}
    pipeline = [{"name": "pick", "select": {"policy": "round_robin", "among": ["net", "big"]}}]
    given = scenario(models, {"w": {"arrival": SLOW, "pipeline": pipeline}}, 4.0)
    trace = engine(given, synthetic.device(["cpu"]), [*NET, PROGRAMS[2]]).run()
    assert latencies_s(trace) == pytest.approx([0.01, 0.2, 0.01, 0.2])
    assert decider(trace, "w/pick", "exits").counts == [2, 0, 0]


def test_decisions_before_the_warm_up_are_not_counted() -> None:
    result = run([{"model": "small", "exit": {"rate": 1}}, {"model": "big"}], 6.0, warmup="3 s")
    assert decider(result, "w/small", "exit").counts == [3, 0] and len(result.choices) == 6


def test_dropped_requests_decide_nothing() -> None:
    models: dict[str, Any] = {name: {} for name in SECONDS}
    workload = {
        "arrival": {"kind": "periodic", "rate": "50 Hz"},
        "queue": {"limit": 1},
        "pipeline": [{"model": "small", "exit": {"rate": 0.5}}, {"model": "big"}],
    }
    trace = engine(scenario(models, {"w": workload}, 20.0), synthetic.device(["cpu"]), PROGRAMS).run()
    answered = (trace.requests["status"] == Status.DONE).sum()
    assert answered <= sum(decider(trace, "w/small", "exit").counts) <= answered + 1
