"""What turns out wrong while models are compiled is reported at its place in the scenario, all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim import EdgesimError, load_scenario, simulate
from sim.errors import Problem
from sim.experiment.locate import located
from sim.experiment.simulate import prepare
from sim.scenario.positions import Place, Places

SCENARIO = """\
name: wrong
device: raspberry_pi_4
models:
  layers: {layers: [{op: cnv, out: 3}, {op: conv, out: 3, kernal: 3}], input: {shape: [1, 3, 8, 8]}}
  format: {source: mobilenet_v2, precision: w4a16, runtime: ncnn}
  good: {source: ds_cnn}
  file: {source: broken.onnx}
workloads:
  w:
    arrival: {kind: periodic, rate: 1 Hz}
    pipeline: [{model: layers}, {model: format}, {model: good}, {model: file}]
duration: 5 s
"""


def problems_of(text: str, folder: Path) -> list[str]:
    file = folder / "s.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(EdgesimError) as caught:
        prepare(load_scenario(file)).check()
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_every_model_that_cannot_be_compiled_is_reported_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"junk")
    found = problems_of(SCENARIO, tmp_path)
    assert [line.split(" ")[0] for line in found] == [
        "s.yaml:4:26:",
        "s.yaml:4:67:",
        "s.yaml:5:3:",
        "broken.onnx:",
    ]
    assert found[0].startswith("s.yaml:4:26: models.layers.layers.0.op: unknown layer 'cnv'; did you mean 'conv'")
    assert "models.format: ncnn makes no w4a16 models" in found[2]


def test_models_that_fit_neither_memory_nor_storage(tmp_path: Path) -> None:
    text = SCENARIO[: SCENARIO.index("models:")] + "models: {big: {source: %s, precision: %s}}\n" + SCENARIO[SCENARIO.index("workloads:") :]
    text = text.replace("{model: layers}, {model: format}, {model: good}, {model: file}", "{model: big}")
    (memory,) = problems_of((text % ("llama3_8b", "float16")).replace("duration", "runtime: llama_cpp\nduration"), tmp_path)
    assert memory.startswith("s.yaml:3:1: models: the models need") and "of memory" in memory
    (storage,) = problems_of((text % ("mobilenet_v2", "int8")).replace("raspberry_pi_4", "stm32h7a3"), tmp_path)
    assert storage.startswith("s.yaml:3:1: models: the models take 3.45 MiB of storage") and "the device has 2 MiB" in storage


def test_wrong_options_of_built_in_models_are_found_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(EdgesimError) as caught:
        simulate(SCENARIO.replace("precision: w4a16, runtime: ncnn", "options: {width: 50, resolutoin: 3}"))
    assert [(problem.line, problem.path) for problem in caught.value.problems if problem.line == 5] == [
        (5, "models.format.options.width"),
        (5, "models.format.options.resolutoin"),
    ]


def test_places() -> None:
    places = Places({("models", "a", "layers", 1): Place("s.yaml", 7, 9)}, {("models", "a"): Place("s.yaml", 5, 3)})
    below, unknown, elsewhere = located([Problem(path="layers.1", what="x"), Problem(path="q", what="x"), Problem(file="f", what="x")], places, ("models", "a"))
    assert str(below) == "s.yaml:7:9: models.a.layers.1: x"
    assert str(unknown) == "s.yaml:5:3: models.a: q: x"
    assert str(elsewhere) == "f: x"
