"""Recorded rates of links: the bytes of the trace, each format, and what is wrong with a file at its line."""

from __future__ import annotations

import numpy as np
import pytest

from sim.errors import EdgesimError
from sim.fleet.network import Link, Network, replay
from sim.runtime.clock import Clock
from sim.scenario.fleet.link_trace import RateSteps, read_link_trace
from sim.scenario.fleet.model import LinkTrace


def read(folder, text, **options) -> RateSteps:
    (folder / "trace").write_text(text, encoding="utf-8")
    return read_link_trace(LinkTrace.model_validate({"file": "trace", **options}), folder)


def problems(folder, text, **options) -> str:
    with pytest.raises(EdgesimError) as error:
        read(folder, text, **options)
    return "; ".join(f"{problem.line}: {problem.what}" for problem in error.value.problems)


@pytest.mark.parametrize("step", ["1 ms", "30 ms", "100 ms", "7 s"])
def test_mahimahi_delivers_exactly_its_packets(tmp_path, step):
    rng = np.random.default_rng(2)
    times = np.sort(rng.integers(0, 3000, 500)).tolist() + [3000]
    steps = read(tmp_path, "\n".join(map(str, times)) + "\n", format="mahimahi", step=step)
    assert steps.total_bytes == pytest.approx(501 * 1500, rel=1e-12)
    assert steps.length_s == 3.0


def test_replay_of_a_round_passes_the_bytes_of_the_trace(tmp_path):
    steps = read(tmp_path, "0\n10\n10\n250\n400\n", format="mahimahi", step="50 ms")
    clock, ended = Clock(), []
    network = Network(clock, [Link("up", 0.0)])
    replay(network, 0, steps.from_offset(0.0))
    for number in range(1, 4):  # three rounds of five packets
        network.send(network.flow_class([0]), 2500.0, lambda number=number: ended.append(clock.now))
    clock.run_until(10.0)
    assert max(ended) == pytest.approx(0.4, abs=0.051)  # 7500 bytes are what one round carries


def test_columns_and_csv(tmp_path):
    steps = read(tmp_path, "0.5 8\n1.5 16\n2.5 0\n", format="columns")
    assert steps.times_s.tolist() == [0.0, 1.0, 2.0] and steps.bytes_per_s.tolist() == [1e6, 2e6, 0.0] and steps.length_s == 3.0
    steps = read(tmp_path, "a,DL\nx,8000\ny,16000\n", format="csv", column="DL")
    assert steps.bytes_per_s.tolist() == [1e6, 2e6]
    steps = read(tmp_path, "t,DL\n0,1\n4,2\n", format="csv", column="DL", time_column="t", unit="Mbit/s")
    assert steps.times_s.tolist() == [0.0, 4.0] and steps.bytes_per_s.tolist() == [125e3, 250e3]


def test_an_offset_begins_in_the_middle_and_rounds_follow(tmp_path):
    steps = read(tmp_path, "0 8\n1 16\n2 24\n", format="columns").from_offset(1.5)
    assert [next(steps) for _ in range(4)] == [(0.0, 2e6), (0.5, 3e6), (1.5, 1e6), (2.5, 2e6)]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("1\n5\n3\n", {"format": "mahimahi"}, "3: 3 ms is before the line above (5 ms); time must not go backwards"),
        ("1\nx\n", {"format": "mahimahi"}, "2: 'x' is not a whole number of milliseconds"),
        ("", {"format": "mahimahi"}, "no delivery time"),
        ("0 1\n2 1\n1 1\n", {"format": "columns"}, "3: 1 s is before the row above (2 s); time must not go backwards"),
        ("0 1\n1 nan\n", {"format": "columns"}, "2: 'nan' is not a number"),
        ("0 -1\n1 1\n", {"format": "columns"}, "1: a rate of -1 is out of range"),
        ("0 0\n1 0\n", {"format": "columns"}, "nothing would ever pass"),
        ("0 1\n", {"format": "columns"}, "needs two rows"),
        ("a,b\n1,2\n", {"format": "csv", "column": "c"}, "no column 'c' in the header"),
    ],
)
def test_mistakes_say_where(tmp_path, text, options, said):
    assert said in problems(tmp_path, text, **options)


def test_shared_traces_are_read(shared):
    for name in ("ATT-LTE-driving-2016.down", "ATT-LTE-driving-2016.up", "Verizon-EVDO-driving.down"):
        file = shared / "traces" / "mahimahi" / name
        steps = read_link_trace(LinkTrace.model_validate({"file": file.name, "format": "mahimahi"}), file.parent)
        assert steps.total_bytes == pytest.approx(1500 * sum(1 for line in file.read_text().splitlines() if line.strip()))
    file = shared / "traces" / "ucc5g" / "driving_sample300.csv"
    steps = read_link_trace(LinkTrace.model_validate({"file": file.name, "format": "csv", "column": "DL_bitrate"}), file.parent)
    assert len(steps.times_s) == 300
    for file in (shared / "traces" / "cooked_mbps").rglob("*"):
        if file.is_file():
            assert read_link_trace(LinkTrace.model_validate({"file": file.name, "format": "columns"}), file.parent).total_bytes > 0
