"""Recorded arrivals are checked when a scenario is loaded, each mistake with its line."""

from __future__ import annotations

import pytest

from sim.errors import EdgesimError
from sim.scenario.arrival_trace import read_arrival_trace


def test_times_are_read_from_the_named_column(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("door, time_s\nfront,0\nback,0.5\n\nfront,0.5\nfront,1e1\n")
    assert read_arrival_trace(path, "time_s").tolist() == [0, 0.5, 0.5, 10]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ":1:1: no column 'time_s' in the header; the file is empty"),
        ("time,door\n1,front\n", ":1:1: no column 'time_s' in the header; did you mean 'time'?"),
        ("time_s\n", ":1: no arrival times below the header"),
        ("time_s\n1\nsoon\n", ":3: time_s: 'soon' is not a number (of seconds)"),
        ("time_s\n1\n0.5\n", ":3: time_s: 0.5 s is before the row above (1 s); times must ascend"),
        ("time_s\n-1\n", ":2: time_s: -1 s is negative"),
        ("time_s\nnan\n", ":2: time_s: 'nan' is not a finite number"),
        ("time_s\n1e999\n", ":2: time_s: '1e999' is not a finite number"),
        ("door,time_s\nfront\n", ":2: time_s: the row ends before this column"),
        ("time_s\n" + "x" * 200_000 + "\n", "not CSV: field larger than field limit"),
    ],
)
def test_a_damaged_trace_is_reported_with_its_line(tmp_path, content, said):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(EdgesimError) as caught:
        read_arrival_trace(path, "time_s")
    assert f"{path}{said}" in str(caught.value) or said in str(caught.value)


def test_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"time_s\n1\xff\n")
    with pytest.raises(EdgesimError, match="is not UTF-8 text"):
        read_arrival_trace(path, "time_s")


def test_all_wrong_rows_up_to_ten_are_reported(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("time_s\n" + "x\n" * 50)
    with pytest.raises(EdgesimError) as caught:
        read_arrival_trace(path, "time_s")
    assert len(caught.value.problems) == 10


def test_a_scenario_with_a_damaged_trace(mistakes, scenario_text, folder):
    (folder / "visitors.csv").write_text("time_s\n2\n1\n")
    assert mistakes() == ["visitors.csv:3: time_s: 1 s is before the row above (2 s); times must ascend"]
    (folder / "visitors.csv").write_text("time_s\n0\n")
    [found] = mistakes(scenario_text.replace("file: visitors.csv", "file: visitors.csv, loop: true"))
    assert "doorbell.yaml:17:54: workloads.visitors.arrival.loop: all times in" in found
    (folder / "visitors.csv").write_text("time_s\n0\n1e-9\n")
    [found] = mistakes(scenario_text.replace("file: visitors.csv", "file: visitors.csv, loop: true"))
    assert "doorbell.yaml:17:54: workloads.visitors.arrival.loop: 1e+10 requests in 10 s" in found
