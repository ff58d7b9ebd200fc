"""``edgesim fidelity``: output, files and mistakes, on two measurements that nobody made."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_models.catalog.catalog import load_device
from device_models.spec import DeviceSpec
from sim.fidelity import datasets, run
from sim.fidelity.case import Case, Regime
from sim.fidelity.run import cases_of

BOARD = load_device("raspberry_pi_4")
USE = {"source": "ds_cnn", "runtime": "tflite", "precision": "int8"}
CASE = Case("small", "boards", "raspberry_pi_4", BOARD, "cpu", "ds_cnn", "ds_cnn", USE, "latency_s", 1e-3, "a paper, table 1", 2, "speech")


class Small:
    name = "small"
    title = "Two networks"
    regimes: tuple[Regime, ...] = ("zero-shot", "k-shot")

    def cases(self) -> list[Case]:
        return [CASE, replace(CASE, model="<b>other</b>", line=3, kind="images"), replace(CASE, model="odd", line=4, use={**USE, "runtime": "qnn"})]

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        return [None if regime == "k-shot" and position < shots else case.spec for position, case in enumerate(cases)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cases_of.cache_clear()
    for module in (datasets, run):
        monkeypatch.setattr(module, "DATASETS", ("small",))
        monkeypatch.setattr(module, "load_dataset", lambda name: Small())
    yield
    cases_of.cache_clear()


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_screen(edgesim: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = edgesim("fidelity", "--workers", 1, "--shots", 1)
    assert done.code == 0 and not done.err
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0] == "Two networks (small, 3 predictions)"
    assert [line.split()[:3] for line in lines if line.startswith("boards")] == [["boards", "zero-shot", "2"], ["boards", "k-shot", "1"]]
    assert any(line.startswith("images") for line in lines) and ("rank" in done.out) == (columns == 120)
    assert "not predicted: small: odd on raspberry_pi_4, k-shot: runtime qnn does not exist" in " ".join(done.out.split())


def test_the_same_output_every_time(edgesim: Callable[..., Any]) -> None:
    assert edgesim("fidelity", "--workers", 1).out == edgesim("fidelity", "--workers", 1).out


def test_files_tell_every_point(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    files = {option: tmp_path / f"f.{option}" for option in ("json", "csv", "html")}
    assert edgesim("fidelity", "--workers", 1, "--regime", "zero-shot", *(text for option, path in files.items() for text in (f"--{option}", path))).code == 0
    data = json.loads(files["json"].read_text())
    with files["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [point["model"] for point in data["points"]] == [row["model"] for row in rows] == ["ds_cnn", "<b>other</b>"]
    assert data["points"][0]["predicted"] == float(rows[0]["predicted"]) > 0
    page = files["html"].read_text()
    assert "&lt;b&gt;other&lt;/b&gt;" in page and "<b>" not in page and "a paper, table 1" in page
    printed = edgesim("fidelity", "--workers", 1, "--regime", "zero-shot", "--json", "-")
    assert json.loads(printed.out) == data


def test_residuals_are_written_with_the_estimates_kept(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    import yaml

    from device_models.catalog.catalog import CATALOG

    assert edgesim("fidelity", "--workers", 1, "--write-residuals", tmp_path / "r.yaml").code == 0
    written = yaml.safe_load((tmp_path / "r.yaml").read_text())
    assert written["estimated"] == yaml.safe_load((CATALOG / "residuals.yaml").read_text())["estimated"]
    assert not written["measured"]  # two are too few


def test_datasets_are_listed(edgesim: Callable[..., Any]) -> None:
    done = edgesim("fidelity", "--list")
    assert done.code == 0 and "small" in done.out and "raspberry_pi_4" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset", "smal"), "unknown dataset 'smal'; did you mean 'small'?"),
        (("--regime", "k_shot"), "unknown regime 'k_shot'; did you mean 'k-shot'?"),
        (("--device", "raspberry_pi"), "unknown measured device 'raspberry_pi'; did you mean 'raspberry_pi_4'?"),
        (("--regime", "in-sample"), "no published measurement is left of this selection"),
        (("--shots", "0"), "'0' is not a whole number of at least 1"),
        (("--workers", "-1"), "not a whole number"),
        (("--plot", "f.doc"), "expected a file that ends in .png, .svg or .pdf"),
        (("--html", "no/such/folder.html"), "there is no folder 'no/such'"),
    ],
)
def test_mistakes_are_told_with_exit_code_2(edgesim: Callable[..., Any], arguments: tuple[str, ...], told: str) -> None:
    done = edgesim("fidelity", *arguments)
    assert done.code == 2 and told in done.err and not done.out


def test_all_mistakes_are_told_at_once(edgesim: Callable[..., Any]) -> None:
    done = edgesim("fidelity", "--dataset", "smal", "--regime", "k_shot", "--device", "raspberry_pi")
    assert done.code == 2 and len(done.err.splitlines()) == 3
