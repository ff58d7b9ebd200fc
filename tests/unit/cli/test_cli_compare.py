"""``compare`` over more than two runs, and over the values of one setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("values", [("raspberry_pi_4", "raspberry_pi_5", "rk3588_board")])
def test_one_scenario_on_each_device(edgesim: Callable[..., Any], scenario: Path, values: tuple[str, ...]) -> None:
    rows = json.loads(edgesim("compare", scenario, "--each", "device=" + ",".join(values), "--json").out)
    alone = next(row for row in rows if row["metric"].endswith(".alone"))
    assert alone["unit"] == "s"
    assert len({alone["a"], alone["b"], alone["c"]}) == 3
    done = edgesim("compare", scenario, "--each", "device=" + ",".join(values))
    assert done.code == 0
    assert all(f"device={value}" in done.out for value in values)


def test_three_results(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("run", scenario, "--json", tmp_path / "r.json", "--quiet").code == 0
    done = edgesim("compare", *[tmp_path / "r.json"] * 3, "--json")
    assert all(row["a"] == row["b"] == row["c"] for row in json.loads(done.out))


def test_a_long_run_is_ranked_at_both_ends(edgesim: Callable[..., Any], scenario: Path) -> None:
    done = edgesim("compare", scenario, "--each", "duration=130 s,140 s")
    assert "first minute" in done.out
    assert "last minute" in done.out


@pytest.mark.parametrize("change", ["device", "device=", "=a,b", "device=a,,b"])
def test_each_must_name_a_path_and_values(edgesim: Callable[..., Any], scenario: Path, change: str) -> None:
    done = edgesim("compare", scenario, "--each", change)
    assert done.code == 2
    assert "PATH=VALUE,VALUE" in done.err


def test_each_does_not_change_a_result(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    done = edgesim("compare", tmp_path / "r.json", "--each", "seed=1,2")
    assert done.code == 2
    assert "run already" in done.err


def test_one_run_alone_is_no_comparison(edgesim: Callable[..., Any], scenario: Path) -> None:
    assert edgesim("compare", scenario).code == 2
