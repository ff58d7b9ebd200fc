"""The scenarios in ``scenarios/`` load without a problem, are in the index, and say what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.experiment.names import known_names
from sim.frontends.load import load_model
from sim.scenario.loading import load_scenario
from sim.scenario.study import load_study, study_kind
from sim.scenario.yaml_source import read_yaml

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
ALL = sorted(SCENARIOS.glob("*.yaml"))
STUDIES = [path for path in ALL if study_kind(read_yaml(path).data)]  # of many devices: tested with their kinds
FILES = [path for path in ALL if path not in STUDIES]
THEMES = {"phone_camera", "ar_headset", "driver_assistance", "voice_assistant", "smart_home_hub", "predictive_maintenance", "wearable", "overloaded"}


@pytest.fixture(scope="module")
def known():
    return known_names()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_it_loads_and_says_what_it_shows(path, known):
    scenario = load_scenario(path, known=known).scenario
    assert scenario.name == path.stem
    assert len(scenario.description) > 80
    assert scenario.budgets.model_dump(exclude_none=True, exclude={"per"})
    assert any(workload.deadline_s for workload in scenario.workloads.values()) or scenario.budgets.latency_max_s


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_its_models_can_be_built_with_their_options(path, known):
    for use in load_scenario(path, known=known).scenario.models.values():
        assert load_model(use.source, directory=path.parent, layers=use.layers, input=use.input, options=use.options).parameters() > 0


def test_the_index_lists_every_scenario_and_nothing_else():
    index = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\.yaml\]\(\1\.yaml\) ", index, re.MULTILINE)
    assert sorted(re.findall(r"\[(\w+)\.yaml\]", index)) == [path.stem for path in ALL]
    assert {path.stem for path in FILES} >= THEMES


def test_what_the_themes_promise(known):
    loaded = {path.stem: load_scenario(path, known=known) for path in FILES}
    assert len(loaded["driver_assistance"].scenario.workloads) == 4
    assert len(loaded["ar_headset"].scenario.models) >= 3
    assert {stage.repeat for stage in loaded["voice_assistant"].scenario.workloads["microphone"].pipeline} > {1}
    maintenance = loaded["predictive_maintenance"]
    assert maintenance.device.category == "microcontroller"
    assert sum(load_model(use.source, directory=SCENARIOS, options=use.options).parameters() for use in maintenance.scenario.models.values()) < 1_000_000


@pytest.mark.parametrize("path", STUDIES, ids=[path.stem for path in STUDIES])
def test_studies_load_and_say_what_they_show(path, known):
    study = load_study(path, known=known).study
    assert study.name == path.stem
    assert len(study.description) > 80
