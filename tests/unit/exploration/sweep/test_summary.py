"""What a summary says of points is what they say: bests, fronts and effects against brute force and closed forms."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.experiment.names import known_names
from sim.exploration.outcome import Outcome
from sim.exploration.run_points import Totals
from sim.exploration.store.store import Store
from sim.exploration.sweep.begin import Ready, ready_sweep
from sim.exploration.sweep.points import sweep_points
from sim.exploration.sweep.summary import summarised
from sim.report.glyphs import ASCII, UNICODE
from sim.report.sweep_json import sweep_data
from sim.report.sweep_page import sweep_lines, totals_lines
from sim.report.sweep_rows import SweepSummary
from sim.scenario.loading import read_source

SCENARIO = """\
name: s
device: pixel_6
duration: 1 s
models: {net: {source: mobilenet_v2}}
workloads: {w: {arrival: {kind: periodic, rate: 10 Hz}, pipeline: [{model: net}]}}
sweep: SWEEP
"""


def summary_of(sweep: str, tmp_path: Path, metrics: Callable[[dict], dict], only: int | None = None) -> tuple[Ready, SweepSummary, list[dict]]:
    """Of points whose metrics are made up."""
    ready = ready_sweep(read_source(SCENARIO.replace("SWEEP", sweep)), known_names())
    rows = []
    with Store.open(tmp_path / "s.db") as store:
        store.begin(ready.record)
        for point in itertools.islice(sweep_points(ready.sweep, 0), only):
            row = metrics(dict(point.changes))
            rows.append({**dict(point.changes), **row})
            status = "mistake" if "problem" in row else "done"
            canonical = json.dumps(point.changes)
            values = {"valid": 1, **row} if status == "done" else {}
            store.add(Outcome(point, str(point.position) * 8, canonical, values, (row["problem"],) if status == "mistake" else (), status, 0.0))
        return ready, summarised(ready, store, 0, Totals(points=len(rows), elapsed_s=2.0)), rows


GRID = "{duration: [1 s, 2 s, 3 s], ambient: [20 degC, 30 degC], models.net.precision: [int8, float16]}"


def additive(values: dict) -> dict:
    seconds, warm = float(values["duration"].split()[0]), values["ambient"] == "30 degC"
    return {"latency_p99_s": 0.01 * seconds + 0.02 * warm, "energy_per_inference_j": 5.0 - seconds, "storage_bytes": 7}


def test_effects_of_a_sum_are_its_terms(tmp_path):
    _, summary, rows = summary_of(GRID, tmp_path, additive)
    effects = {(one.axis, one.quantity.name): one for one in summary.effects}
    latency = np.array([row["latency_p99_s"] for row in rows])
    by_duration = np.var([0.01, 0.02, 0.03]) / latency.var()
    assert effects["duration", "latency_p99"].share_ratio == pytest.approx(by_duration)
    assert effects["ambient", "latency_p99"].share_ratio == pytest.approx(1 - by_duration)
    assert effects["models.net.precision", "latency_p99"].share_ratio == pytest.approx(0, abs=1e-12)
    assert summary.rest_ratio["latency_p99"] == pytest.approx(0, abs=1e-9)
    assert effects["duration", "latency_p99"].rises is True
    assert effects["duration", "energy_per_inference"].rises is False
    assert [mean for _, mean in effects["duration", "energy_per_inference"].levels] == [4.0, 3.0, 2.0]
    assert ("ambient", "storage") not in effects  # what never differs has no effects


def test_what_axes_do_together_is_left_over(tmp_path):
    def parity(values: dict) -> dict:
        return {"latency_p99_s": 1.0 + ((values["ambient"] == "30 degC") ^ (values["models.net.precision"] == "int8"))}

    _, summary, _ = summary_of(GRID, tmp_path, parity)
    assert summary.rest_ratio["latency_p99"] == pytest.approx(1.0)


def test_bests_and_the_front_against_brute_force(tmp_path):
    random = np.random.default_rng(5)

    def some(values: dict) -> dict:
        latency, energy, accuracy = random.integers(1, 9, 3).tolist()
        return {"latency_p99_s": latency, "energy_per_inference_j": energy, "accuracy_ratio": accuracy / 10}

    _, summary, rows = summary_of("{seed: range(60)}", tmp_path, some)
    best = {one.quantity.name: one.setting.values[one.quantity.field] for one in summary.best}
    assert best["latency_p99"] == min(row["latency_p99_s"] for row in rows)
    assert best["accuracy"] == max(row["accuracy_ratio"] for row in rows)
    costs = {(float(row["latency_p99_s"]), float(row["energy_per_inference_j"]), -float(row["accuracy_ratio"])) for row in rows}
    front = {one for one in costs if not any(all(a <= b for a, b in zip(other, one, strict=True)) and other != one for other in costs)}
    found = [(one.values["latency_p99_s"], one.values["energy_per_inference_j"], -one.values["accuracy_ratio"]) for one in summary.front]
    assert found == sorted(front)


def test_only_what_holds_its_budgets_is_best_where_anything_does(tmp_path):
    def partly(values: dict) -> dict:
        return {"latency_p99_s": float(values["seed"]), "valid": int(values["seed"] >= 3)}

    _, summary, _ = summary_of("{seed: range(6)}", tmp_path, partly)
    assert summary.valid_count == 3
    assert summary.best[0].setting.changes["seed"] == 3


def test_replications_are_means_with_their_intervals(tmp_path):
    pytest.importorskip("scipy")

    def noisy(values: dict) -> dict:
        return {"latency_p99_s": (1.0 if values["ambient"] == "20 degC" else 2.0) + values["seed"]}

    _, summary, _ = summary_of("{ambient: [20 degC, 30 degC], replications: 3}", tmp_path, noisy)
    setting = summary.best[0].setting
    assert (summary.settings_count, setting.runs_count) == (2, 3)
    assert setting.values["latency_p99_s"] == pytest.approx(2.0)  # mean of 1, 2, 3
    assert setting.half_intervals["latency_p99_s"] == pytest.approx(4.302652729749 / 3**0.5)  # Student's t of two degrees of freedom


def test_points_without_a_result_are_counted_by_why(tmp_path):
    def mostly(values: dict) -> dict:
        return {"problem": "memory: too small"} if values["seed"] % 4 == 0 else {"latency_p99_s": float(values["seed"])}

    _, summary, _ = summary_of("{seed: range(10)}", tmp_path, mostly)
    assert (summary.done, summary.mistakes_count, summary.missing) == (7, 3, 0)
    assert summary.problems == (("memory: too small", 3),)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_the_page_fits(tmp_path, width, glyphs):
    _, summary, _ = summary_of(GRID, tmp_path, lambda values: {**additive(values), "power_w": float(len(values["ambient"])), "miss_ratio": 0.1})
    lines = sweep_lines(summary, width, glyphs)
    assert all(line.cell_len <= width for line in lines)
    assert "Pareto front" in "\n".join(line.plain for line in lines)


def test_nothing_done_is_a_page_too(tmp_path):
    _, summary, _ = summary_of("{seed: range(2)}", tmp_path, lambda values: {"problem": "no"})
    assert "without a result" in "\n".join(line.plain for line in sweep_lines(summary, 80, UNICODE))
    assert totals_lines(summary, 80, UNICODE)
    assert sweep_data(summary)["done_count"] == 0


def test_a_part_of_a_sweep_says_how_much_is_missing(tmp_path):
    _, summary, _ = summary_of("{seed: range(10)}", tmp_path, lambda values: {"latency_p99_s": 1.0 + values["seed"]}, only=4)
    assert summary.missing == 6
    assert not summary.rest_ratio


def test_drawn_points_give_an_axis_without_effect_no_share(tmp_path):
    """Bins explain some of any noise; what is left after that must be about nothing, and not less."""
    random = np.random.default_rng(2)
    section = "{ambient: {from: 0 degC, to: 35 degC}, duration: {from: 1 s, to: 9 s}, sample: {kind: random, points: 60}}"
    noise = {"latency_p99_s": 0.0}

    def metrics(values: dict) -> dict:
        noise["latency_p99_s"] = float(values["duration"].split()[0]) + random.normal(0, 0.1)
        return dict(noise)

    _, summary, _ = summary_of(section, tmp_path, metrics)
    shares = {one.axis: one.share_ratio for one in summary.effects}
    assert shares["duration"] > 0.9
    assert 0 <= shares["ambient"] < 0.1
