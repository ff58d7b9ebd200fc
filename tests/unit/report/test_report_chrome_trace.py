"""The Chrome trace, parsed back."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from sim.report.chrome_trace import chrome_trace_text, write_chrome_trace


@pytest.fixture
def events(run: Any) -> list[dict[str, Any]]:
    data = json.loads("".join(chrome_trace_text(run)))
    assert data["displayTimeUnit"] == "ns"
    return list(data["traceEvents"])


def ns(event: dict[str, Any], key: str = "ts") -> int:
    return round(event[key] * 1000)


def test_spans_of_a_category_never_overlap_on_a_thread(events: list[dict[str, Any]]) -> None:
    for category in ("segment", "kernel"):
        threads = defaultdict(list)
        for event in events:
            if event["ph"] == "X" and event["cat"] == category:
                threads[event["tid"]].append((ns(event), ns(event) + ns(event, "dur")))
        assert threads
        for spans in threads.values():
            spans.sort()
            assert all(after[0] >= before[1] for before, after in itertools.pairwise(spans))


def test_kernels_lie_within_their_segment(events: list[dict[str, Any]]) -> None:
    segments = [event for event in events if event.get("cat") == "segment"]
    for kernel in (event for event in events if event.get("cat") == "kernel"):
        start, end = ns(kernel), ns(kernel) + ns(kernel, "dur")
        assert any(one["tid"] == kernel["tid"] and ns(one) <= start and end <= ns(one) + ns(one, "dur") for one in segments)
    assert sum(event.get("cat") == "kernel" and event["name"] == "dense" for event in events) == 100


def test_segments_add_up_to_the_trace(run: Any, events: list[dict[str, Any]]) -> None:
    spans = run.trace.spans.columns()
    for unit, thread in ((0, 1), (1, 2)):
        mine = spans["unit"] == unit
        seconds = float((spans["end_s"] - spans["start_s"])[mine].sum())
        assert sum(ns(event, "dur") for event in events if event.get("cat") == "segment" and event["tid"] == thread) / 1e9 == pytest.approx(seconds, rel=1e-9)


def test_pieces_of_a_segment_are_one_span(events: list[dict[str, Any]]) -> None:
    assert sum(event.get("cat") == "segment" and event["tid"] == 2 for event in events) == 100


def test_thread_ids_are_unique_across_processes(events: list[dict[str, Any]]) -> None:
    named = [(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"]
    assert len({thread for _, thread in named}) == len(named) == 4


def test_flows_begin_and_end_once_and_lie_in_a_span(events: list[dict[str, Any]]) -> None:
    flows = defaultdict(list)
    for event in events:
        if event["ph"] in "stf":
            assert event["bp"] == "e"
            flows[event["id"]].append(event)
    assert len(flows) == 100  # a voice request has a single stage and nothing to point at
    segments = [event for event in events if event.get("cat") == "segment"]
    starts = {(event["tid"], ns(event)) for event in segments}
    for chain in flows.values():
        assert "".join(event["ph"] for event in chain) == "s" + "t" * (len(chain) - 2) + "f"
        assert all((event["tid"], ns(event)) in starts for event in chain)


def test_requests_are_balanced_async_spans(events: list[dict[str, Any]]) -> None:
    opened: dict[tuple[int, str], int] = {}
    for event in events:
        if event["ph"] == "b":
            opened[event["id"], event["name"]] = ns(event)
        elif event["ph"] == "e":
            assert opened.pop((event["id"], event["name"])) <= ns(event)
    assert not opened


def test_counters_are_numbers_with_a_unit(events: list[dict[str, Any]]) -> None:
    counters = [event for event in events if event["ph"] == "C"]
    assert {event["name"] for event in counters} >= {"clock npu [MHz]", "power base [W]", "temperature die [degC]", "memory [MiB]"}
    assert all(isinstance(value, int | float) for event in counters for value in event["args"].values())


def test_kernels_keep_within_the_budget(run: Any) -> None:
    data = json.loads("".join(chrome_trace_text(run, max_kernels=50)))
    assert 0 < sum(event.get("cat") == "kernel" for event in data["traceEvents"]) <= 50


def test_hostile_names_stay_text(run: Any) -> None:
    run.trace.stages[1] = 'x"}],\x1b[31m\n\u202e'
    data = json.loads("".join(chrome_trace_text(run)))
    names = {event["name"] for event in data["traceEvents"]}
    assert 'x"}],\\x1b[31m\\x0a\\u202e' in names


def test_interrupt_leaves_the_old_file(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trace.json"
    path.write_text("old")

    def interrupted(*_: Any) -> Any:
        yield "{"
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.report.chrome_trace.trace_events", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_chrome_trace(run, path)
    assert [file.name for file in tmp_path.iterdir()] == ["trace.json"] and path.read_text() == "old"
