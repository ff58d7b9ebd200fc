"""Gradients of attention, transposed convolutions and norms against finite differences; updates against those of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from device_models.work import DType
from sim.compiler import compile_model
from sim.frontends.zoo.net import Net
from sim.graph.ir import Graph
from sim.passes.training import TrainingOptions, training_step
from tests.unit.passes.training_interpreter import run


def _transposed(group: int, strides: int, pads: int, extra: int) -> Callable[[], Graph]:
    def build() -> Graph:
        net = Net("transposed")
        x = net.conv(net.image(2, 2, 5), 4, 3, bias=True)
        attributes = {"strides": (strides, strides), "pads": (pads,) * 4, "group": group, "output_padding": (extra, extra)}
        x = net.add("ConvTranspose", [x, net.weight("up", (4, 6 // group, 3, 3)), net.weight("up_bias", (6,))], attributes)
        return net.finish(net.dense(net.global_pool(net.add("Tanh", [x])), 3))

    return build


def _attention(kv_heads: int, causal: bool, mask: tuple[int, ...] | None) -> Callable[[], Graph]:
    def build() -> Graph:
        net = Net("attention")
        x = net.dense(net.input("x", (2, 5, 8)), 8)
        q, k, v = (net.transpose(net.reshape(net.dense(x, heads * 3), 2, 5, heads, 3), 0, 2, 1, 3) for heads in (4, kv_heads, kv_heads))
        masks = [] if mask is None else [net.weight("positions", mask)]
        y = net.add("Attention", [q, k, v, *masks], {"causal": causal, "scale": 0.4})
        return net.finish(net.dense(net.reshape(net.transpose(y, 0, 2, 1, 3), 2, 5, 12), 3))

    return build


def _norms(type: str, attributes: dict[str, Any]) -> Callable[[], Graph]:
    def build() -> Graph:
        net = Net("norms")
        x = net.conv(net.image(2, 2, 5), 6, 3, bias=True)
        x = net.add(type, [x, net.weight("scale", (6,)), net.weight("offset", (6,))], attributes)
        return net.finish(net.dense(net.global_pool(net.add("Sigmoid", [net.conv(x, 4, 3)])), 3))

    return build


def _layer_norms() -> Graph:
    net = Net("layer_norms")
    x = net.layer_norm(net.dense(net.input("x", (2, 5, 6)), 8))
    x = net.add("RMSNorm", [net.add("Tanh", [x]), net.weight("rms", (8,))])
    return net.finish(net.dense(x, 3))


def _softmaxes() -> Graph:
    net = Net("softmaxes")
    x = net.add("Softmax", [net.dense(net.input("x", (2, 5, 6)), 8)])
    return net.finish(net.add("LogSoftmax", [net.dense(x, 4)]))


NETWORKS = {
    "transposed": _transposed(1, 1, 1, 0), "transposed, strided": _transposed(1, 2, 1, 1), "transposed, groups": _transposed(2, 2, 0, 0),
    "attention": _attention(4, False, None), "causal": _attention(4, True, None), "grouped queries": _attention(2, False, None),
    "learned positions": _attention(4, False, (1, 4, 5, 5)), "positions of all heads": _attention(2, True, (5, 5)),
    "group norm": _norms("GroupNorm", {"num_groups": 3}), "instance norm": _norms("InstanceNorm", {}), "layer norm": _layer_norms, "softmax": _softmaxes,
}  # fmt: skip


def _values(step: Graph, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    stored = {name: tensor for name, tensor in step.tensors.items() if tensor.role != "activation"}
    return {
        name: np.zeros(tensor.shape)
        if tensor.role == "state"
        else rng.integers(0, 3, tensor.shape)
        if tensor.dtype is DType.I32
        else rng.normal(size=tensor.shape)
        for name, tensor in stored.items()
    }


def _slope(step: Graph, values: dict[str, np.ndarray], name: str, direction: np.ndarray) -> float:
    """Of the loss along a direction of one weight, by central differences."""
    ends = [float(run(step, {**values, name: values[name] + sign * 1e-5 * direction})[step.outputs[0]]) for sign in (1, -1)]
    return (ends[0] - ends[1]) / 2e-5


@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_are_those_of_finite_differences(network: str) -> None:
    graph = NETWORKS[network]()
    step = training_step(graph, TrainingOptions(loss="mean_squared_error"))
    values = _values(step)
    made = run(step, values)
    gradients = {op.inputs[0]: made[op.inputs[-1]] for op in step.ops if op.type == "SgdUpdate"}
    assert set(gradients) == {name for name, tensor in graph.tensors.items() if tensor.role == "weight"}
    rng = np.random.default_rng(2)
    for name, gradient in gradients.items():
        assert np.abs(gradient).max() > 0 or "bias" in name or "conv" in name, name
        for _ in range(2):
            direction = rng.normal(size=gradient.shape)
            assert (gradient * direction).sum() == pytest.approx(_slope(step, values, name, direction), rel=1e-4, abs=1e-7), name


def _line() -> Graph:
    net = Net("line")
    return net.finish(net.dense(net.add("Tanh", [net.dense(net.input("x", (6, 4)), 5)]), 2))


def _scikit(optimizer: str, weights: list[np.ndarray]) -> Any:
    """Their optimisers change the arrays they are given."""
    optimisers = pytest.importorskip("sklearn.neural_network._stochastic_optimizers")
    if optimizer == "adam":
        return optimisers.AdamOptimizer(weights, learning_rate_init=0.01)
    return optimisers.SGDOptimizer(weights, learning_rate_init=0.01, momentum=0.9 if optimizer == "momentum" else 0.0, nesterov=False)


@pytest.mark.parametrize(("optimizer", "states"), [("momentum", 1), ("adam", 2)])
def test_repeated_updates_follow_scikit_learns(optimizer: str, states: int) -> None:
    """Five steps, each fed with the weights and the optimiser's tensors that the one before gave; their gradients are finite differences."""
    step = training_step(_line(), TrainingOptions(optimizer=optimizer, loss="mean_squared_error"))  # type: ignore[arg-type]
    updates = [op for op in step.ops if op.type.endswith("Update")]
    assert all(len(op.inputs) == states + 2 and len(op.outputs) == states + 1 for op in updates)
    assert set(step.outputs[1:]) == {name for op in updates for name in op.outputs}
    values = _values(step)
    names = [op.inputs[0] for op in updates]
    theirs = [values[name].copy() for name in names]
    optimiser = _scikit(optimizer, theirs)
    for number in range(5):
        values["step"] = np.array(number + 1)
        current = {**values, **dict(zip(names, theirs, strict=True))}
        slopes = [_gradient(step, current, name) for name in names]
        made = run(step, values)
        for op in updates:
            values |= {name: made[output] for name, output in zip(op.inputs, op.outputs, strict=False)}
        optimiser.update_params(*([theirs, slopes] if optimiser.update_params.__code__.co_argcount == 3 else [slopes]))
        for name, expected in zip(names, theirs, strict=True):
            np.testing.assert_allclose(values[name], expected, rtol=1e-5, atol=1e-7)
    assert all(np.abs(values[name]).max() > 0 for op in updates for name in op.inputs[1:-1])


def _gradient(step: Graph, values: dict[str, np.ndarray], name: str) -> np.ndarray:
    units = np.eye(values[name].size).reshape(-1, *values[name].shape)
    return np.array([_slope(step, values, name, unit) for unit in units]).reshape(values[name].shape)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_half_precision_halves_activations_and_keeps_the_optimisers_tensors(optimizer: str) -> None:
    """Weights, activations and gradients in two bytes; the optimiser's sums need float32, or small updates vanish."""
    net = Net("convnet")
    x = net.conv_bn(net.image(8, 3, 32), 16, 3, 2, "Relu")
    x = net.conv_bn(x, 32, 3, 2, "Relu")
    graph = net.finish(net.dense(net.global_pool(x), 10))
    step = training_step(graph, TrainingOptions(optimizer=optimizer))  # type: ignore[arg-type]
    device = load_device("raspberry_pi_5")
    whole, half = (compile_model(step, device, runtime="tflite", precision=precision) for precision in ("float32", "float16"))
    assert half.macs == whole.macs and half.state_bytes == whole.state_bytes
    assert half.weights_bytes < 0.55 * whole.weights_bytes and half.plan.arena_bytes < 0.6 * whole.plan.arena_bytes
    lowered = half.graph
    assert lowered is not None
    for op in lowered.ops:
        if op.type.endswith("Update"):
            assert all(lowered.tensors[name].dtype is DType.F32 for name in op.inputs[1:-1])
            assert lowered.tensors[op.inputs[0]].dtype is lowered.tensors[op.outputs[0]].dtype is lowered.tensors[op.inputs[-1]].dtype is DType.F16
