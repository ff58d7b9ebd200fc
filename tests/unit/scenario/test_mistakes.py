"""Each mistake in a scenario is reported at its place: ``file:line:col: path: what``.

In the broken fragments ``@`` marks the place that must be reported; it is not part of the text.
"""

from __future__ import annotations

import dataclasses

import pytest

MISTAKES = [
    # (fragment of the scenario, what somebody wrote instead, path, what is said)
    ("deadline: 33 ms", "deadline: @33 mss", "workloads.camera.deadline", "unit 'mss' is not a unit of time; write for example '33 ms'"),
    ("deadline: 33 ms", "deadline: @33 W", "workloads.camera.deadline", "('W' is a unit of power)"),
    ("deadline: 33 ms", "deadline: @33", "workloads.camera.deadline", "33 has no unit"),
    ("deadline: 33 ms", "deadline: @-33 ms", "workloads.camera.deadline", "must be more than 0 s, got -0.033"),
    ("deadline: 33 ms", "deadline: @0 s", "workloads.camera.deadline", "must be more than 0 s"),
    ("deadline: 33 ms", "deadline: @soon", "workloads.camera.deadline", "'soon' is not a time"),
    ("deadline: 33 ms", "deadline: @[33 ms]", "workloads.camera.deadline", "expected a time"),
    ("deadline: 33 ms", "deadline: @.inf", "workloads.camera.deadline", ".inf is not a finite number"),
    ("deadline: 33 ms", "@dedline: 33 ms", "workloads.camera.dedline", "unknown key 'dedline'; did you mean 'deadline'"),
    ("deadline: 33 ms", "@deadline_s: 33 ms", "workloads.camera.deadline_s", "unknown key 'deadline_s'; did you mean 'deadline'"),
    ("deadline: 33 ms", "deadline: 33 ms\n    @deadline: 40 ms", "workloads.camera.deadline", "key 'deadline' is already given in line 11"),
    ("rate: 30 Hz", "rate: @30 ms", "workloads.camera.arrival.rate", "unit 'ms' is not a unit of frequency"),
    ("rate: 30 Hz", "rate: @1e99 Hz", "workloads.camera.arrival.rate", "must be at most 1e+09 Hz"),
    ("rate: 30 Hz", "rate: @900 MHz", "workloads.camera.arrival.rate", "9e+09 requests in 10 s"),
    ("rate: 30 Hz", "rate: 30 Hz, @jiter: 1 ms", "workloads.camera.arrival.jiter", "did you mean 'jitter'?"),
    ("rate: 30 Hz", "rate: 30 Hz, offset: @10 s", "workloads.camera.arrival.offset", "not before the end of the run"),
    ("    arrival: {kind: periodic, rate: 30 Hz}", "    @arrival: {kind: periodic}", "workloads.camera.arrival", "missing key 'rate'"),
    ("    arrival: {kind: periodic, ", "    @arrival: {", "workloads.camera.arrival", "missing key 'kind': one of closed, periodic, poisson, trace"),
    ("kind: periodic", "kind: @peridic", "workloads.camera.arrival.kind", "'peridic' is not one of periodic, poisson, closed, trace; did you mean 'periodic'?"),
    ("arrival: {kind: periodic, rate: 30 Hz}", "arrival: @30 Hz", "workloads.camera.arrival", "expected a mapping (key: value), got '30 Hz'"),
    ("device: ./board.yaml", "device: @./bord.yaml", "device", "no file 'bord.yaml'; did you mean 'board.yaml'"),
    ("device: ./board.yaml", "device: @raspbery_pi_4", "device", "unknown device 'raspbery_pi_4'; did you mean 'raspberry_pi_4'"),
    ("device: ./board.yaml", "device: @12", "device", "expected text, got the number 12; put it in quotes"),
    ("device: ./board.yaml", "@device: {memory: {}}", "device", "missing key 'base'"),
    ("device: ./board.yaml\n", "", "", "missing key 'device'"),
    ("device: ./board.yaml", "device: {base: ./board.yaml, memory: {bandwidth: @3 GHz}}", "device.memory.bandwidth", "unit 'GHz' is not a unit of bandwidth"),
    ("device: ./board.yaml", "device: {base: ./board.yaml, memory: {@bandwith: 3 GB/s}}", "device.memory.bandwith", "did you mean 'bandwidth'?"),
    ("duration: 10 s", "duration: @-10 s", "duration", "must be more than 0 s"),
    ("duration: 10 s", "duration: @1e12 s", "duration", "must be at most 3.2e+09 s"),
    ("duration: 10 s", "duration: 10 s\nseed: @-1", "seed", "must be at least 0"),
    ("duration: 10 s", "duration: 10 s\nseed: @true", "seed", "expected a whole number, got true"),
    ("duration: 10 s", "duration: 10 s\nseed: @1.5", "seed", "expected a whole number, got the number 1.5"),
    ("duration: 10 s", "duration: 10 s\npreemption: @perhaps", "preemption", "expected true or false, got 'perhaps'"),
    ("warmup: 1 s", "warmup: @10 s", "warmup", "must be shorter than the duration"),
    ("warmup: 1 s", "@warmpu: 1 s", "warmpu", "unknown key 'warmpu'; did you mean 'warmup'?"),
    ("source: mobilenet_v2", "source: @mobilnet_v2", "models.detector.source", "did you mean 'mobilenet_v2'"),
    ("source: ./face.onnx", "source: @./fase.onnx", "models.face.source", "did you mean 'face.onnx'?"),
    ("source: ./face.onnx", "source: @models/face.onnx", "models.face.source", "there is no folder"),
    ("face: {source: ./face.onnx}", "face: @{precision: int8}", "models.face", "give either source (a zoo name or a file) or layers, not both"),
    ("precision: int8", "precision: @int7", "models.detector.precision", "'int7' is not one of as_stored, float32"),
    ("precision: int8", "precision: int8, threads: @0", "models.detector.threads", "must be at least 1, got the number 0"),
    ("precision: int8", "precision: int8, placement: {prefer: @npu}", "models.detector.placement.prefer", "expected a list, got 'npu'; write [npu]"),
    ("precision: int8", "precision: int8, placement: {prefer: [npu, @dsp]}", "models.detector.placement.prefer.1", "tiny_board has no unit 'dsp'"),
    ("precision: int8", "precision: int8, placement: {fixed: {conv*: @tpx}}", "models.detector.placement.fixed.conv*", "no unit 'tpx'; did you mean 'tpu'"),
    ("runtime: tflite", "runtime: @tflight", "models.detector.runtime", "unknown runtime 'tflight'; did you mean 'tflite'?"),
    ("runtime: tflite", "runtime: @qnn", "models.detector.runtime", "runtime 'qnn' does not exist for tiny_board; it has tflite, ncnn"),
    ("model: detector", "model: @detectr", "workloads.camera.pipeline.1.model", "unknown model 'detectr'; did you mean 'detector'?"),
    ("name: post, unit: cpu", "name: post, unit: @gpu", "workloads.camera.pipeline.2.unit", "tiny_board has no unit 'gpu'; did you mean"),
    ("name: post, unit: cpu", "name: @detect, unit: cpu", "workloads.camera.pipeline.2.name", "two stages are named 'detect'"),
    ("name: post, unit: cpu", "name: post, after: [@detct], unit: cpu", "workloads.camera.pipeline.2.after.0", "unknown stage 'detct'; did you mean 'detect'?"),
    ("name: pre, work", "name: pre, after: @[post], work", "workloads.camera.pipeline.0.after", "in a circle: pre -> post -> detect -> pre"),
    ("name: pre, work", "name: pre, after: @[pre], work", "workloads.camera.pipeline.0.after", "in a circle: pre -> pre"),
    ("name: pre, work", "name: '@pre process', work", "workloads.camera.pipeline.0.name", "is not a name; a name has letters"),
    ("name: pre, work", "name: pre, probability: @120 %, work", "workloads.camera.pipeline.0.probability", "must be at most 1, got 1.2"),
    ("operations: 1 M, ", "operations: @-1 M, ", "workloads.camera.pipeline.0.work.operations", "must be at least 0, got -1e+06"),
    ("bytes: 2 MB", "bytes: @2 MX", "workloads.camera.pipeline.0.work.bytes", "unit 'MX' is not a unit of bytes"),
    ("file: visitors.csv", "file: @visitor.csv", "workloads.visitors.arrival.file", "did you mean 'visitors.csv'?"),
    ("scheduler: fifo", "scheduler: @fiffo", "scheduler", "unknown scheduling policy 'fiffo'; did you mean 'fifo'?"),
    ("scheduler: fifo", "scheduler: {tpu: @edff, default: fifo}", "scheduler.tpu", "unknown scheduling policy 'edff'; did you mean 'edf'?"),
    ("scheduler: fifo", "scheduler: {@gpu: edf, default: fifo}", "scheduler.gpu", "tiny_board has no unit 'gpu'"),
    ("scheduler: fifo", "scheduler: @[fifo]", "scheduler", "expected text, got a list"),
    ("cpu_clock: schedutil", "cpu_clock: @shedutil", "governors.cpu_clock", "unknown governor 'shedutil'; did you mean 'schedutil'?"),
    ("cpu_clock: schedutil", "@cpu: schedutil", "governors.cpu", "tiny_board has no DVFS domain 'cpu'"),
    ("per: {camera:", "per: {@camra:", "budgets.per.camra", "unknown workload 'camra'; did you mean 'camera'?"),
    ("latency_p99: 33 ms}", "@latency_p98: 33 ms}", "budgets.per.camera.latency_p98", "did you mean 'latency_p99'"),
    ("latency_p99: 33 ms}", "@memory: 3 MB}", "budgets.per.camera.memory", "a budget of the whole run"),
    ("power: 3 W", "power: @3 Wh", "budgets.power", "unit 'Wh' is not a unit of power; write for example '3 W' ('Wh' is a unit of energy)"),
    ("power: 3 W", "power: 3 W\n  @skin: 43 degC", "budgets.skin", "unknown key 'skin'"),
    ("power: 3 W", "power: @!!python/object/apply:os.system [reboot]", "budgets.power", "tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed"),
    ("power: 3 W", "@<<: {power: 3 W}", "budgets", "merge keys ('<<') are not supported"),
    ("power: 3 W", "? @[power]\n  : 3 W", "budgets", "a key must be a name"),
    ("name: doorbell", "name:@", "name", "expected text, got nothing"),
    ("name: doorbell", "name: @on_air!", "name", "is not a name"),
]


@pytest.mark.parametrize(("right", "wrong", "path", "said"), MISTAKES, ids=[wrong.strip()[:50] for _, wrong, _, _ in MISTAKES])
def test_a_mistake_is_reported_at_its_place(scenario_text, mistakes, right, wrong, path, said):
    assert scenario_text.count(right) == 1, "the fragment must be unambiguous"
    marked = scenario_text.replace(right, wrong)
    line, column = _marked(marked)
    found = mistakes(marked.replace("@", ""))
    expected = f"doorbell.yaml:{line}:{column}: " + (f"{path}: " if path else "")
    assert len(found) == 1
    assert found[0].startswith(expected)
    assert said in found[0].removeprefix(expected)


def _marked(text: str) -> tuple[int, int]:
    if "@" not in text:
        return 1, 1
    before = text[: text.index("@")]
    return before.count("\n") + 1 + before.endswith("'@"), len(before) - before.rfind("\n") - (before.endswith("'"))


SYNTAX = [
    ("a: 1\n  b: 2\n", 2, 4, "a ':' is not allowed here"),
    ("a:\n\tb: 1\n", 2, 1, "a tab cannot indent; use spaces"),
    ("a: [1, 2\nb: 3\n", 2, 2, "expected ',' or ']', but got ':'"),
    ("a: 1\nb: 'never closed\nc: 2\n", 2, 4, "the quote that begins here is never closed"),
    ("a: 1\nb:2\nc: 3\n", 2, 1, "expected 'key: value', with a blank after the ':'"),
    ("a:\n  b: 1\n   c: 2\n", 3, 5, "a ':' is not allowed here"),
    ("a:\n    b: 1\n   c: 2\n", 3, 4, "does not fit the lines above; mend the indentation"),
    ("a: [1, , 2]\n", 1, 8, "a value is missing before ','"),
    ("a: @home\n", 1, 4, "a value cannot begin with '@'; put it in quotes"),
    ("a: {b: 1\nc: 2}\n", 2, 2, "expected ',' or '}', but got ':' (while parsing a flow mapping that began in line 1)"),
    ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
    ("a: *nowhere\n", 1, 4, "found undefined alias"),
    ("a: 1\nb: \0\n", 2, 4, "character '\\x00' is not allowed"),
    ("a: &a [*a]\n", 1, 4, "an alias refers to the value it stands in"),
    ("\n", 1, 1, "empty"),
    ("# nothing but a comment\n", 1, 1, "empty"),
    ('a:\n  "\\U99999999"\n', 2, 6, "cannot be read as YAML"),
]


@pytest.mark.parametrize(("text", "line", "column", "said"), SYNTAX)
def test_text_that_is_not_yaml_is_reported_with_its_place(mistakes, text, line, column, said):
    [found] = mistakes(text)
    assert found.startswith(f"doorbell.yaml:{line}:{column}: ")
    assert said in found


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(scenario_text, mistakes):
    text = scenario_text
    for right, wrong in (
        ("device: ./board.yaml", "device: ./bord.yaml"),
        ("duration: 10 s", "duration: 10 m"),
        ("warmup: 1 s", "warmpu: 1 s"),
        ("precision: int8", "precision: int7, precision: int8"),
        ("rate: 30 Hz", "rate: fast"),
        ("name: pre, work", "name: pre, after: [post], work"),
        ("model: detector", "model: detectr, repeat: 0"),
        ("file: visitors.csv", "file: visitor.csv"),
        ("scheduler: fifo", "scheduler: fiffo"),
        ("cpu_clock: schedutil", "cpu_clock: shedutil"),
        ("power: 3 W", "power: !!float 3 W"),
        ("camera: {latency_p99: 33 ms}", "camra: {latency_p99: 33}"),
    ):
        text = text.replace(right, wrong)
    found = mistakes(text)
    places = [tuple(int(part) for part in line.split(":")[1:3]) for line in found]
    assert places == sorted(places)
    expected = ["bord", "'m'", "warmpu", "int7", "already", "fast", "circle", "detectr", "least 1", "visitor.csv", "fiffo", "shedutil", "tag", "camra"]
    expected += ["33 has no unit"]
    for said in expected:
        assert any(said in line for line in found), said
    assert len(found) == len(expected)


def test_options_of_a_model_are_judged_by_who_knows_them(scenario_text, mistakes, known):
    def problem(model: str, option: str, value: object) -> str | None:
        return None if (model, option, value) == ("mobilenet_v2", "width", 0.5) else f"{option} of {model} cannot be {value}"

    text = scenario_text.replace("source: mobilenet_v2", "source: mobilenet_v2, options: {width: 0.5, depth: 3}")
    found = mistakes(text, known=dataclasses.replace(known, option_problem=problem))
    assert found == ["doorbell.yaml:6:65: models.detector.options.depth: depth of mobilenet_v2 cannot be 3"]
    found = mistakes(scenario_text.replace("./face.onnx", "./face.onnx, options: {width: 0.5}"))
    assert found == ["doorbell.yaml:7:41: models.face.options.width: option 'width': only models of the zoo have options, './face.onnx' is a file"]


def test_a_scenario_that_is_no_mapping(mistakes):
    assert mistakes("- a\n- b\n") == ["doorbell.yaml:1:1: expected a mapping (key: value), got a list"]
    assert mistakes("just text\n") == ["doorbell.yaml:1:1: expected a mapping (key: value), got 'just text'"]
