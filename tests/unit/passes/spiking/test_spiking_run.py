"""Converted networks run: values equal the network's own, spikes equal a neuron-by-neuron loop, events are counted one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.errors import ModelError
from sim.frontends.load import load_model
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.ops.spiking import is_spiking
from sim.graph.work import graph_work
from sim.passes.compression import compress
from sim.passes.spiking.layers import Layers
from sim.passes.spiking.run import FIRST_POTENTIAL, activations, run_spikes

SCENARIOS = Path(__file__).parents[4] / "scenarios"


def held(builder: GraphBuilder, name: str, values: np.ndarray) -> str:
    return builder.tensor(name, values.shape, role="weight", load=lambda: values)


def cnn(seed: int = 0, layout: str = "NCHW", groups: int = 1, residual: bool = False) -> Graph:
    random = np.random.default_rng(seed)
    builder, last = GraphBuilder("cnn"), layout == "NHWC"
    given: dict[str, Any] = {"layout": layout}
    x = builder.input("image", (1, 9, 8, 2) if last else (1, 2, 9, 8))
    w1, w2 = random.normal(0, 0.4, (4, 2, 3, 3)), random.normal(0, 0.4, (4, 4 // groups, 3, 3))
    x = builder.add("Conv", [x, held(builder, "w1", w1), held(builder, "b1", random.normal(0, 0.1, 4))], {**given, "strides": (2, 2), "pads": (1, 1, 1, 1)})
    first = x = builder.add("Relu", [x])
    x = builder.add("Conv", [x, held(builder, "w2", w2)], {**given, "pads": (1, 1, 1, 1), "group": groups})
    x = builder.add("Add", [x, first]) if residual else x
    x = builder.add("Relu", [x])
    x = builder.add("AveragePool", [x], {**given, "kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 1, 0), "count_include_pad": False})
    x = builder.add("Flatten", [x], {"axis": 1})
    wide = builder.shape(x)[1]
    x = builder.add("Dense", [x, held(builder, "w3", random.normal(0, 0.3, (5, wide))), held(builder, "b3", random.normal(0, 0.1, 5))])
    return builder.finish(builder.add("Softmax", [x], {"axis": -1}))


def feeds_of(graph: Graph, samples: int = 12, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.uniform(0, 1, (samples, *graph.tensors[name].shape[1:])).astype(np.float32) for name in graph.inputs}


def converted(graph: Graph, feeds: dict[str, np.ndarray], **options: Any) -> Graph:
    return compress(graph, [{"to_spiking": {"timesteps": 16, "calibration": "given", **options}}], calibration=feeds).graph


CASES: list[dict[str, Any]] = [{}, {"layout": "NHWC"}, {"groups": 4}, {"residual": True}]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("input", ["rate", "analog"])
def test_without_spikes_the_converted_network_is_the_network(case: dict[str, Any], input: str) -> None:
    pytest.importorskip("onnxruntime")
    from sim.experiment.accuracy.measure import exported
    from sim.experiment.accuracy.session import Runner

    graph = cnn(**case)
    feeds = feeds_of(graph)
    expected = Runner(exported(graph), "cnn").run(feeds)[graph.outputs[0]]
    made = activations(converted(graph, feeds, input=input), feeds)[graph.outputs[0]]
    assert made == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("input", ["rate", "analog"])
def test_answers_approach_the_network_as_steps_grow(case: dict[str, Any], input: str) -> None:
    graph = cnn(**case)
    feeds = feeds_of(graph)
    spiking = converted(graph, feeds, input=input, percentile=1.0)
    expected = activations(spiking, feeds)[graph.outputs[0]]
    errors = [float(np.abs(run_spikes(spiking, feeds, steps).values[graph.outputs[0]] - expected).mean()) for steps in (4, 32, 512)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.01


def test_spikes_equal_a_loop_over_neurons() -> None:
    random = np.random.default_rng(4)
    weights = [random.normal(0, 0.5, (6, 5)), random.normal(0, 0.5, (4, 6)), random.normal(0, 0.5, (3, 4))]
    bias = random.normal(0, 0.1, 6)
    builder = GraphBuilder("mlp")
    x = builder.input("x", (1, 5))
    x = builder.add("Relu", [builder.add("Dense", [x, held(builder, "w0", weights[0]), held(builder, "b0", bias)])])
    x = builder.add("Relu", [builder.add("Dense", [x, held(builder, "w1", weights[1])])])
    graph = builder.finish(builder.add("Dense", [x, held(builder, "w2", weights[2])]))
    feeds = {"x": random.uniform(0, 1, (7, 5))}
    spiking = converted(graph, feeds, percentile=1.0)
    levels = [float(op.attributes["level"]) for op in spiking.ops if op.attributes.get("neurons") == "fire"]
    found = run_spikes(spiking, feeds, 20)
    sums, operations = np.zeros((7, 3)), 0
    for sample in range(7):
        potentials = [np.full(size, FIRST_POTENTIAL) for size in (5, 6, 4)]
        for _ in range(20):
            value = feeds["x"][sample]
            for layer in range(3):
                for neuron in range(len(potentials[layer])):
                    arriving = value[neuron] if layer == 0 else float(value @ weights[layer - 1][neuron]) + (bias[neuron] if layer == 1 else 0.0)
                    potentials[layer][neuron] += arriving / levels[layer]
                fired = potentials[layer] >= 1.0
                potentials[layer] -= fired
                operations += int(fired.sum()) * weights[layer].shape[0]
                value = fired * levels[layer]
            sums[sample] += weights[2] @ value
    assert found.values[spiking.outputs[0]] == pytest.approx(sums / 20, rel=1e-9)
    assert sum(found.operations.values()) == pytest.approx(operations, rel=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_events_of_the_formula_are_the_events_of_the_run_pushed_one_by_one(case: dict[str, Any]) -> None:
    """Every spike is sent through ones in place of the weights: what it reaches is what it costs."""
    graph = cnn(**case)
    feeds = feeds_of(graph, 5)
    spiking = converted(graph, feeds)
    found = run_spikes(spiking, feeds)
    ops, work = graph_work(spiking)
    formula = {op.name: work.synaptic_operations[row] for row, op in enumerate(ops) if is_spiking(op)}
    ones = spiking.copy()
    for tensor in ones.tensors.values():
        if tensor.load is not None:
            tensor.load = lambda shape=tensor.shape: np.ones(shape)  # type: ignore[misc]
    layers = Layers(ones)
    for op in ops:
        if op.type not in ("SpikingConv", "SpikingDense"):
            continue
        level = next(float(other.attributes["level"]) for other in spiking.ops if other.outputs[0] == behind(spiking, op.inputs[0]))
        spikes = np.round(found.values[op.inputs[0]] / level * 16)
        assert spikes == pytest.approx(found.values[op.inputs[0]] / level * 16, abs=1e-6)
        reached = 0.0
        for position in np.ndindex(*spikes.shape[1:]):
            one = np.zeros((1, *spikes.shape[1:]))
            one[(0, *position)] = 1.0
            reached += float(spikes[(slice(None), *position)].sum()) * np.count_nonzero(layers.linear(op, {op.inputs[0]: one}, with_bias=False))
        assert found.operations[op.name] == pytest.approx(reached, rel=1e-9)
        assert formula[op.name] == pytest.approx(reached / 5, rel=1e-9)  # an inference, on average


def behind(graph: Graph, tensor: str) -> str:
    """The tensor that a view shows."""
    makers = graph.producers()
    while tensor in makers and makers[tensor].type == "Flatten":
        tensor = makers[tensor].inputs[0]
    return tensor


def test_what_is_left_in_a_neuron_that_fired_matters() -> None:
    graph = cnn()
    feeds = feeds_of(graph)
    exact = activations(converted(graph, feeds), feeds)[graph.outputs[0]]

    def error(reset: str) -> float:
        return float(np.abs(run_spikes(converted(graph, feeds, reset=reset, percentile=1.0), feeds, 256).values[graph.outputs[0]] - exact).mean())

    assert error("zero") > error("subtract")


def test_digits_are_read_as_well_as_by_the_network_itself() -> None:
    """Accuracy rises with the steps and comes within the interval of the float network, on images neither has seen."""
    graph = load_model("digits_mlp.onnx", directory=SCENARIOS)
    calibration, tested = dict(np.load(SCENARIOS / "digits_calibration.npz")), dict(np.load(SCENARIOS / "digits_held_out.npz"))
    labels = next(values for name, values in tested.items() if name not in graph.inputs)
    feeds = {name: tested[name] for name in graph.inputs}
    spiking = converted(graph, {name: calibration[name] for name in graph.inputs})

    def accuracy(answers: np.ndarray) -> float:
        return float((answers.argmax(axis=-1) == labels).mean())

    full = accuracy(activations(spiking, feeds)[graph.outputs[0]])
    by_steps = [accuracy(run_spikes(spiking, feeds, steps).values[graph.outputs[0]]) for steps in (1, 4, 64)]
    spread = 2.6 * (full * (1 - full) / len(labels)) ** 0.5
    assert full > 0.94 and by_steps[0] < by_steps[1] < full + spread
    assert abs(by_steps[2] - full) < spread


def test_without_measured_thresholds_nothing_runs() -> None:
    graph = compress(cnn(), [{"to_spiking": {"timesteps": 4, "rate": 0.2}}]).graph
    with pytest.raises(ModelError, match="calibration data"):
        run_spikes(graph, feeds_of(graph))
    with pytest.raises(ModelError, match="no spiking network"):
        run_spikes(cnn(), feeds_of(cnn()))
