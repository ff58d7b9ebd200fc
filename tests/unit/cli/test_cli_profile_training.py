"""``edgesim profile --training``: one step of training, as a scenario's ``training:`` describes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sim.cli.main import main
from sim.experiment.simulate import simulate

MODEL = ["mobilenet_v2", "--device", "raspberry_pi_4", "--option", "resolution=96", "--option", "width=0.5"]


def _profile(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main(["profile", *MODEL, *more, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(("options", "training"), [
    (["--training", "sgd", "--batch", "8"], {"optimizer": "sgd", "batch": 8}),
    (["--training", "adam", "--batch", "4", "--checkpointing"], {"optimizer": "adam", "batch": 4, "checkpointing": "sqrt"}),
    (["--training", "{optimizer: momentum, last: 2, batch: 4}"], {"optimizer": "momentum", "last": 2, "batch": 4}),
    (["--training", "sgd", "--batch", "4", "--checkpointing", "every: 4"], {"batch": 4, "checkpointing": {"every": 4}}),
])  # fmt: skip
def test_a_step_is_that_of_a_scenario(capsys: pytest.CaptureFixture[str], options: list[str], training: dict[str, Any]) -> None:
    found = _profile(capsys, *options)
    model = {"source": "mobilenet_v2", "options": {"resolution": 96, "width": 0.5}, "training": training}
    workload = {"arrival": {"kind": "closed"}, "count": 1, "pipeline": [{"model": "m"}]}
    program = simulate({"name": "t", "device": "raspberry_pi_4", "duration": "60 s", "models": {"m": model}, "workloads": {"w": workload}}).programs["m"]
    assert found["model"]["macs"]["value"] == program.macs and found["model"]["arena"]["value"] == program.plan.arena_bytes
    assert found["model"]["kernels"]["value"] == len(program.kernels.names)


def test_checkpointing_computes_more_and_keeps_less(capsys: pytest.CaptureFixture[str]) -> None:
    plain, again = (_profile(capsys, "--training", "sgd", "--batch", "16", *more) for more in ([], ["--checkpointing"]))
    assert plain["model"]["macs"]["value"] < again["model"]["macs"]["value"] <= 4 / 3 * 1.01 * plain["model"]["macs"]["value"]
    assert again["model"]["arena"]["value"] < 0.8 * plain["model"]["arena"]["value"]


def test_a_step_of_training_has_no_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    """Predictions of inferences were measured against, those of training were not."""
    step, inference = _profile(capsys, "--training", "sgd"), _profile(capsys)
    assert set(step["uncertainty"]) == {"note"} and "low" not in step["profile"]["makespan"] and "low" not in step["profile"]["energy"]
    assert inference["uncertainty"]["regime"] and inference["profile"]["makespan"]["low"] < inference["profile"]["makespan"]["value"]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_page_says_what_it_is_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["profile", *MODEL, "--training", "sgd", "--batch", "8", "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("training step ") and "(" not in lines[1].split(",")[0] and " steps/s alone" in lines[3]
    assert max(map(len, lines[: lines.index("")])) <= columns  # the head


@pytest.mark.parametrize(("options", "message"), [
    (["--checkpointing"], "add --training sgd"),
    (["--training", "nadam"], "--training.optimizer: 'nadam' is not one of sgd, momentum, adam"),
    (["--training", "sgd", "--precision", "int8"], "error: training computes in float"),
    (["--training", "sgd", "--cuts"], "--cuts is of inferences"),
    (["--training", "{batch: 4}", "--batch", "8"], "--training states batch"),
    (["--training", "sgd", "--checkpointing", "every: 2, budget: 3 MB"], "--checkpointing"),
    (["--training", "{only: ['nothing*']}"], "no layer with weights is named like"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused(capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    assert main(["profile", *MODEL, *options]) == 2
    told = capsys.readouterr()
    assert message in told.err and not told.out and "Traceback" not in told.err
