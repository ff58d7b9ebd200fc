"""Running networks over samples: as values, to see how large they grow; and as spikes, step by step, to count them and to read the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sim.errors import ModelError
from sim.graph.ir import Graph, Op
from sim.graph.ops.spiking import ENCODERS, PLAIN, is_spiking
from sim.passes.evaluate import evaluate
from sim.passes.spiking.layers import Array, Layers, fan_out
from sim.passes.spiking.rewrite import VIEWS

FIRST_POTENTIAL = 0.5  # thresholds a neuron begins with, so that the number of its spikes is rounded and not cut off


@dataclass
class Spikes:
    """Of one run over samples. ``values``: tensor -> what its spikes, or sums, stand for over all steps, ``[samples, ...]``.

    ``sent``: spiking operator -> spikes a neuron and step on average; ``arrived``: the spikes a connection and step of each of its inputs, None
    where no spikes arrive; ``operations``: synaptic operations of all samples and steps.
    """

    values: dict[str, Array]
    sent: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    operations: dict[str, float] = field(default_factory=dict)


def activations(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Values of every tensor of a converted network as if its spikes were exact: the activations of the network it was made of."""
    layers, values = Layers(graph), {name: np.asarray(fed, dtype=np.float64) for name, fed in feeds.items()}
    for op in graph.ops:
        made = _rectified(op, layers.linear(op, values) if op.type in PLAIN else values[op.inputs[0]]) if is_spiking(op) else _plain(layers, op, values)
        values[op.outputs[0]] = made
    return values


def run_spikes(graph: Graph, feeds: Mapping[str, Array], steps: int | None = None) -> Spikes:
    """Integrate and fire for the network's time steps, or ``steps`` of them; feeds ``[samples, ...]``.

    Raises ModelError where thresholds were never measured, or an operator is not known here.
    """
    first = next((op for op in graph.ops if is_spiking(op)), None)
    if first is None:
        raise ModelError(f"{graph.name} is no spiking network")
    missing = [op.name for op in graph.ops if is_spiking(op) and op.attributes["neurons"] == "fire" and "level" not in op.attributes]
    if missing:
        raise ModelError(f"{graph.name}: nobody measured at which value {missing[0]} fires; convert with calibration data")
    return _Run(graph, feeds, steps or int(first.attributes["timesteps"])).run()


class _Run:
    """The state of one run: potentials in thresholds, what each tensor holds in this step, and sums over steps."""

    def __init__(self, graph: Graph, feeds: Mapping[str, Array], steps: int) -> None:
        self.graph, self.steps, self.layers = graph, steps, Layers(graph)
        self.fed = {name: np.asarray(values, dtype=np.float64) for name, values in feeds.items()}
        self.samples = len(next(iter(self.fed.values())))
        self.potential: dict[str, Array] = {}
        self.sums: dict[str, Array] = {}
        self.spiked: dict[str, Array] = {}  # tensor -> spikes of each element, all samples and steps
        self.spiking = spike_tensors(graph)
        self.steady, self.stepped = _order(graph)

    def run(self) -> Spikes:
        fixed = dict(self.fed)
        for op in self.steady:
            fixed[op.outputs[0]] = _plain(self.layers, op, fixed)
        for _ in range(self.steps):
            self._step(dict(fixed))
        values = fixed | {name: total / self.steps for name, total in self.sums.items()}
        for op in self.graph.ops:
            if op.outputs[0] not in values:
                values[op.outputs[0]] = _plain(self.layers, op, values)
        return self._counted(values)

    def _step(self, now: dict[str, Array]) -> None:
        for op in self.stepped:
            name = op.outputs[0]
            if not is_spiking(op):
                now[name] = _plain(self.layers, op, now)
            else:
                sums = self.layers.linear(op, now) if op.type in PLAIN else now[op.inputs[0]]
                now[name] = self._fired(op, sums) if op.attributes["neurons"] == "fire" else sums
            self.sums[name] = self.sums.get(name, 0.0) + now[name]

    def _fired(self, op: Op, sums: Array) -> Array:
        """What the spikes of this step stand for."""
        level = float(op.attributes["level"]) or 1.0
        potential = self.potential.get(op.name)
        potential = np.full(sums.shape, FIRST_POTENTIAL) + sums / level if potential is None else potential + sums / level
        spikes = potential >= 1.0
        self.potential[op.name] = np.where(spikes, 0.0 if op.attributes.get("reset") == "zero" else potential - 1.0, potential)
        return np.asarray(spikes * level)

    def _counted(self, values: dict[str, Array]) -> Spikes:
        found = Spikes(values)
        levels = levels_of(self.graph)
        for op in self.graph.ops:
            if not is_spiking(op):
                continue
            fires = op.attributes["neurons"] == "fire"
            found.sent[op.name] = float(np.mean(values[op.outputs[0]])) / (levels[op.outputs[0]] or 1.0) if fires else 0.0
            rates: list[float | None] = []
            for index, name in enumerate(op.inputs):
                if not name or self.graph.tensors[name].is_stored:
                    continue
                if name not in self.spiking or op.type in ENCODERS:
                    rates.append(None)
                    continue
                reach = fan_out(self.graph, op, index)
                rate = values[name] / (levels[name] or 1.0)  # of each element, a step
                taken = float((rate * reach).sum())
                rates.append(min(taken / max(float(reach.sum()) * self.samples, 1e-300), 1.0))
                found.operations[op.name] = found.operations.get(op.name, 0.0) + taken * self.steps
            found.arrived[op.name] = tuple(rates)
        return found


def levels_of(graph: Graph) -> dict[str, float]:
    """Of every tensor of spikes what one in every step stands for; views keep it."""
    levels: dict[str, float] = {}
    for op in graph.ops:
        if is_spiking(op) and op.attributes["neurons"] == "fire":
            levels[op.outputs[0]] = float(op.attributes["level"])
        elif op.type in VIEWS and op.inputs[0] in levels:
            levels[op.outputs[0]] = levels[op.inputs[0]]
    return levels


def spike_tensors(graph: Graph) -> set[str]:
    """Tensors that hold spikes, behind views too."""
    known: set[str] = set()
    for op in graph.ops:
        if (is_spiking(op) and op.attributes["neurons"] == "fire") or (op.type in VIEWS and op.inputs[0] in known):
            known.add(op.outputs[0])
    return known


def _order(graph: Graph) -> tuple[list[Op], list[Op]]:
    """Operators before any spike, run once; and those of every step. What follows the last neurons reads their sums at the end."""
    changing: set[str] = set()
    steady: list[Op] = []
    stepped: list[Op] = []
    for op in graph.ops:
        if is_spiking(op) or (op.type in VIEWS and any(name in changing for name in op.inputs)):
            stepped.append(op)
            changing.update(op.outputs)
        elif not _after(graph, op, changing):
            steady.append(op)
    return steady, stepped


def _after(graph: Graph, op: Op, changing: set[str]) -> bool:
    """Whether an operator depends on spikes through others that are computed at the end."""
    makers = graph.producers()
    waiting = list(op.all_inputs)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in changing:
            return True
        if name not in seen and name in makers:
            seen.add(name)
            waiting += makers[name].all_inputs
    return False


def _rectified(op: Op, sums: Array) -> Array:
    if op.attributes["neurons"] != "fire":
        return sums
    return np.clip(sums, 0.0, op.attributes.get("limit"))


def _plain(layers: Layers, op: Op, values: Mapping[str, Array]) -> Array:
    """An operator that does not spike."""
    if op.type in ("Conv", "Dense", "AveragePool", "GlobalAveragePool"):
        return layers.linear(op, values)
    operands = [values[name] if name in values else layers.value(name) for name in op.inputs if name]
    if op.type in ("Softmax", "LogSoftmax"):
        return _softmax(operands[0], int(op.attributes.get("axis", -1)), op.type == "LogSoftmax")
    tensor = layers.graph.tensors[op.outputs[0]]
    result = operands[0] if op.type == "Dropout" else evaluate(op, operands, (len(operands[0]), *tensor.shape[1:]), tensor.dtype)
    if result is None:
        raise ModelError(f"{op.name}: {op.type} cannot be run here; measure up to the tensor before it")
    return result


def _softmax(x: Array, axis: int, logarithm: bool) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    sums = np.exp(shifted).sum(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(sums) if logarithm else np.exp(shifted) / sums)
