"""Training steps: gradients against finite differences, work against closed forms, memory against brute force."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import ceil, isqrt
from pathlib import Path

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.work import DType
from sim.compiler import compile_model
from sim.compiler.plan_check import plan_problems
from sim.errors import ModelError
from sim.frontends.load import load_model
from sim.frontends.zoo.net import Net
from sim.graph.ir import Graph
from sim.graph.work import op_work, total_macs
from sim.passes.training import Checkpointing, TrainingOptions, training_step
from sim.passes.training.peak import peak_bytes
from tests.unit.passes.training_interpreter import run


def _convnet() -> Graph:
    net = Net("convnet")
    x = net.conv_bn(net.image(2, 3, 9), 4, 3, 2, "Relu6")
    y = net.depthwise(x, 3, 1, "Swish")
    x = net.add("Add", [x, net.conv(y, 4, 1, bias=True)])
    x = net.concat([net.pool(x, "MaxPool", 2, 1), net.pool(x, "AveragePool", 2, 1)])
    x = net.squeeze_excite(x, 2)
    x = net.add("HardSwish", [net.channels(net.conv(x, 6, 3, groups=2), 1, 5)])
    return net.finish(net.add("Softmax", [net.dense(net.global_pool(x), 3)]))


def _transformer() -> Graph:
    net = Net("transformer")
    table = net.weight("table", (7, 6))
    x = net.add("Gather", [table, net.input("tokens", (2, 4), DType.I32)], {"axis": 0})
    x = net.add("Add", [x, net.weight("positions", (4, 6))])
    y = net.layer_norm(x)
    q, k = (net.transpose(net.reshape(net.dense(y, 6), 2, 4, 2, 3), 0, 2, 1, 3) for _ in range(2))
    v = net.transpose(net.reshape(net.dense(y, 6, bias=False), 2, 4, 2, 3), 0, 2, 1, 3)
    scores = net.add("Mul", [net.add("MatMul", [q, k], {"transpose_b": True}), net.constant("scale", ())])
    y = net.add("MatMul", [net.add("Softmax", [scores]), v])
    x = net.add("Add", [x, net.dense(net.reshape(net.transpose(y, 0, 2, 1, 3), 2, 4, 6), 6)])
    x = net.add("RMSNorm", [x, net.weight("rms", (6,))])
    one, two = net.add_many("Split", [net.add("Gelu", [net.dense(x, 8)])], {"axis": 2, "sizes": [4, 4]}, outputs=2)
    x = net.add("Sub", [net.add("Sigmoid", [one]), net.add("Tanh", [two])])
    x = net.add("MatMul", [x, net.weight("matrix", (4, 6))])
    x = net.add("Reduce", [x], {"mode": "mean", "axes": (1,), "keepdims": False})
    return net.finish(net.add("Dense", [x, table]))


def _values(step: Graph, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values: dict[str, np.ndarray] = {}
    for name, tensor in step.tensors.items():
        if tensor.role == "activation":
            continue
        values[name] = rng.integers(0, 3, tensor.shape) if tensor.dtype == DType.I32 else rng.normal(size=tensor.shape)
        if name.endswith("variance"):
            values[name] = np.abs(values[name]) + 0.5
    return values


def _gradients(step: Graph, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    made = run(step, values)
    return {op.inputs[0]: made[op.inputs[-1]] for op in step.ops if op.type == "SgdUpdate"}


@pytest.mark.parametrize("network", [_convnet, _transformer])
@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
def test_gradients_are_those_of_finite_differences(network: Callable[[], Graph], loss: str) -> None:
    step = training_step(network(), TrainingOptions(loss=loss))  # type: ignore[arg-type]
    values = _values(step)
    gradients = _gradients(step, values)
    assert set(gradients) == {name for name, tensor in network().tensors.items() if tensor.role == "weight"}
    rng = np.random.default_rng(2)
    for name, gradient in gradients.items():
        direction = rng.normal(size=gradient.shape)
        ends = [float(run(step, {**values, name: values[name] + sign * 1e-5 * direction})[step.outputs[0]]) for sign in (1, -1)]
        assert (gradient * direction).sum() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize("network", [_convnet, _transformer])
@pytest.mark.parametrize("options", [
    TrainingOptions(checkpointing=Checkpointing()), TrainingOptions(checkpointing=Checkpointing(every=1)),
    TrainingOptions(checkpointing=Checkpointing(every=3)),
    TrainingOptions(update="at_once"), TrainingOptions(activation_bits=8), TrainingOptions(activation_bits=8, checkpointing=Checkpointing(every=4)),
])  # fmt: skip
def test_techniques_leave_gradients_alone(network: Callable[[], Graph], options: TrainingOptions) -> None:
    """Computing again, packing (here without rounding) and early updates give the same gradients."""
    plain = training_step(network(), TrainingOptions())
    values = _values(plain)
    expected, found = _gradients(plain, values), _gradients(training_step(network(), options), values)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("options", [TrainingOptions(last=1), TrainingOptions(last=3), TrainingOptions(trainable="bias"), TrainingOptions(only=("dense*",))])
def test_training_a_part_gives_the_same_gradients_of_that_part(options: TrainingOptions) -> None:
    whole = training_step(_transformer(), TrainingOptions())
    part = training_step(_transformer(), options)
    values = _values(whole)
    expected, found = _gradients(whole, values), _gradients(part, values)
    assert 0 < len(found) < len(expected)
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-10, atol=1e-12)


def _macs(graph: Graph, types: tuple[str, ...]) -> float:
    return sum(op_work(graph, op).macs for op in graph.ops if op.type in types)


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "resnet18", "efficientnet_lite0", "resnet50"])
def test_backward_work_is_twice_the_forward_less_the_first_layers_input_gradient(name: str) -> None:
    graph = load_model(name, directory=Path())
    first = next(op for op in graph.ops if op.type == "Conv")
    assert total_macs(training_step(graph, TrainingOptions())) == 3 * total_macs(graph) - op_work(graph, first).macs


def test_nothing_runs_backward_below_the_first_trained_layer() -> None:
    graph = load_model("mobilenet_v2", directory=Path())
    step = training_step(graph, TrainingOptions(last=1))
    assert total_macs(step) == total_macs(graph) + 1280 * 1000  # the weights' gradient alone
    assert not [op for op in step.ops if op.type.startswith("Conv") and op.type != "Conv"]


def _chain(length: int, width: int = 64) -> Graph:
    """Dense layers and tanh by turns would keep two tensors a layer; plain layers keep one."""
    net = Net("chain")
    x = net.input("x", (256, width))
    for _ in range(length):
        x = net.add("Tanh", [x])
    return net.finish(net.dense(x, width))


def _chain_step(length: int, checkpointing: Checkpointing | None) -> Graph:
    net = Net("chain")
    x = net.add("Mul", [net.input("x", (256, 64)), net.weight("w", (64,))])
    for _ in range(length):
        x = net.add("Tanh", [x])
    return training_step(net.finish(x), TrainingOptions(checkpointing=checkpointing))


def test_checkpointing_a_chain_takes_the_root_of_its_memory_and_at_most_one_more_forward_pass() -> None:
    unit = 256 * 64 * 4
    for length in (16, 64, 256):
        plain, root = _chain_step(length, None), _chain_step(length, Checkpointing())
        assert length <= peak_bytes(plain) / unit <= length + 6
        assert peak_bytes(root) / unit <= 2 * ceil(isqrt(length)) + 8
        again = [op for op in root.ops if op.name.endswith(".again")]
        assert 0 < len(again) <= length
        assert all(op.type in ("Tanh", "Mul") for op in again)


def test_even_segments_are_as_good_as_any_on_a_small_chain() -> None:
    """Every choice of cuts, by brute force."""
    length = 9
    names = [op.name for op in _chain_step(length, None).ops if op.type == "Tanh"]
    best = min(peak_bytes(_chain_step(length, Checkpointing(segments=cuts))) for count in range(1, 5) for cuts in combinations(names, count))
    unit = 256 * 64 * 4
    assert best <= peak_bytes(_chain_step(length, Checkpointing())) <= best + unit


def test_a_budget_is_met_with_the_least_work_or_refused_with_the_least_memory() -> None:
    graph = load_model("mobilenet_v2", directory=Path(), options={"resolution": 96, "batch": 16})
    plain, root = (training_step(graph, TrainingOptions(checkpointing=rule)) for rule in (None, Checkpointing()))
    assert peak_bytes(root) < 0.75 * peak_bytes(plain)
    previous = 0.0
    for share in (1.0, 0.9, 0.8, 0.75):
        step = training_step(graph, TrainingOptions(checkpointing=Checkpointing(budget_bytes=share * peak_bytes(plain))))
        assert peak_bytes(step) <= share * peak_bytes(plain)
        assert previous <= total_macs(step) <= total_macs(plain) + total_macs(graph)
        previous = total_macs(step)
    with pytest.raises(ModelError, match="needs at least"):
        training_step(graph, TrainingOptions(checkpointing=Checkpointing(budget_bytes=1000)))


def test_packed_activations_take_a_fraction_of_the_memory() -> None:
    graph = load_model("mobilenet_v2", directory=Path(), options={"batch": 8})
    peaks = [peak_bytes(training_step(graph, TrainingOptions(update="at_once", activation_bits=bits))) for bits in (None, 8, 4, 2)]
    assert sorted(peaks, reverse=True) == peaks
    assert peaks[1] < 0.4 * peaks[0]


def test_early_updates_need_no_memory_for_all_gradients_at_once() -> None:
    graph = load_model("resnet18", directory=Path())
    late, early = (peak_bytes(training_step(graph, TrainingOptions(update=when))) for when in ("at_end", "at_once"))  # type: ignore[arg-type]
    assert early < late
    assert late >= 4 * graph.parameters()


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilevit_s", "convnext_tiny", "shufflenet_v2", "distilbert", "unet", "squeezenet1_1", "vit_tiny"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_compile_with_a_valid_plan(name: str, optimizer: str) -> None:
    graph = load_model(name, directory=Path())
    loss = "mean_squared_error" if len(graph.outputs) > 1 or name == "unet" else "cross_entropy"
    step = training_step(graph, TrainingOptions(optimizer=optimizer, loss=loss, checkpointing=Checkpointing()))  # type: ignore[arg-type]
    program = compile_model(step, load_device("raspberry_pi_4"), runtime="tflite")
    assert plan_problems(program.plan) == []
    trained = sum(tensor.bytes for tensor in graph.tensors.values() if tensor.role == "weight")
    assert program.state_bytes == pytest.approx(trained * {"sgd": 0, "adam": 2}[optimizer])
    assert program.macs > 2.9 * total_macs(graph)


def test_weights_that_change_cannot_stay_in_flash() -> None:
    graph = load_model("mobilenet_v1", directory=Path(), options={"width": 0.25, "resolution": 96, "classes": 2})
    program = compile_model(training_step(graph, TrainingOptions(last=1)), load_device("stm32h7a3"), runtime="tflite_micro")
    assert program.copied_bytes == 0
    assert program.state_bytes == (256 * 2 + 2) * 4


@pytest.mark.parametrize(("options", "message"), [
    (TrainingOptions(only=("nothing*",)), "no layer with weights is named like 'nothing\\*'"),
    (TrainingOptions(checkpointing=Checkpointing(segments=("nowhere",))), "no operator 'nowhere'"),
])  # fmt: skip
def test_unknown_names_are_refused(options: TrainingOptions, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        training_step(_convnet(), options)


def test_networks_that_cannot_be_trained_are_refused() -> None:
    with pytest.raises(ModelError, match="state"):
        training_step(load_model("smollm2_135m", directory=Path()), TrainingOptions())
    net = Net("quantized")
    x = net.add("Dequantize", [net.add("Quantize", [net.dense(net.input("x", (1, 4)), 2)], {"to": DType.I8})], {"to": DType.F32})
    with pytest.raises(ModelError, match="quantized network"):
        training_step(net.finish(x), TrainingOptions())
    net = Net("recurrent")
    made = net.add("LSTM", [net.input("x", (5, 1, 4)), net.weight("w", (1, 12, 4)), net.weight("r", (1, 12, 3))])
    with pytest.raises(ModelError, match="no gradient is known of LSTM"):
        training_step(net.finish(made), TrainingOptions())
