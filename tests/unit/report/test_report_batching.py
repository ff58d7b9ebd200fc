"""Queues in a report: metrics, section, timeline, Chrome trace and CSV tables."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sim.experiment.result import Result
from sim.experiment.simulate import simulate
from sim.report.budgets import judge
from sim.report.chrome_trace import chrome_trace_text
from sim.report.glyphs import ASCII, UNICODE
from sim.report.metrics import Metrics, measure
from sim.report.page import Page
from sim.report.quantities import described
from sim.report.summary import summary
from sim.report.tables_csv import write_tables
from sim.report.window import Window
from sim.trace import Status

SCENARIO: dict[str, Any] = {
    "name": "queue_report",
    "device": "edge_server",
    "models": {"net": {"source": "mobilenet_v2", "precision": "float16", "placement": {"prefer": ["gpu"]}}},
    "workloads": {
        "w": {
            "arrival": {"kind": "poisson", "rate": "900 Hz"},
            "pipeline": [
                {"name": "pre", "units": ["cpu"], "work": {"operations": "100 k"}},
                {"model": "net", "batching": {"max_size": 8, "max_delay": "4 ms"}, "admission": {"name": "token_bucket", "rate": "800 Hz", "burst": 4}},
            ],
        }
    },
    "duration": "2 s",
    "warmup": "200 ms",
}


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(SCENARIO)


@pytest.fixture(scope="module")
def metrics(result: Result) -> Metrics:
    return measure(result)


def _page(result: Result, metrics: Metrics, width: int, glyphs: Any = UNICODE) -> Page:
    return Page(result, metrics, judge(metrics, result.scenario, result.device), width, glyphs)


def test_metrics_are_those_of_the_batches(result: Result, metrics: Metrics) -> None:
    queue, batches = metrics.queues["net"], result.trace.batches.columns()
    assert list(metrics.queues) == ["w/pre", "net"]
    counted = (batches["queue"] == 1) & (batches["start_s"] >= 0.2)
    sizes, padded = batches["size"][counted], batches["padded"][counted]
    assert queue.requests_count == sizes.sum()
    assert queue.batches_count == len(sizes) == sum(queue.batches_by_size_count)
    assert queue.mean_batch_count == pytest.approx(sizes.mean())
    assert queue.padding_ratio == pytest.approx(1 - sizes.sum() / padded.sum())
    assert queue.batches_by_size_count[7] == (sizes == 8).sum()
    assert queue.busy_ratio == pytest.approx((batches["end_s"] - batches["formed_s"])[counted].sum() / 1.8)
    requests = result.trace.requests.columns()
    assert queue.refused_count == ((requests["status"] == Status.DROPPED) & (requests["end_s"] >= 0.2)).sum() > 0
    assert metrics.queues["w/pre"].mean_batch_count == 1.0


def test_wait_is_from_joining_the_queue(metrics: Metrics) -> None:
    queue = metrics.queues["net"]
    assert queue.mean_wait_s is not None and queue.max_wait_s is not None
    assert 0 < queue.mean_wait_s < queue.max_wait_s < 0.05


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_section(result: Result, metrics: Metrics, width: int, glyphs: Any) -> None:
    lines = [line.plain for line in summary(_page(result, metrics, width, glyphs), Window(0.5, 0.52, "chosen", 0.5))]
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    begin = next(index for index, line in enumerate(lines) if " queues " in line)
    section = " ".join(" ".join(lines[begin : begin + 9]).split())
    for part in ("on average", "batches", "padding", "busy", "refused", "compiled for 1, 2, 4, 8"):
        assert part in section, text
    (gpu,) = (line for line in lines if line.startswith(" gpu ") and line.rstrip().endswith("-bound"))
    assert re.search(f"{glyphs.times}[2-8]", gpu), gpu  # how many run together


def test_no_section_without_a_queue() -> None:
    workload = {"arrival": {"kind": "closed"}, "pipeline": [{"work": {"operations": "1 G"}}]}
    plain = simulate({"name": "plain", "device": "edge_server", "workloads": {"w": workload}, "duration": "1 s"})
    metrics = measure(plain)
    assert metrics.queues == {}
    assert not any(" queues " in line.plain for line in summary(_page(plain, metrics, 100), None))


def test_json_says_the_units(metrics: Metrics) -> None:
    data = described(metrics)["queues"]["net"]
    assert data["padding"]["unit"] == "1"
    assert data["mean_wait"]["unit"] == "s"
    assert len(data["batches_by_size"]["value"]) == 8


def test_chrome_trace_has_a_span_for_each_batch(result: Result) -> None:
    events = json.loads("".join(chrome_trace_text(result)))["traceEvents"]
    begun = [event for event in events if event.get("cat") == "batch" and event["ph"] == "b" and "args" in event]
    batches = result.trace.batches.columns()
    assert len(begun) == len(batches["size"])
    assert [event["args"]["requests"] for event in begun] == batches["size"].tolist()
    assert all(event["name"].endswith(f" x{event['args']['requests']}") for event in begun)
    open_spans: dict[tuple[int, int], int] = {}
    for event in events:
        if event.get("cat") == "batch":
            key = (event["tid"], event["id"])
            open_spans[key] = open_spans.get(key, 0) + (1 if event["ph"] == "b" else -1)
    assert set(open_spans.values()) == {0}
    titles = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert "queue of net" in titles


def test_csv_table(result: Result, tmp_path: Path) -> None:
    write_tables(result.trace, tmp_path)
    with (tmp_path / "batches.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(result.trace.batches)
    assert set(rows[0]) >= {"formed_s", "start_s", "end_s", "size", "padded"}
    assert {row["queue"] for row in rows} == {"w/pre", "net"}


def test_nothing_is_kept_per_batch_where_the_scenario_says_so() -> None:
    small = simulate(SCENARIO | {"trace": "requests"})
    assert len(small.trace.batches) == 0
    assert measure(small).queues["net"].batches_count > 100


def test_time_lost_to_swapping_is_shown() -> None:
    """Two models that batch, and memory for one of them: loads, evictions and how long they took stand beside the memory."""
    names = {"a": "resnet50", "b": "mobilenet_v2"}
    found = simulate(
        {
            "name": "swap",
            "device": {"base": "edge_server", "memory": {"capacity": "1.09 GB"}},
            "models": {
                name: {"source": source, "precision": "float16", "placement": {"prefer": ["gpu"]}, "load": "on_demand"} for name, source in names.items()
            },
            "memory": {"when_full": "evict"},
            "workloads": {
                name: {"arrival": {"kind": "poisson", "rate": "5 Hz"}, "pipeline": [{"model": name, "batching": {"max_size": 8, "max_delay": "5 ms"}}]}
                for name in names
            },
            "duration": "5 s",
        }
    )
    metrics = measure(found)
    memory = metrics.memory
    assert memory.loads_count is not None and memory.loads_count > 5
    assert memory.evictions_count == memory.loads_count - 1
    assert memory.loading_s is not None and memory.loading_s > 1.0  # the first time each runtime prepares for half a second
    text = " ".join(" ".join(line.plain for line in summary(_page(found, metrics, 100), None)).split())
    assert f"{memory.evictions_count} evictions" in text
    assert f"{memory.loads_count} loads, awaited for" in text
    assert metrics.queues["a"].max_wait_s is not None and metrics.queues["a"].max_wait_s > 0.5
