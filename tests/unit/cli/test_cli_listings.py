"""``devices``, ``models``, ``runtimes``, ``policies``, ``scenarios``, ``schema``, ``validate``, ``profile``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.cli.shipped import shipped_scenarios


@pytest.mark.parametrize(
    ("command", "name"), [("devices", "raspberry_pi_4"), ("models", "mobilenet_v2"), ("runtimes", "tflite"), ("policies", "edf"), ("scenarios", "phone_camera")]
)
def test_list_and_detail(edgesim: Callable[..., Any], command: str, name: str) -> None:
    listed, detail = edgesim(command), edgesim(command, name)
    assert listed.code == detail.code == 0
    assert any(line.startswith(name) for line in listed.out.splitlines())
    assert name in detail.out and len(detail.out) > 100
    assert all(len(line) <= 100 for line in listed.out.splitlines())


def test_device_shows_every_number_with_its_source(edgesim: Callable[..., Any]) -> None:
    from device_models.catalog.catalog import load_device, sources
    from device_models.provenance import figures

    rows = figures(load_device("raspberry_pi_4"))
    done = edgesim("devices", "raspberry_pi_4")
    assert sum(f" {row.kind} " in done.out for row in rows) == len(rows)
    cited = {row.source for row in rows if row.source}
    assert all(key in done.out for key in cited)
    data = json.loads(edgesim("devices", "raspberry_pi_4", "--json").out)
    assert len(data["figures"]) == len(rows) and set(data["sources"]) == cited
    assert all(data["sources"][key] == sources().get(key, "") for key in cited)


@pytest.mark.parametrize("command", ["devices", "models", "runtimes"])
def test_lists_as_json(edgesim: Callable[..., Any], command: str) -> None:
    assert len(json.loads(edgesim(command, "--json").out)) >= 3


def test_schema_is_a_json_schema(edgesim: Callable[..., Any]) -> None:
    schema = json.loads(edgesim("schema").out)
    assert schema["additionalProperties"] is False and "budgets" in schema["properties"]
    assert json.loads(edgesim("schema", "device").out)["title"] == "DeviceSpec"


def test_validate_goes_on_after_a_bad_file(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: x\n")
    done = edgesim("validate", tmp_path / "bad.yaml", scenario)
    assert done.code == 2 and f"ok {scenario}" in done.out and "bad.yaml" in done.err


def test_shipped_scenarios_are_valid(edgesim: Callable[..., Any]) -> None:
    done = edgesim("validate", *shipped_scenarios())
    assert done.code == 0, done.err


def test_profile_table_and_json_agree(edgesim: Callable[..., Any]) -> None:
    arguments = ("profile", "mobilenet_v2", "--device", "raspberry_pi_4", "--precision", "int8")
    table, data = edgesim(*arguments), json.loads(edgesim(*arguments, "--json").out)
    profile = data["profile"]
    assert table.code == 0 and len(profile["operators"]) == data["model"]["kernels"]["value"]
    seconds = sum(row["time"]["value"] for row in profile["operators"]) + sum(row["entry"]["value"] for row in profile["segments"])
    assert profile["total"]["value"] == pytest.approx(seconds)
    assert sum(row["macs"]["value"] for row in profile["operators"]) == pytest.approx(data["model"]["macs"]["value"])
    assert all(row["name"] in table.out for row in profile["operators"] if len(row["name"]) < 14)


def test_profile_top_and_threads(edgesim: Callable[..., Any]) -> None:
    done = edgesim("profile", "mobilenet_v2", "--device", "raspberry_pi_4", "--top", "3", "--threads", "1", "--batch", "2")
    assert done.code == 0 and "more operators" in done.out


def test_profile_prints_a_graph(edgesim: Callable[..., Any]) -> None:
    done = edgesim("profile", "ds_cnn", "--device", "raspberry_pi_4", "--print-graph")
    assert done.code == 0 and "Conv" in done.out


@pytest.mark.parametrize("columns", ["60", "80", "100", "120"])
@pytest.mark.parametrize("command", ["devices", "runtimes", "scenarios", "policies"])
def test_lists_fit_the_terminal_and_lose_nothing(edgesim: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, command: str, columns: str) -> None:
    shown = edgesim(command).out.splitlines()
    monkeypatch.setenv("COLUMNS", columns)
    narrow = edgesim(command).out.splitlines()
    assert max(map(len, narrow)) <= int(columns)
    assert sorted("".join(narrow).replace(" ", "")) == sorted("".join(shown).replace(" ", ""))
