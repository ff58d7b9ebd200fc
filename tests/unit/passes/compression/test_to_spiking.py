"""Rate-coded conversion: what becomes of each operator, what is refused and how to mend it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from sim.compiler import compile_model
from sim.errors import EdgesimError, ModelError
from sim.frontends.layers import import_layers
from sim.frontends.load import load_model
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Graph
from sim.graph.work import graph_work, total_macs
from sim.passes.base import make_pass
from sim.passes.compression import compress
from sim.scenario.model import Placement

GIVEN = {"timesteps": 8, "rate": 0.1}


def spiking(graph: Graph, **options: Any) -> Graph:
    return compress(graph, [{"to_spiking": {**GIVEN, **options}}]).graph


def network(*layers: dict[str, Any], shape: tuple[int, ...] = (1, 3, 16, 16)) -> Graph:
    return import_layers("net", {"shape": list(shape)}, list(layers))


CONV = {"op": "conv", "out": 8, "kernel": 3, "activation": "relu"}
DENSE = {"op": "dense", "out": 10}


def types(graph: Graph) -> list[str]:
    return [op.type for op in graph.ops]


def test_layers_take_their_rectifiers_along() -> None:
    graph = spiking(network(CONV, {"op": "avgpool", "kernel": 2}, {"op": "flatten"}, DENSE, {"op": "softmax"}))
    assert types(graph) == ["SpikeEncode", "SpikingConv", "SpikingAveragePool", "Flatten", "SpikingDense", "Softmax"]
    assert [op.attributes.get("neurons") for op in graph.ops] == ["fire", "fire", "fire", None, "read", None]


def test_batch_norms_are_folded_and_relu6_clips() -> None:
    graph = spiking(network({"op": "conv", "out": 8, "kernel": 3}, {"op": "batch_norm"}, {"op": "relu6"}, {"op": "global_average_pool"}, DENSE))
    assert types(graph) == ["SpikeEncode", "SpikingConv", "SpikingGlobalAveragePool", "Flatten", "SpikingDense"]
    assert graph.ops[1].attributes["limit"] == 6.0


def test_a_residual_sum_is_where_the_neurons_are() -> None:
    builder = GraphBuilder("residual")
    x = builder.add("Relu", [builder.add("Conv", [builder.input("x", (1, 4, 8, 8)), builder.weight("a", (4, 4, 1, 1))])])
    y = builder.add("Conv", [x, builder.weight("b", (4, 4, 1, 1))])
    graph = spiking(builder.finish(builder.add("Relu", [builder.add("Add", [y, x])])))
    assert [(op.type, op.attributes["neurons"]) for op in graph.ops] == [
        ("SpikeEncode", "fire"), ("SpikingConv", "fire"), ("SpikingConv", "none"), ("SpikingAdd", "fire"),
    ]  # fmt: skip
    assert graph.ops[3].attributes["rates"] == (None, 0.1)  # the sum costs spikes of the shortcut only


def test_an_analog_input_is_multiplied_once() -> None:
    layers = [{"op": "dense", "out": 32, "activation": "relu"}, DENSE]
    graph = spiking(network(*layers, shape=(1, 100)), input="analog")
    assert types(graph) == ["Dense", "IntegrateFire", "SpikingDense"]
    assert total_macs(graph) == 100 * 32 + 8 * 32 * 10


def test_the_interface_stays_and_the_step_is_told() -> None:
    plain = network(CONV, {"op": "flatten"}, DENSE)
    graph = spiking(plain)
    assert (graph.inputs, graph.outputs) == (plain.inputs, plain.outputs)
    assert graph.notes["compression"][0]["step"] == "to_spiking{timesteps=8, rate=0.1}"
    assert total_macs(graph) == 8 * total_macs(plain)


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([CONV, {"op": "maxpool", "kernel": 2}, {"op": "flatten"}, DENSE], "MaxPool has no spiking form.*average pooling"),
        ([{**CONV, "activation": "swish"}, {"op": "flatten"}, DENSE], "Swish has no spiking form.*supported"),
        ([{"op": "conv", "out": 8, "kernel": 3}, {"op": "flatten"}, DENSE], "put a ReLU"),
        ([{"op": "conv", "out": 8, "kernel": 3}, {"op": "avgpool", "kernel": 2}, {"op": "flatten"}, DENSE], "negative"),
        ([{"op": "softmax"}], "no convolution or dense layer"),
    ],
)
def test_what_has_no_spiking_form_is_named_with_a_mend(layers: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ModelError, match=f"(?s){says}"):
        spiking(network(*layers))


def test_every_such_operator_is_named_at_once() -> None:
    pool = {"op": "maxpool", "kernel": 2}
    with pytest.raises(ModelError) as caught:
        spiking(network(CONV, pool, CONV, pool, {"op": "flatten"}, DENSE))
    assert sum("MaxPool" in problem.what for problem in caught.value.problems) == 2
    assert all(problem.path.startswith("compress.0.to_spiking") for problem in caught.value.problems)


def test_a_quantized_or_spiking_network_is_refused() -> None:
    plain = network(CONV, {"op": "flatten"}, DENSE)
    with pytest.raises(ModelError, match=r"quantized already.*convert first"):
        compress(plain, [{"quantize": {"to": "int8"}}, {"to_spiking": GIVEN}])
    with pytest.raises(ModelError, match="spiking network already"):
        compress(plain, [{"to_spiking": GIVEN}, {"to_spiking": GIVEN}])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"timesteps": 0, "rate": 0.1}, "timesteps"),
        ({"timesteps": 4, "rate": 1.2}, "rate"),
        ({"timesteps": 4, "rate": -0.1}, "rate"),
        ({"timesteps": 4}, "give rate"),
        ({"timesteps": 4, "rate": "measured"}, "give rate"),
        ({"timesteps": 4, "rate": 0.1, "coding": "time"}, "coding"),
        ({"rate": 0.1}, "timesteps"),
    ],
)
def test_options_are_checked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(EdgesimError, match=says):
        compress(network(CONV, {"op": "flatten"}, DENSE), [{"to_spiking": options}])


def test_negative_inputs_have_no_rate() -> None:
    graph = load_values()
    with pytest.raises(ModelError, match="input: analog"):
        compress(graph, [{"to_spiking": {"timesteps": 4, "calibration": "x"}}], calibration={"x": -np.ones((3, 5))})
    assert compress(graph, [{"to_spiking": {"timesteps": 4, "calibration": "x", "input": "analog"}}], calibration={"x": -np.ones((3, 5))})


def test_a_structure_without_values_cannot_be_measured() -> None:
    with pytest.raises(ModelError, match="has none"):
        compress(network(DENSE, shape=(1, 5)), [{"to_spiking": {"timesteps": 4, "calibration": "x"}}], calibration={"input": np.ones((3, 5))})


def load_values() -> Graph:
    random, builder = np.random.default_rng(0), GraphBuilder("small")
    held = [builder.tensor(f"w{i}", shape, role="weight", load=lambda shape=shape: random.normal(size=shape)) for i, shape in enumerate(((6, 5), (2, 6)))]  # type: ignore[misc]
    x = builder.add("Relu", [builder.add("Dense", [builder.input("x", (1, 5)), held[0]])])
    return builder.finish(builder.add("Dense", [x, held[1]]))


def test_a_network_beyond_the_chip_is_refused_by_the_compiler() -> None:
    wide = network({"op": "dense", "out": 8192, "activation": "relu"}, {"op": "dense", "out": 8192, "activation": "relu"}, DENSE, shape=(1, 64))
    with pytest.raises(ModelError, match=r"neuromorphic of loihi: the network needs \d+ cores"):
        compile_model(spiking(wide), load_device("loihi"))


def test_a_network_of_the_zoo_runs_on_the_chip_up_to_its_softmax() -> None:
    graph = spiking(load_model("ds_cnn", directory=None))
    program = compile_model(graph, load_device("loihi"))
    assert [segment.unit for segment in program.segments] == ["neuromorphic", "x86"]
    _, work = graph_work(graph)
    assert work.synaptic_operations.sum() <= 0.1 * total_macs(graph)  # a tenth of the products, less those into padding


def test_latency_grows_with_steps_and_sparsity_saves_energy_where_events_count() -> None:
    plain, loihi, pi = network(CONV, {"op": "flatten"}, DENSE), load_device("loihi"), load_device("raspberry_pi_4")

    def cost(device: Any, runtime: str, **options: Any) -> tuple[float, float]:
        from sim.compiler.warm_run import run_cost

        return run_cost(compile_model(spiking(plain, **options), device, runtime=runtime), device)

    assert cost(loihi, "nengo_loihi", timesteps=32)[0] == pytest.approx(4 * cost(loihi, "nengo_loihi", timesteps=8)[0], rel=0.01)
    assert cost(loihi, "nxsdk", rate=0.4)[1] > cost(loihi, "nxsdk", rate=0.1)[1]
    assert cost(pi, "tflite", rate=0.4) == cost(pi, "tflite", rate=0.1)
    assert cost(pi, "tflite", timesteps=32)[0] > 3 * cost(pi, "tflite", timesteps=8)[0]


def test_pruned_weights_are_no_synapses() -> None:
    plain = network({"op": "dense", "out": 64, "activation": "relu"}, DENSE, shape=(1, 100))
    pruned = compress(plain, [{"prune": {"sparsity": 0.75}}, {"to_spiking": GIVEN}]).graph
    _, before = graph_work(spiking(plain))
    _, after = graph_work(pruned)
    assert after.synaptic_operations.sum() == pytest.approx(0.25 * before.synaptic_operations.sum(), rel=0.01)
    assert after.synapses.sum() == pytest.approx(0.25 * before.synapses.sum(), rel=0.01)
    program = compile_model(pruned, load_device("loihi"))
    assert not any("pruned weights make no kernel faster" in told for told in program.notes)


def test_rectifiers_that_a_file_holds_inside_layers_count_as_well() -> None:
    plain = network(CONV, {"op": "avgpool", "kernel": 2}, CONV, {"op": "flatten"}, DENSE)
    fused = make_pass("fuse_epilogue", {"hosts": ["Conv", "Dense"], "activations": ["Relu"]})(plain)
    assert any(op.fused for op in fused.ops)
    assert types(spiking(fused)) == types(spiking(plain))
    tail = network({"op": "dense", "out": 4, "activation": "relu"}, shape=(1, 8))
    assert [op.attributes["neurons"] for op in spiking(tail).ops] == ["fire", "fire"]  # an answer that is read as a number of spikes


def test_a_sum_with_a_stored_tensor_is_a_bias() -> None:
    builder = GraphBuilder("biased")
    x = builder.add("Dense", [builder.input("x", (1, 8)), builder.weight("w", (4, 8))])
    x = builder.add("Relu", [builder.add("Add", [x, builder.weight("b", (4,))])])
    graph = spiking(builder.finish(builder.add("Dense", [x, builder.weight("v", (2, 4))])))
    assert [(op.type, op.attributes["neurons"]) for op in graph.ops][1:3] == [("SpikingDense", "none"), ("SpikingAdd", "fire")]
    assert graph_work(graph)[1].neurons.tolist() == [8, 0, 4, 2]


def test_placement_by_cost_weighs_the_chip_against_the_processor() -> None:
    graph = spiking(network(CONV, {"op": "flatten"}, DENSE))
    program = compile_model(graph, load_device("loihi"), runtime="nxsdk", placement=Placement(policy="heft"))
    assert {segment.unit for segment in program.segments} <= {"neuromorphic", "x86"}


def test_an_input_read_twice_is_encoded_once() -> None:
    builder = GraphBuilder("twice")
    x = builder.input("x", (1, 8))
    a, b = (builder.add("Dense", [x, builder.weight(name, (4, 8))]) for name in ("a", "b"))
    graph = spiking(builder.finish(builder.add("Relu", [builder.add("Add", [a, b])])))
    assert types(graph) == ["SpikeEncode", "SpikingDense", "SpikingDense", "SpikingAdd"]
