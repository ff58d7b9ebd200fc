"""Trials of a scenario: techniques as changes of its data, what is tried where nothing is said, and runs equal to those made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.experiment.optimize.changes import Append, Put, SetPath, changed
from sim.experiment.optimize.defaults import default_techniques
from sim.experiment.optimize.optimizer import Options, optimizer
from sim.experiment.optimize.techniques import MODEL_TECHNIQUES, changes_of, steps_of
from sim.experiment.optimize.trials import Trials
from sim.experiment.simulate import prepare
from sim.report.optimization_metrics import RunMeasures, measures_of
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.scenario.optimize import TECHNIQUE_KINDS

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"
KNOWN = known_names()


def scenario(**more: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "device": "snapdragon_8_gen_3_phone",
        "duration": "1 s",
        "models": {"net": {"source": "mobilenet_v2", "runtime": "qnn", "precision": "int8"}, "other": {"source": "squeezenet1_1", "precision": "int8"}},
        "workloads": {"camera": {"arrival": {"kind": "periodic", "rate": "20 Hz"}, "pipeline": [{"model": "net"}, {"model": "other"}]}},
        "budgets": {"latency_p99": "33 ms"},
        **more,
    }


def trials(data: dict[str, Any], *models: str, directory: Path = Path()) -> Trials[RunMeasures]:
    return Trials(data, directory, KNOWN, lambda result: measures_of(result, models))


def found(data: dict[str, Any], options: Options | None = None, *models: str) -> Any:
    return optimizer(load_scenario(data, known=KNOWN), trials(data, *(models or ("net", "other"))), options or Options())


def by_hand(data: dict[str, Any], *models: str) -> RunMeasures:
    return measures_of(prepare(load_scenario(data, known=KNOWN)).run(), models)


def test_changes_are_made_on_a_copy_in_order() -> None:
    data = scenario()
    steps = steps_of(
        [
            {"compress": [{"prune": {"structured": "channels", "ratio": "30 %"}}, {"cluster": {"bits": 4}}], "models": ["net"]},
            {"precision": "float16", "models": ["net"]},
            {"placement": {"prefer": ["gpu", "cpu"]}, "models": ["net"]},
            {"compress": {"quantize": {"to": "int8"}}, "models": ["net"]},
            {"set": {"governors.cpu_gold": "powersave", "models.other.threads": 2}},
        ],
        ["net", "other"],
    )
    assert [(step.model, len(step.alternatives)) for step in steps] == [("net", 2), ("net", 1), ("net", 1), ("net", 1), (None, 1)]
    made = changed(data, changes_of(steps, (2, 1, 1, 1, 1)))
    assert data == scenario()
    assert made["models"]["net"]["compress"] == [{"cluster": {"bits": 4}}, {"quantize": {"to": "int8"}}]
    assert made["models"]["net"]["precision"] == "float16" and made["models"]["net"]["placement"] == {"prefer": ["gpu", "cpu"]}
    assert made["governors"] == {"cpu_gold": "powersave"} and made["models"]["other"]["threads"] == 2
    assert changed(data, changes_of(steps, (0, 0, 0, 0, 0))) == data


def test_a_technique_is_a_step_for_each_model_and_one_for_the_scenario() -> None:
    steps = steps_of([{"threads": [1, 2]}, {"set": {"seed": 3}}, {"load": "on_demand", "models": ["other"]}], ["net", "other"])
    assert [(step.kind, step.model) for step in steps] == [("threads", "net"), ("threads", "other"), ("set", None), ("load", "other")]
    assert [one.label for one in steps[0].alternatives] == ["1 thread", "2 threads"]


def test_every_kind_of_technique_can_be_made() -> None:
    assert set(MODEL_TECHNIQUES) == set(TECHNIQUE_KINDS) - {"set"}


def test_a_path_that_leads_nowhere_is_told() -> None:
    with pytest.raises(EdgesimError, match=r"governers.*did you mean 'governors'"):
        changed(scenario(), [SetPath("governers.cpu_gold", "powersave")])


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [Put(("models", "net", "precision"), "float16")],
        [Append(("models", "net", "compress"), {"prune": {"structured": "channels", "ratio": "30 %"}})],
        [Put(("models", "net", "threads"), 1)],
        [Put(("models", "net", "load"), "on_demand")],
        [Put(("models", "net", "placement"), {"policy": "heft"})],
        [Put(("models", "net", "runtime"), "tflite"), Put(("models", "other", "runtime"), "tflite")],
        [SetPath("governors.cpu_gold", "powersave")],
        [SetPath("budgets.latency_p99", "1 ms")],
        [SetPath("seed", 7), SetPath("workloads.camera.arrival.jitter", "3 ms")],
        [SetPath("device.memory.bandwidth", "20 GB/s")],
    ],
)
def test_a_trial_gives_what_a_run_by_hand_gives_whatever_was_tried_before(changes: list[Any]) -> None:
    it = trials(scenario(), "net", "other")
    everything = [Put(("models", "net", "threads"), 1), Put(("models", "net", "precision"), "float16"), SetPath("governors.cpu_gold", "powersave")]
    for one in everything:
        it.run([one])
    assert it.run(changes).measures == by_hand(changed(scenario(), changes), "net", "other")


def test_runs_of_the_same_programs_are_made_once() -> None:
    it = trials(scenario(), "net")
    it.run([])
    it.run([SetPath("budgets.latency_p99", "1 ms")])
    it.run([Put(("models", "net", "placement"), {"prefer": ["npu", "gpu", "cpu"]})])
    assert len(it.traces) == 1
    it.run([Put(("models", "net", "precision"), "float16")])
    assert len(it.traces) == 2


def test_what_cannot_be_run_has_problems_instead_of_measures() -> None:
    ran = trials(scenario(), "net").run([Put(("models", "net", "runtime"), "tensorrt")])
    assert ran.measures is None and "tensorrt" in str(ran.problems[0]) and "models.net.runtime" in str(ran.problems[0])
    twice = [Append(("models", "net", "compress"), {"quantize": {"to": "int8"}})] * 2
    again = trials(scenario(), "net").run(twice)
    assert again.measures is None and "quantized already" in str(again.problems[0])


def test_defaults_are_what_the_device_offers() -> None:
    techniques = default_techniques(load_scenario(scenario(), known=KNOWN), ["net"])
    kinds = [next(key for key in technique if key != "models") for technique in techniques]
    assert kinds == ["compress", "compress", "precision", "runtime", "placement", "threads"]
    precisions, runtimes, placements = techniques[2]["precision"], techniques[3]["runtime"], techniques[4]["placement"]
    assert "int8" not in precisions and {"float16", "w8a16"} <= set(precisions)
    assert "qnn" not in runtimes and "tflite" in runtimes and "tensorrt" not in runtimes
    assert {"policy": "heft"} in placements
    assert techniques[5]["threads"][-1] == 5 and 1 in techniques[5]["threads"]


def test_defaults_of_a_microcontroller_have_no_threads_and_no_placement() -> None:
    data = scenario(device="stm32u575", models={"net": {"source": "ds_cnn", "precision": "int8"}})
    data["workloads"]["camera"]["pipeline"] = [{"model": "net"}]
    kinds = {key for technique in default_techniques(load_scenario(data, known=KNOWN), ["net"]) for key in technique}
    assert kinds == {"compress", "precision", "runtime", "models"}


def test_defaults_of_a_measured_model_are_quantized_so_that_the_accuracy_is_measured() -> None:
    loaded = load_scenario(SCENARIOS / "digits_compression.yaml", known=KNOWN)
    numbers = default_techniques(loaded, ["full"])[2]["compress"]
    assert numbers[0] == {"quantize": {"to": "int8", "calibration": "digits_calibration.npz"}}
    assert {"quantize": {"to": "int8", "mode": "dynamic"}} in numbers


def test_which_models_are_optimized() -> None:
    data = scenario()
    data["models"]["trained"] = {"source": "mobilenet_v2", "training": {"batch": 2}}
    data["models"]["idle"] = {"source": "mobilenet_v2"}
    it = found(data)
    assert it.models == ("net", "other")
    assert it.untouched == {"trained": "it is trained on the device", "idle": "no stage runs it"}
    data["optimize"] = {"models": ["other"]}
    assert found(data).models == ("other",)
    data["optimize"] = {"models": ["idle"]}
    with pytest.raises(EdgesimError, match=r"optimize\.models\.0: no stage runs 'idle'"):
        found(data)


def test_a_scenario_without_models_that_answer_has_nothing_to_optimize() -> None:
    data = scenario(models={"net": {"source": "ds_cnn", "training": {"batch": 2}}})
    data["workloads"]["camera"]["pipeline"] = [{"model": "net"}]
    with pytest.raises(EdgesimError, match=r"models\.net\.training: nothing to optimize: it is trained"):
        found(data)
    data = scenario(models={})
    data["workloads"]["camera"]["pipeline"] = [{"name": "code", "unit": "cpu", "work": {"operations": 100}}]
    with pytest.raises(EdgesimError, match="no model to optimize"):
        found(data)


def test_an_objective_nobody_knows_is_told() -> None:
    data = scenario(optimize={"objective": "battery_life", "techniques": [{"threads": 1}]}, device="raspberry_pi_5")
    data["models"] = {name: {"source": use["source"]} for name, use in data["models"].items()}
    with pytest.raises(EdgesimError, match=r"optimize\.objective: nobody knows battery_life"):
        found(data).run()


def test_rules_come_from_the_section_and_the_budgets() -> None:
    assert found(scenario()).rules.accuracy_drop == 0.01 and not found(scenario()).rules.keeps_known
    with_budget = found(scenario(budgets={"accuracy": "70 %"})).rules
    assert with_budget.accuracy_drop is None and with_budget.keeps_known
    assert not found(scenario(budgets={"accuracy": "70 %"}), Options(accepts_unknown_accuracy=True)).rules.keeps_known
    given = found(scenario(optimize={"accuracy_drop": "2 %", "objective": "memory", "least_gain": "5 %"})).rules
    assert (given.accuracy_drop, given.objective, given.least_gain, given.keeps_known) == (0.02, "memory", 0.05, True)


def test_only_the_kinds_that_are_asked_for() -> None:
    assert {step.kind for step in found(scenario(), Options(kinds=("threads", "runtime"))).steps} == {"threads", "runtime"}
    with pytest.raises(EdgesimError, match="unknown technique 'thread'; did you mean 'threads'"):
        found(scenario(), Options(kinds=("thread",)))
    with pytest.raises(EdgesimError, match="nothing of load to try"):
        found(scenario(), Options(kinds=("load",)))


def test_a_ladder_of_one_step_ends_as_all_combinations_do() -> None:
    loaded: LoadedScenario = load_scenario(scenario(), known=KNOWN)
    assert loaded.scenario.optimize is None
    techniques = [{"precision": ["float16", "w8a16"], "models": ["net"]}]
    data = scenario(optimize={"techniques": techniques})
    searches = [found(data, Options(search=kind)).run() for kind in ("ladder", "exhaustive", "beam")]
    assert len({search.winner for search in searches}) == 1
