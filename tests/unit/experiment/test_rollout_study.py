"""A roll-out from its YAML to its numbers, sizes of updates, mistakes at their lines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim.cli.main import main
from sim.experiment.rollout.size import model_bytes, patch_between, patched
from sim.scenario.model import ModelUse

ROLLOUT = """
name: small
description: two hundred devices
rollout:
  duration: 2 h
  size: 10 MB
  devices: {count: 200, links: {up: 1 Mbit/s, down: 8 Mbit/s}, install: 10 s, install_power: 1 W}
  stages: [{share: 10 %, hold: 30 min}, {share: 100 %}]
  server: {bandwidth: 80 Mbit/s, price_per_gb: 0.1}
  budgets: {time_to_95: 1 h, updated: 100 %, traffic: 3 GB}
"""


def run(tmp_path, text, *options):
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    return main(["run", str(tmp_path / "study.yaml"), *options])


def test_times_and_traffic_are_those_of_the_closed_form(tmp_path):
    """20 devices at their own 1 MB/s take 10 s; the other 180 share 10 MB/s and take 180 s from the second stage on; then 10 s of installing."""
    assert run(tmp_path, ROLLOUT, "--json", str(tmp_path / "r.json"), "--quiet") == 0
    metrics = json.loads((tmp_path / "r.json").read_text())["metrics"]
    assert metrics["time_to_95"]["value"] == pytest.approx(1800 + 180 + 10, abs=8)
    assert metrics["traffic"]["value"] == pytest.approx(200 * 10e6)
    assert metrics["cost"]["value"] == pytest.approx(0.2)
    assert metrics["curve"]["value"][20] == pytest.approx(0.1) and metrics["curve"]["value"][-1] == 1.0


def test_a_delta_ships_its_share(tmp_path):
    text = ROLLOUT.replace("size: 10 MB", "size: 10 MB\n  update: {kind: delta, changed: 20 %, compressed: 50 %}")
    assert run(tmp_path, text, "--json", str(tmp_path / "r.json"), "--quiet") == 0
    assert json.loads((tmp_path / "r.json").read_text())["metrics"]["update"]["value"] == pytest.approx(1e6)


def test_a_patch_is_computed_and_turns_one_file_into_the_other(tmp_path):
    rng = np.random.default_rng(0)
    old = rng.integers(0, 256, 100_000, dtype=np.uint8)
    new = np.concatenate([old, rng.integers(0, 256, 500, dtype=np.uint8)])
    new[2000:3000] += 1
    (tmp_path / "old.bin").write_bytes(old.tobytes())
    (tmp_path / "new.bin").write_bytes(new.tobytes())
    patch = patch_between(tmp_path / "old.bin", tmp_path / "new.bin")
    assert patched(old.tobytes(), patch) == new.tobytes() and len(patch) < 2000
    text = ROLLOUT.replace("size: 10 MB", "update: {kind: patch, old: old.bin, new: new.bin}")
    assert run(tmp_path, text, "--json", str(tmp_path / "r.json"), "--quiet") == 0
    assert json.loads((tmp_path / "r.json").read_text())["metrics"]["update"]["value"] == len(patch)


def test_a_model_is_shipped_in_its_stored_size(tmp_path):
    small = model_bytes(ModelUse(source="mobilenet_v2", precision="int8"), tmp_path)
    large = model_bytes(ModelUse(source="mobilenet_v2", precision="float32"), tmp_path)
    assert 3.4e6 < small < 4.5e6 and 13.5e6 < large < 15e6


@pytest.mark.parametrize("width", ["80", "120"])
def test_the_page_fits(tmp_path, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    assert run(tmp_path, ROLLOUT.replace("stages:", "risks: {crash: 50 %, tolerated: 1 %, least_reports: 5}\n  stages:")) == 1
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= int(width) and "taken back after" in out and "never reached" in out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size: 10 MB", "size: 10 MB\n  model: {source: mobilenet_v2}", "give either size"),
        ("share: 100 %}", "share: 90 %}", "the last one must have share: 100 %"),
        ("share: 10 %,", "share: 100 %,", "each share must be larger than the one before"),
        ("size: 10 MB", "update: {kind: patch, old: a, new: b}", "no file"),
        ("size: 10 MB", "model: {source: mobilnet_v2}", "unknown model 'mobilnet_v2'; did you mean"),
        ("count: 200", "count: 200, radio: wifi", "unknown radio 'wifi'"),
        ("count: 200", "count: 0", "must be at least 1"),
        ("bandwidth: 80 Mbit/s", "bandwidth: 0 Mbit/s", "bandwidth"),
    ],
)
def test_mistakes_are_at_their_line(tmp_path, capsys, old, new, said):
    assert old in ROLLOUT
    assert run(tmp_path, ROLLOUT.replace(old, new)) == 2
    error = capsys.readouterr().err
    assert said in error and "study.yaml:" in error and "Traceback" not in error


def test_roll_outs_are_compared(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text(ROLLOUT.replace("duration: 2 h", "duration: 3 h"), encoding="utf-8")
    asked = ["compare", str(tmp_path / "study.yaml"), "--each", "rollout.server.bandwidth=80 Mbit/s,40 Mbit/s"]
    assert main([*asked, "--json"]) == 0
    rows = {row["metric"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["time_to_99"]["b"] - rows["time_to_99"]["a"] == pytest.approx(180, abs=16)  # of 1800 MB at half the rate
    assert main(asked) == 0
    page = capsys.readouterr().out
    assert "2 GB" in page and "3 h" in page and "iB" not in page
