"""Thresholds and rates of a converted network: measured on data, or one rate for all of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.errors import ModelError
from sim.graph.ir import Graph
from sim.graph.ops.spiking import ENCODERS, is_spiking
from sim.passes.spiking.layers import Array
from sim.passes.spiking.run import activations, levels_of, run_spikes, spike_tensors

_MOST_OPERATIONS, _SAMPLES = 2e10, (16, 256)  # multiply-accumulates of a measurement, and samples at least and at most
_MOST_STEPS = 512  # rates change little after


def measure_levels(graph: Graph, feeds: Mapping[str, Array], percentile: float) -> None:
    """Give every neuron the activation at which it fires in every step. Raises ModelError for inputs that no rate stands for."""
    values = activations(graph, feeds)
    for op in graph.ops:
        if not is_spiking(op) or op.attributes["neurons"] != "fire":
            continue
        if op.type == "SpikeEncode" and float(np.min(values[op.inputs[0]])) < 0:
            raise ModelError(f"input {op.inputs[0]!r} takes negative values, which no rate of spikes stands for; use input: analog, or shift the data")
        level = float(np.quantile(values[op.outputs[0]], percentile))
        op.attributes["level"] = level or float(np.max(values[op.outputs[0]]))
    levels = levels_of(graph)
    for op in graph.ops:
        if is_spiking(op) and op.type not in ENCODERS:
            op.attributes["levels"] = tuple(levels.get(name) for name in op.inputs if name and not graph.tensors[name].is_stored)


def measure_rates(graph: Graph, feeds: Mapping[str, Array]) -> None:
    """Count spikes over the network's time steps, or the first 512 of them."""
    found = run_spikes(graph, feeds, min(next(int(op.attributes["timesteps"]) for op in graph.ops if is_spiking(op)), _MOST_STEPS))
    for op in graph.ops:
        if is_spiking(op):
            op.attributes |= {"rate": found.sent[op.name], "rates": found.arrived[op.name]}


def set_rates(graph: Graph, rate: float) -> None:
    """One rate for every neuron."""
    spikes = spike_tensors(graph)
    for op in graph.ops:
        if not is_spiking(op):
            continue
        read = [name for name in op.inputs if name and not graph.tensors[name].is_stored]
        fires = op.attributes["neurons"] == "fire"
        op.attributes |= {"rate": rate if fires else 0.0, "rates": tuple(rate if name in spikes and op.type not in ENCODERS else None for name in read)}


def measured_samples(feeds: Mapping[str, Array], macs: float, steps: int) -> dict[str, Array]:
    """As many of the first samples as a measurement of reasonable length takes; ``macs``: of one sample and step."""
    least, most = _SAMPLES
    count = int(min(max(_MOST_OPERATIONS / max(macs * min(steps, _MOST_STEPS), 1.0), least), most))
    return {name: values[:count] for name, values in feeds.items()}
