"""Cells and heads of a results table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.results_cells import cell, rank, short_names


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("latency_p99_s", 0.0194, "19.4 ms"),
        ("detector.energy_j", 2.5e-3, "2.5 mJ"),
        ("peak_bytes", 3 * 2**20, "3 MiB"),
        ("skin_c", 41.26, "41.3 degC"),
        ("throughput_hz", 30, "30 Hz"),
        ("seed", 7, "7"),
        ("share_ratio", 0.123456789, "0.123457"),
        ("device.units.npu.frequency", "600 MHz", "600 MHz"),
        ("problems", "a\nb", "a; b"),
        ("latency_p99_s", None, "-"),
    ],
)
def test_values_have_the_unit_of_their_name(name: str, value: Any, text: str) -> None:
    assert cell(name, value) == text


def test_names_are_as_short_as_tells_them_apart() -> None:
    assert short_names(["device.units.npu.frequency", "device.units.cpu.frequency", "models.a.precision", "seed"]) == [
        "npu.frequency",
        "cpu.frequency",
        "precision",
        "seed",
    ]
    assert short_names(["a.latency_s", "latency_s"]) == ["a.latency_s", "latency_s"]


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join), unique=True, max_size=8))
def test_short_names_are_endings_and_differ(names: list[str]) -> None:
    short = short_names(names)
    assert len(set(short)) == len(names) and all(name == one or name.endswith("." + one) for name, one in zip(names, short, strict=True))


def test_what_people_look_for_comes_first_and_totals_before_parts() -> None:
    names = ["a.latency_p99_s", "unit.share_ratio", "energy_j", "valid", "latency_p99_s", "arena_bytes"]
    assert sorted(names, key=rank) == ["valid", "latency_p99_s", "a.latency_p99_s", "energy_j", "arena_bytes", "unit.share_ratio"]
