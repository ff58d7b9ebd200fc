"""Choosing datasets, predicting their measurements, and what comes of those that cannot be predicted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.spec import DeviceSpec
from sim.errors import EdgesimError
from sim.fidelity import datasets, run
from sim.fidelity.case import REGIMES, Case, Regime
from sim.fidelity.datasets import DATASETS, load_dataset
from sim.fidelity.predict import PREDICTIONS, predict
from sim.fidelity.run import Selection, cases_of, evaluate

BOARD = load_device("raspberry_pi_4")
CASE = Case(
    dataset="small",
    group="boards",
    device="raspberry_pi_4",
    spec=BOARD,
    unit="cpu",
    model="ds_cnn",
    family="ds_cnn",
    use={"source": "ds_cnn", "runtime": "tflite", "precision": "int8"},
    metric="latency_s",
    measured=1e-3,
    source="nobody",
)


class Small:
    """Two networks on a board, and one for an engine that it does not have; the second is measured in the k-shot regime."""

    name = "small"
    title = "Two networks"
    regimes: tuple[Regime, ...] = ("zero-shot", "k-shot")

    def cases(self) -> list[Case]:
        other = replace(CASE, model="other", family="other", use={**CASE.use, "precision": "float32"}, device="other_board")
        return [CASE, other, replace(CASE, model="odd", use={**CASE.use, "runtime": "qnn"})]

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        return [None if regime == "k-shot" and position < shots else case.spec for position, case in enumerate(cases)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cases_of.cache_clear()
    monkeypatch.setattr(run, "DATASETS", ("small",))
    monkeypatch.setattr(run, "load_dataset", lambda name: Small())
    yield
    cases_of.cache_clear()


@pytest.mark.usefixtures("small")
def test_every_measurement_is_predicted_or_said_to_be_not() -> None:
    found = evaluate(Selection(), workers=1)
    assert [(point.model, point.regime) for point in found.points] == [("ds_cnn", "zero-shot"), ("other", "zero-shot")]
    assert [(failure.case.model, failure.regime) for failure in found.failures] == [("odd", "zero-shot")]
    assert "qnn" in found.failures[0].why
    assert [point.numbers for point in found.points] == ["int8", "float"]
    assert found.points[0].cost_class == "cpu_armv80_outoforder" and found.points[0].form == "cpu"
    assert found.points[0].predicted == predict(CASE, BOARD)
    assert found.titles == {"small": "Two networks"}


@pytest.mark.usefixtures("small")
def test_shots_are_not_judged() -> None:
    found = evaluate(Selection(regimes=("k-shot",), shots=1), workers=1)
    assert [point.model for point in found.points] == ["other"]


@pytest.mark.usefixtures("small")
def test_a_device_can_be_chosen() -> None:
    assert {point.device for point in evaluate(Selection(devices=("other_board",)), workers=1).points} == {"other_board"}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("selection", "what"),
    [
        (Selection(datasets=("smal",)), "unknown dataset 'smal'; did you mean 'small'?"),
        (Selection(regimes=("zeroshot",)), "unknown regime 'zeroshot'; did you mean 'zero-shot'?"),  # type: ignore[arg-type]
        (Selection(devices=("other_bord",)), "unknown measured device 'other_bord'; did you mean 'other_board'?"),
        (Selection(regimes=("in-sample",)), "no published measurement is left of this selection: small has zero-shot, k-shot"),
        (Selection(regimes=("k-shot",), shots=3), "no published measurement is left"),
    ],
)
def test_mistakes_are_explained(selection: Selection, what: str) -> None:
    with pytest.raises(EdgesimError, match=what.replace("?", r"\?")):
        evaluate(selection, workers=1)


@pytest.mark.usefixtures("small")
def test_progress_ends_at_one() -> None:
    told: list[float] = []
    evaluate(Selection(), workers=1, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0


def test_processes_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    selection = Selection(datasets=("tiny_memory",))
    alone = evaluate(selection, workers=1)
    monkeypatch.setattr(run, "FEW", 0)
    assert evaluate(selection, workers=2) == alone


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_keeps_its_contract(name: str) -> None:
    dataset = load_dataset(name)
    cases = dataset.cases()
    assert dataset.name == name and dataset.title and set(dataset.regimes) <= set(REGIMES)
    assert cases and cases == dataset.cases()
    for case in cases:
        assert case.dataset == name and case.unit in case.spec.units and case.metric in PREDICTIONS
        assert np.isfinite(case.measured) and case.measured > 0
        assert case.source and case.group and case.family and case.device


def test_unknown_datasets_are_explained() -> None:
    with pytest.raises(EdgesimError, match="unknown dataset 'nasbench'; did you mean 'nasbench201'"):
        datasets.load_dataset("nasbench")
