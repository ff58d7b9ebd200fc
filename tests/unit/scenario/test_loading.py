"""Scenarios come from a file, a text or a mapping, and have a canonical form."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from sim.errors import EdgesimError
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario


def test_a_file(folder, known):
    loaded = load_scenario(folder / "doorbell.yaml", known=known)
    assert isinstance(loaded.scenario, Scenario)
    assert (loaded.scenario.name, loaded.device.name, loaded.directory, loaded.file) == ("doorbell", "tiny_board", folder, str(folder / "doorbell.yaml"))
    assert loaded.scenario.duration_s == 10
    assert loaded.scenario.workloads["camera"].pipeline[0].work.operations == 1e6


def test_a_text_and_a_mapping_give_the_same(folder, scenario_text):
    from_file = load_scenario(folder / "doorbell.yaml")
    from_text = load_scenario(scenario_text, directory=folder)
    mapping = yaml.safe_load(scenario_text)
    from_mapping = load_scenario(mapping, directory=folder)
    assert from_file.canonical_text() == from_text.canonical_text() == from_mapping.canonical_text()
    assert mapping == yaml.safe_load(scenario_text), "the caller's mapping stays as it was"


def test_a_mapping_has_problems_with_a_path_and_no_place(folder, scenario_text):
    mapping = yaml.safe_load(scenario_text) | {"duration": "10 m", "seeds": 3}
    with pytest.raises(EdgesimError) as caught:
        load_scenario(mapping, directory=folder)
    assert [str(problem)[:10] for problem in caught.value.problems] == ["duration: ", "seeds: unk"]


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_a_mapping_that_is_not_plain_data(value):
    with pytest.raises(EdgesimError, match="not plain data"):
        load_scenario({"name": "a", "models": {"m": {"options": {"x": value}}}})


def test_a_mapping_that_holds_itself():
    data: dict[str, object] = {"name": "a"}
    data["models"] = data
    with pytest.raises(EdgesimError, match="not plain data"):
        load_scenario(data)


def test_a_mapping_may_have_numbers_for_keys(folder, scenario_text):
    mapping = yaml.safe_load(scenario_text)
    mapping["device"] = {"base": "./board.yaml", "domains": {"cpu_clock": {"operating_points": {1: {"frequency": "3 GHz"}}}}}
    assert load_scenario(mapping, directory=folder).device.domains["cpu_clock"].operating_points[1].frequency_hz == 3e9


def test_a_missing_file():
    with pytest.raises(EdgesimError, match=r"^nowhere\.yaml: no such file$"):
        load_scenario("nowhere.yaml")


def test_names_of_other_layers_are_checked_only_where_they_are_given(folder, scenario_text):
    text = scenario_text.replace("fifo", "my_policy").replace("mobilenet_v2", "my_network")
    assert load_scenario(text, directory=folder).scenario.scheduler == "my_policy"


def test_what_determines_the_result_changes_the_canonical_form(load, folder, scenario_text):
    before = load().canonical_text()
    assert json.loads(before)["scenario"]["duration"] == 10
    assert set(json.loads(before)["files"]) == {"./face.onnx", "visitors.csv"}
    changed = [load(seed=1), load(overrides=["duration=11 s"]), load(overrides=["device.memory.bandwidth=11 GB/s"])]
    (folder / "face.onnx").write_bytes(b"another network")
    changed.append(load())
    assert len({before, *(loaded.canonical_text() for loaded in changed)}) == 5


def test_how_it_is_written_does_not_change_the_canonical_form(load, scenario_text):
    text = scenario_text.replace("33 ms", "0.033 s").replace("10 s", "10000 ms").replace("kind: periodic, rate: 30 Hz", "rate: 30 fps, kind: periodic")
    assert load(text + "description: in other words\n").canonical_text() == load().canonical_text()


def test_the_canonical_form_is_the_same_in_another_process(folder):
    program = f"from sim.scenario.loading import load_scenario; print(load_scenario({str(folder / 'doorbell.yaml')!r}).canonical_text())"
    for hash_seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
        assert other.stdout == load_scenario(folder / "doorbell.yaml").canonical_text() + "\n"


def test_stages_have_names_and_wait_for_the_one_before(load, scenario_text):
    more = ["{model: face}", "{model: face}", "{work: {}}", "{name: join, after: [face, code], work: {}}", "{after: [], work: {}}"]
    visitors = load(scenario_text.replace("{model: face}", "\n      - ".join(more))).scenario.workloads["visitors"]
    assert visitors.stage_names() == ("face", "face_1", "code", "join", "code_4")
    assert visitors.stage_dependencies() == ((), (0,), (1,), (0, 2), ())


def test_a_code_stage_needs_a_unit_where_there_is_no_cpu(mistakes, folder, board_text):
    text = board_text.replace("  cpu:\n    kind: cpu", "  core:\n    kind: mcu").replace("heated_by: [cpu, tpu]", "heated_by: [core, tpu]")
    (folder / "board.yaml").write_text(text)
    found = mistakes()
    assert found[0].startswith("doorbell.yaml:13:9: workloads.camera.pipeline.0: tiny_board has no unit 'cpu'")
    assert "say where this stage runs with unit" in found[0]
    assert found[1].startswith("doorbell.yaml:15:28: workloads.camera.pipeline.2.unit: ")
