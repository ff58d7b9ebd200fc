"""Networks with early exits and parts of networks, from the graph to the answer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim import EdgesimError, load_scenario, simulate
from sim.compiler import compile_model
from sim.compiler.warm_run import run_cost
from sim.experiment.exit_parts import exit_parts
from sim.experiment.simulate import prepare
from sim.frontends.load import load_model
from sim.frontends.zoo import build
from sim.graph.ir import Graph
from sim.graph.work import graph_work
from sim.passes.cut import extract
from sim.scenario.adaptive import HeadExit

HEAD: list[dict[str, Any]] = [{"op": "global_average_pool"}, {"op": "dense", "out": 10, "name": "classes"}]
EXITS = (
    HeadExit(after="stage1/block1/relu_1", head=tuple(HEAD), name="early", probability=0.5),
    HeadExit(after="stage2/block1/relu", head=tuple(HEAD), probability=0.2),  # inside a block: two tensors go on
)


def macs(graph: Graph) -> float:
    return float(graph_work(graph)[1].macs.sum())


def test_the_parts_are_the_network_and_the_heads() -> None:
    graph = build("resnet18")
    parts = exit_parts(graph, EXITS)
    heads = [64 * 10, 128 * 10]
    assert sum(map(macs, parts)) == pytest.approx(macs(graph) + sum(heads))
    own = [op.name for part in parts for op in part.ops if not op.name.startswith(("early/", "exit_2/"))]
    assert own == [op.name for op in graph.ops]
    assert [len(part.inputs) for part in parts] == [1, 1, 2] and parts[2].outputs == graph.outputs
    assert parts[0].outputs[-1].startswith("early/") and parts[0].tensors[parts[0].outputs[-1]].shape == (1, 10)
    for before, after in itertools.pairwise(parts):
        assert set(after.inputs) <= {name for part in parts for name in part.outputs} and before.outputs[0] in {*after.inputs, *parts[-1].inputs}


def test_without_a_head_the_operator_is_the_answer() -> None:
    graph = build("googlenet")
    tip = graph.ops[40].name
    first, rest = exit_parts(graph, (HeadExit(after=tip, probability=0.5),))
    assert graph.ops[40].outputs[0] in first.outputs and macs(first) + macs(rest) == pytest.approx(macs(graph))


def test_a_head_reads_channels_wherever_the_network_keeps_them(shared: Path) -> None:
    files = sorted((shared / "models").rglob("*Resnet.tflite"))
    if not files:
        pytest.skip("no TFLite network there")
    graph = load_model(files[0].name, directory=files[0].parent)
    spatial = [op for op in graph.ops if op.attributes.get("layout") == "NHWC" and graph.tensors[op.outputs[0]].shape[-1] > 8]
    first, _ = exit_parts(graph, (HeadExit(after=spatial[4].name, head=tuple(HEAD), probability=0.5),))
    dense = next(op for op in first.ops if op.name.endswith("classes"))
    assert first.tensors[dense.inputs[1]].shape == (10, graph.tensors[spatial[4].outputs[0]].shape[-1])


@pytest.mark.parametrize(
    ("exits", "path", "what"),
    [
        ((HeadExit(after="stage9/relu", probability=0.5),), "exits.0.after", "no operator or tensor 'stage9/relu'"),
        (EXITS[::-1], "exits.1.after", "exits stand in the order of the network"),
        ((HeadExit(after="image", probability=0.5),), "exits.0.after", "nothing is computed up to here"),
        ((HeadExit(after="classifier", probability=0.5),), "exits.0.after", "nothing of the network comes after this exit"),
        ((HeadExit(after="relu", head=({"op": "conv", "out": 0},), probability=0.5),), "exits.0.head.0.out", "got 0"),
    ],
)
def test_mistakes(exits: tuple[HeadExit, ...], path: str, what: str) -> None:
    with pytest.raises(EdgesimError) as error:
        exit_parts(build("resnet18"), exits)
    assert [problem.path for problem in error.value.problems] == [path] and what in error.value.problems[0].what


def scenario(probability: float, **more: Any) -> dict[str, Any]:
    exits = [{"after": "stage1/block1/relu_1", "head": HEAD, "probability": probability}]
    return {
        "name": "branchy",
        "device": "raspberry_pi_4",
        "runtime": "tflite",
        "models": {"net": {"source": "resnet18", "exits": exits}},
        "workloads": {"w": {"arrival": {"kind": "periodic", "rate": "2 Hz"}, "pipeline": [{"model": "net"}]}},
        "duration": "20 s",
        "warmup": "2 s",
        "governors": {"cpu": "performance"},
        **more,
    }


def test_each_branch_takes_what_its_parts_take_compiled_alone() -> None:
    """Half leave early: two latencies, those of the first part, and of both, as the compiler makes them of the graphs themselves."""
    loaded = load_scenario(scenario(0.5))
    parts = exit_parts(build("resnet18"), (HeadExit(after="stage1/block1/relu_1", head=tuple(HEAD), probability=0.5),))
    alone_s = [run_cost(compile_model(part, loaded.device, runtime="tflite"), loaded.device)[0] for part in parts]
    result = prepare(loaded).run()
    trace = result.trace
    warm = trace.requests["arrival_s"] >= 4.0  # both parts have had their first run
    seconds = (trace.requests["end_s"] - trace.requests["arrival_s"])[warm]
    left = np.isin(trace.requests["request"], trace.choices["request"][trace.choices["outcome"] == trace.outcomes.index("exit_1")])[warm]
    assert left.any() and not left.all()
    assert seconds[left] == pytest.approx(alone_s[0], rel=1e-3) and seconds[~left] == pytest.approx(sum(alone_s), rel=1e-3)
    assert seconds.mean() == pytest.approx(alone_s[0] + (1 - left.mean()) * alone_s[1], rel=1e-3)


def test_the_models_of_the_report_are_the_parts_and_the_files_size_is_theirs() -> None:
    result = simulate(scenario(1.0, duration="4 s"))
    models = result.metrics.models
    assert list(models) == ["net@exit_1", "net@end"]
    whole = simulate({**scenario(1.0, duration="3 s"), "models": {"net": {"source": "resnet18"}}}).metrics.models["net"]
    assert sum(model.parameters_count for model in models.values()) == whole.parameters_count + 64 * 10 + 10
    assert all("part of net" in model.accuracy.note for model in models.values())


def test_a_part_of_a_model_is_a_model() -> None:
    given = scenario(1.0, duration="4 s", models={"net": {"source": "resnet18", "part": {"from": "stage1/block2/relu_1", "until": "stage2/block2/relu_1"}}})
    (model,) = simulate(given).metrics.models.values()
    assert model.macs_count == pytest.approx(macs(extract(build("resnet18"), ["stage1/block2/relu_1"], ["stage2/block2/relu_1"])))
    assert model.accuracy.value_ratio is None


def test_mistakes_in_the_scenario_are_at_their_line() -> None:
    text = """\
name: wrong
device: raspberry_pi_4
duration: 4 s
models:
  cut: {source: resnet18, part: {from: stage1/block9/add}}
  net:
    source: resnet18
    exits:
      - {after: stage1/block1/relu_1, head: [{op: dens, out: 10}], probability: 0.5}
      - {after: stage9, probability: 0.5}
workloads:
  w: {arrival: {kind: periodic, rate: 1 Hz}, pipeline: [{model: cut}, {model: net}]}
"""
    with pytest.raises(EdgesimError) as error:
        prepare(load_scenario(text))
    found = [(problem.line, problem.column, problem.path) for problem in error.value.problems]
    assert found == [
        (5, 40, "models.cut.part.from"),
        (9, 51, "models.net.exits.0.head.0.op"),
        (10, 17, "models.net.exits.1.after"),
    ]


def test_rows_that_run_out_are_said_at_their_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("confidence\n0.9\n0.1\n")
    given = scenario(1.0, duration="4 s")
    given["models"]["big"] = {"source": "resnet18"}
    given["models"]["net"] = {"source": "ds_cnn"}
    given["workloads"]["w"] = {
        "arrival": {"kind": "closed", "think": "100 ms"},
        "pipeline": [{"model": "net", "exit": {"trace": "rows.csv", "threshold": 0.5}}, {"model": "big"}],
    }
    (tmp_path / "s.yaml").write_text(json.dumps(given))
    with pytest.raises(EdgesimError, match=r"s\.yaml:1:.*pipeline.0.exit.trace: 'rows.csv' has 2 rows and the workload more requests"):
        prepare(load_scenario(tmp_path / "s.yaml")).run()


def test_both_engines_agree_with_batches_and_replicas_in_a_cascade() -> None:
    """A batching stage before and behind an exit, a chosen model and a cache: the reference mode gives the same."""
    given = scenario(
        0.4,
        duration="3 s",
        models={"net": {"source": "ds_cnn"}, "big": {"source": "mobilenet_v1", "options": {"width": 0.25, "resolution": 128}}},
        workloads={
            "w": {
                "arrival": {"kind": "poisson", "rate": "60 Hz"},
                "queue": {"limit": 20},
                "pipeline": [
                    {"name": "kept", "cache": {"size": 5, "entry": "1 kB", "key": {"zipf": 1.0, "items": 50}}, "lookup": "50 us"},
                    {"model": "net", "batching": {"max_size": 4, "max_delay": "3 ms"}, "exit": {"rate": 0.5}},
                    {"model": "big", "batching": {"max_size": 2, "max_delay": "2 ms"}, "name": "big"},
                ],
            },
            "v": {
                "arrival": {"kind": "poisson", "rate": "20 Hz"},
                "deadline": "40 ms",
                "pipeline": [{"select": {"policy": "by_deadline", "among": ["big", "net"]}}],
            },
        },
        preemption=True,
        scheduler="edf",
    )
    experiment = prepare(load_scenario(given))
    lazy, stepped = experiment.run().trace, experiment.run(reference=True).trace
    assert len(lazy.choices) > 100
    for table in ("requests", "choices"):
        for name, column in getattr(lazy, table).columns().items():
            assert np.allclose(column, getattr(stepped, table)[name], rtol=0, atol=1e-9, equal_nan=True), (table, name)
    sure, hits = (set(lazy.choices["request"][lazy.choices["outcome"] == lazy.outcomes.index(name)].tolist()) for name in ("sure", "hit"))
    assert sure and hits and not sure & hits


def test_exits_of_a_network_that_was_compressed_before() -> None:
    """Channels are removed from the whole network first; the parts are those of the narrower one."""
    given = scenario(1.0, duration="3 s")
    given["models"]["net"]["compress"] = [{"prune": {"structured": "channels", "ratio": 0.5}}]
    plain, narrow = simulate(scenario(1.0, duration="3 s")).metrics.models, simulate(given).metrics.models
    assert list(plain) == list(narrow)
    assert all(narrow[name].macs_count < 0.6 * plain[name].macs_count for name in plain)


def test_a_lookup_may_be_work() -> None:
    pipeline = [
        {"name": "kept", "cache": {"size": 5, "entry": "1 kB", "key": {"zipf": 0, "items": 1}}, "work": {"operations": "2 M"}},
        {"model": "net"},
    ]
    given = scenario(1.0, duration="3 s", warmup="0 s", models={"net": {"source": "ds_cnn"}})
    given["workloads"]["w"]["pipeline"] = pipeline
    result = simulate(given)
    seconds = (result.trace.requests["end_s"] - result.trace.requests["arrival_s"])[np.argsort(result.trace.requests["request"])]
    alone_s = run_cost(result.programs["w/kept"], result.device)[0]
    assert seconds[1:] == pytest.approx(alone_s, rel=1e-6) and seconds[0] > alone_s
