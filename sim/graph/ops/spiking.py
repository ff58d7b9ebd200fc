"""Spiking operators: what a network does in ``timesteps`` steps when its values are rates of spikes.

Tensors keep the shapes and meaning they have in the network that was converted: a value is ``levels`` times the share of steps with a spike.
Attributes: ``timesteps``; ``neurons``: ``fire`` (integrate and fire), ``read`` (integrate, and are read at the end) or ``none`` (the inputs of
another operator's neurons); ``rates``: of each input the spikes a step on each of its connections, none where no spikes arrive; ``rate``: spikes
that each neuron sends a step; ``levels``: of each input the value that a spike in every step stands for, ``level``: of the output, both only
where activations were measured; ``reset`` and ``limit`` (the clipped activation they stand for) say how neurons fire.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

from device_models.work import Kind
from sim.graph.ir import Op, Tensor
from sim.graph.ops.contraction import broadcast
from sim.graph.ops.definition import OPS, Shape, TensorType, as_tuple, define, need, refuse, same_as_first
from sim.graph.ops.spatial import split_layout

SPIKING = {
    "Conv": "SpikingConv", "Dense": "SpikingDense", "AveragePool": "SpikingAveragePool", "GlobalAveragePool": "SpikingGlobalAveragePool", "Add": "SpikingAdd",
}  # fmt: skip
PLAIN = {spiking: plain for plain, spiking in SPIKING.items()}
ENCODERS = ("SpikeEncode", "IntegrateFire")  # values, or a current, become spikes


def is_spiking(op: Op) -> bool:
    """Whether an operator runs in time steps."""
    return op.type in PLAIN or op.type in ENCODERS


def connections(op: Op, inputs: Sequence[Tensor | None], output: Tensor) -> tuple[int, ...]:
    """Connections from each activation among the inputs to the neurons behind the output, those into padding left out."""
    x, plain = need(op, inputs, 0), PLAIN.get(op.type, op.type)
    if plain == "Conv":
        weights = need(op, inputs, 1)
        batch, _, spatial = split_layout(op, x.shape)
        pairs = prod(sum(axis) for axis in window_uses(op, spatial, weights.shape[2:], split_layout(op, output.shape)[2]))
        return (batch * pairs * weights.shape[1] * weights.shape[0],)
    if plain == "Dense":
        return (prod(x.shape[:-1]) * need(op, inputs, 1).elements,)
    if plain == "AveragePool":
        batch, channels, spatial = split_layout(op, x.shape)
        kernel = as_tuple(op.attributes["kernel"], len(spatial))
        return (batch * channels * prod(sum(axis) for axis in window_uses(op, spatial, kernel, split_layout(op, output.shape)[2])),)
    if plain == "GlobalAveragePool":
        return (x.elements,)
    return tuple(output.elements for tensor in inputs if tensor is not None and not tensor.is_stored) if plain == "Add" else (0,)


def window_uses(op: Op, spatial: Shape, kernel: Shape, out: Shape) -> list[list[int]]:
    """Of every position along each spatial dimension, in how many places of a window it is used, padding left out."""
    rank = len(spatial)
    strides, dilations = as_tuple(op.attributes.get("strides", 1), rank), as_tuple(op.attributes.get("dilations", 1), rank)
    uses = []
    for axis, (before, _) in enumerate(window_pads(op, spatial, kernel, out)):
        count = [0] * spatial[axis]
        for place in range(out[axis]):
            for element in range(kernel[axis]):
                position = place * strides[axis] - before + element * dilations[axis]
                if 0 <= position < spatial[axis]:
                    count[position] += 1
        uses.append(count)
    return uses


def window_pads(op: Op, spatial: Shape, kernel: Shape, out: Shape) -> list[tuple[int, int]]:
    """Padding before and after along each spatial dimension, as much as the output needs."""
    rank = len(spatial)
    strides, dilations = as_tuple(op.attributes.get("strides", 1), rank), as_tuple(op.attributes.get("dilations", 1), rank)
    given = as_tuple(op.attributes.get("pads", 0), 2 * rank)
    auto = op.attributes.get("auto_pad", "NOTSET")
    pads = []
    for axis in range(rank):
        reach = (out[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1
        missing = max(reach - spatial[axis], 0)
        before = given[axis] if auto == "NOTSET" else {"SAME_UPPER": missing // 2, "SAME_LOWER": missing - missing // 2}.get(auto, 0)
        pads.append((before, max(reach - spatial[axis] - before, 0)))
    return pads


def timesteps(op: Op) -> int:
    """How many steps it runs. Raises ModelError for none."""
    steps = op.attributes.get("timesteps")
    if not isinstance(steps, int) or steps < 1:
        raise refuse(op, f"needs timesteps of at least 1, has {steps}")
    return steps


def _infer(plain: str, op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    timesteps(op)
    rates = (*(rate for rate in op.attributes.get("rates", ()) if rate is not None), op.attributes.get("rate", 0.0))
    if any(not 0 <= rate <= 1 for rate in rates):
        raise refuse(op, f"has rates {list(rates)}; a neuron sends between 0 and 1 spikes a step")
    if plain == "Add":
        first, second = need(op, inputs, 0), need(op, inputs, 1)
        return [(broadcast(op, first.shape, second.shape), first.dtype)]
    infer = OPS[plain].infer if plain else same_as_first
    assert infer is not None
    return infer(op, inputs)


def _work(plain: str, op: Op, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> dict[str, Any]:
    """The plain operator's work in every step (what a unit that multiplies pays), and the events (what an event-driven one pays)."""
    steps, made = timesteps(op), outputs[0]
    activations = [tensor for tensor in inputs if tensor is not None and not tensor.is_stored]
    row = OPS[plain].work(op, inputs, outputs) if plain else {"kind": Kind.ELEMENTWISE}
    rates = tuple(op.attributes.get("rates", ()))
    links = tuple(count * (1.0 - _pruned(inputs)) for count in connections(op, inputs, made))
    arriving = [(rate, count, tensor) for rate, count, tensor in zip(rates, links, activations, strict=False) if rate is not None]
    neurons = 0 if op.attributes.get("neurons", "fire") == "none" else made.elements
    return {
        **row,
        "macs": row.get("macs", 0) * steps,
        "steps": steps,
        "in_elements": steps * sum(tensor.elements for tensor in activations),
        "out_elements": steps * made.elements,
        "in_bytes": steps * sum(tensor.bytes for tensor in activations),
        "out_bytes": steps * made.bytes,
        "epilogue_elements": steps * neurons,  # membrane potentials that are read and written
        "neurons": neurons,
        "synapses": sum(links),
        "synaptic_operations": steps * sum(rate * count for rate, count, _ in arriving),
        "in_spikes": steps * sum(rate * tensor.elements for rate, _, tensor in arriving),
        "out_spikes": steps * float(op.attributes.get("rate", 0.0)) * neurons,
    }


def _pruned(inputs: Sequence[Tensor | None]) -> float:
    """Share of the weights that is zero, and so no connection."""
    weights = inputs[1] if len(inputs) > 1 else None
    return 0.0 if weights is None or weights.sparsity is None else weights.sparsity.ratio


for _spiking, _plain in PLAIN.items():
    define(_spiking, partial(_infer, _plain), partial(_work, _plain))
for _encoder in ENCODERS:
    define(_encoder, partial(_infer, ""), partial(_work, ""))
