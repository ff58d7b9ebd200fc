"""Each mistake in what may be tried is reported at its place. In the broken fragments ``@`` marks the place; it is not part of the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.scenario.loading import load_scenario
from sim.scenario.optimize import OBJECTIVES, TECHNIQUE_KINDS

SCENARIO = """\
name: tried
device: raspberry_pi_5
duration: 2 s
models:
  net: {source: mobilenet_v2}
  learner: {source: ds_cnn, training: {batch: 4}}
workloads:
  w: {arrival: {kind: periodic, rate: 2 Hz}, pipeline: [{model: net}, {model: learner}]}
optimize:
  models: [net]
  objective: energy
  accuracy_drop: 1 %
  techniques:
    - precision: [int8, float16]
    - compress: {prune: {structured: channels, ratio: 30 %}}
    - runtime: [onnxruntime, qnn]
    - placement: {prefer: [npu, cpu]}
    - threads: [1, 2]
    - {load: on_demand, models: [net]}
    - set: {governors.cpu: powersave}
"""

MISTAKES = [
    ("models: [net]\n", "models: @[]\n", "optimize.models", "at least 1"),
    ("models: [net]\n", "models: [@ned]\n", "optimize.models.0", "unknown model 'ned'; did you mean 'net'"),
    ("models: [net]\n", "models: [net, @learner]\n", "optimize.models.1", "'learner' is trained on the device"),
    ("models: [net]}", "models: [@learner]}", "optimize.techniques.5.models.0", "'learner' is trained on the device"),
    ("objective: energy", "objective: @enrgy", "optimize.objective", "did you mean 'energy'"),
    ("accuracy_drop: 1 %", "accuracy_drop: @-1 %", "optimize.accuracy_drop", "at least"),
    ("accuracy_drop: 1 %", "acuracy_drop: 1 %", "optimize.acuracy_drop", "did you mean 'accuracy_drop'"),
    ("precision: [int8, float16]", "precision: [int8, @int9]", "optimize.techniques.0.precision.1", "'int9' is not one of"),
    ("precision: [int8, float16]", "precision: @int9", "optimize.techniques.0.precision", "'int9' is not one of"),
    ("precision: [int8, float16]", "precision: @[]", "optimize.techniques.0.precision", "at least 1"),
    ("ratio: 30 %", "ratio: @100 %", "optimize.techniques.1.compress.prune.ratio", "100 % would leave nothing"),
    ("runtime: [onnxruntime, qnn]", "runtime: [onnxruntime, @qnm]", "optimize.techniques.2.runtime.1", "unknown runtime 'qnm'; did you mean 'qnn'"),
    ("prefer: [npu, cpu]", "prefer: [@nnpu, cpu]", "optimize.techniques.3.placement.prefer.0", "no unit 'nnpu'"),
    ("threads: [1, 2]", "threads: [1, @0]", "optimize.techniques.4.threads.1", "at least 1"),
    ("threads: [1, 2]", "threads: [1, @two]", "optimize.techniques.4.threads.1", "whole number"),
    ("    - threads: [1, 2]", "    - @threds: [1, 2]", "optimize.techniques.4.threds", "unknown key 'threds'; did you mean 'threads'"),
    ("    - threads: [1, 2]", "    - @{threads: 1, load: on_demand}", "optimize.techniques.4", "exactly one of"),
    ("    - threads: [1, 2]", "    - @{models: [net]}", "optimize.techniques.4", "this one has none"),
    ("set: {governors.cpu: powersave}", "set: @{}", "optimize.techniques.6.set", "changes nothing"),
    ("set: {governors.cpu: powersave}", "set: {@optimize.objective: memory}",
     "optimize.techniques.6.set.optimize.objective", "cannot change what may be tried"),
    ("{prune: {structured: channels, ratio: 30 %}}", "{quantize: {to: int8, calibration: @none.npz}}",
     "optimize.techniques.1.compress.quantize.calibration", "no file"),
]  # fmt: skip


def load(text: str, folder: Path) -> None:
    path = folder / "tried.yaml"
    path.write_text(text)
    load_scenario(path, known=known_names())


def test_the_whole_section_is_right(tmp_path: Path) -> None:
    load(SCENARIO, tmp_path)
    for name in OBJECTIVES:
        load(SCENARIO.replace("objective: energy", f"objective: {name}"), tmp_path)
    assert len(TECHNIQUE_KINDS) == 7


@pytest.mark.parametrize(("right", "wrong", "path", "what"), MISTAKES, ids=[f"{path}-{index}" for index, (_, _, path, _) in enumerate(MISTAKES)])
def test_it_is_reported_at_its_place(tmp_path: Path, right: str, wrong: str, path: str, what: str) -> None:
    assert SCENARIO.count(right) == 1
    text = SCENARIO.replace(right, wrong)
    with pytest.raises(EdgesimError) as caught:
        load(text.replace("@", ""), tmp_path)
    (problem,) = caught.value.problems
    assert problem.path == path and what in problem.what
    if "@" in text:
        before = text.partition("@")[0]
        assert (problem.line, problem.column) == (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


def test_a_run_does_not_look_at_it(tmp_path: Path) -> None:
    with_it = load_scenario(SCENARIO, known=known_names())
    without = load_scenario(SCENARIO.partition("optimize:")[0], known=known_names())
    assert with_it.canonical_text() == without.canonical_text()
