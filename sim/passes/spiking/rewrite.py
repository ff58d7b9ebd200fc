"""Operators that compute values become operators that integrate and fire; which values are spikes, and which the inputs of neurons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sim.errors import ModelError, Problem
from sim.graph.ir import Graph, Op
from sim.graph.ops.spiking import SPIKING, is_spiking
from sim.passes.conversion import is_quantized
from sim.passes.edit import Uses, fresh_name, fresh_op_name, remove_ops

VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout")
WEIGHTED = ("Conv", "Dense")
POOLS = ("AveragePool", "GlobalAveragePool")
RECTIFIERS: dict[str, float | None] = {"Relu": None, "Relu6": 6.0}  # and where they clip
_MENDS = {
    "MaxPool": "no rate of spikes is the largest of several; train the model with average pooling",
    "GlobalMaxPool": "no rate of spikes is the largest of several; train the model with average pooling",
    "BatchNorm": "it follows no convolution that could absorb it; fold it into the weights before",
    "MatMul": "only products with stored weights become synapses; export it as a dense layer (Gemm)",
    "Concat": "rates of its inputs stand for values of different scales; a network that adds instead can be converted",
}
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Neurons:
    """How neurons of the converted network work: steps an answer takes, and what is left in one that has fired."""

    timesteps: int
    reset: str = "subtract"  # the threshold is subtracted; zero: nothing stays
    analog_input: bool = False  # the first layer takes values, as a current that is the same in every step; else they are encoded as spikes


def to_spiking_operators(graph: Graph, neurons: Neurons) -> None:
    """Rewrite ``graph`` in place. Raises ModelError with every operator that has no spiking form, and how to mend it."""
    if is_quantized(graph):
        raise ModelError(f"{graph.name} is quantized already; neurons add up real weights: convert first, the unit rounds weights itself")
    if any(is_spiking(op) for op in graph.ops):
        raise ModelError(f"{graph.name} is a spiking network already")
    _Rewriting(graph, neurons).run()


class _Rewriting:
    def __init__(self, graph: Graph, neurons: Neurons) -> None:
        self.graph, self.neurons = graph, neurons
        _unfuse(graph)
        self.uses = Uses(graph)
        self.body = _body(graph, self.uses)
        self.kinds: dict[str, str] = dict.fromkeys(graph.inputs, "value")  # of tensors: value, spikes, current
        self.problems: list[str] = []
        self.gone: list[Op] = []

    def run(self) -> None:
        if not any(op.type in WEIGHTED for op in self.graph.ops):
            raise ModelError(f"{self.graph.name} has no convolution or dense layer with stored weights that could become synapses")
        for op in list(self.graph.ops):
            if op.name in self.body and op not in self.gone:
                self._convert(op)
        if self.problems:
            raise ModelError([Problem(path=self.graph.name, what=what) for what in self.problems[:_MOST_PROBLEMS]])
        remove_ops(self.graph, self.gone)
        if not any(is_spiking(op) for op in self.graph.ops):
            raise ModelError(f"{self.graph.name} has a single layer, which an analog input computes as it is: nothing is left that spikes")
        if not self.neurons.analog_input:
            self._encode()

    def _convert(self, op: Op) -> None:
        read = [name for name in op.inputs if name and not self.graph.tensors[name].is_stored]
        kinds = {self.kinds.get(name, "value") for name in read}
        if op.type in VIEWS:
            self.kinds |= dict.fromkeys(op.outputs, kinds.pop() if kinds else "value")
        elif op.type in RECTIFIERS:
            self._rectify(op, kinds)
        elif op.type in SPIKING:
            self._spike(op, kinds)
        else:
            mend = _MENDS.get(op.type, f"supported: {', '.join((*SPIKING, *RECTIFIERS, *VIEWS))}; train the model with one of those in its place")
            self.problems.append(f"{op.name}: {op.type} has no spiking form; {mend}")
            self.kinds |= dict.fromkeys(op.outputs, "spikes")

    def _rectify(self, op: Op, kinds: set[str]) -> None:
        """A rectifier that no layer took: of a current it is neurons, of rates, which are never negative, nothing."""
        if kinds == {"spikes"} and RECTIFIERS[op.type] is None:
            op.type = "Identity"
        else:
            self._make(op, "IntegrateFire", "fire", RECTIFIERS[op.type])
        self.kinds[op.outputs[0]] = "spikes"

    def _spike(self, op: Op, kinds: set[str]) -> None:
        if op.type in WEIGHTED and not self.graph.tensors[op.inputs[1]].is_stored:
            self.problems.append(f"{op.name}: the weights of {op.type} are computed; only stored weights become synapses")
        if "current" in kinds and op.type != "Add":
            self.problems.append(f"{op.name}: {op.type} reads values that may be negative, which no rate of spikes stands for; put a ReLU before it")
        if self.neurons.analog_input and kinds == {"value"}:
            self.kinds |= dict.fromkeys(op.outputs, "value" if op.type in POOLS else "current")  # computed once, as it is, and held as a current
            return
        role, limit = self._role(op, kinds)
        self._make(op, SPIKING[op.type], role, limit)
        self.kinds |= dict.fromkeys(op.outputs, {"fire": "spikes", "none": "current", "read": "value"}[role])

    def _role(self, op: Op, kinds: set[str]) -> tuple[str, float | None]:
        """What neurons stand behind the output of a layer, taking the rectifier after it along."""
        reader = self.uses.sole_reader(op.outputs[0])
        if reader is not None and reader.type in RECTIFIERS and reader.name in self.body:
            op.outputs = reader.outputs
            self.gone.append(reader)
            return "fire", RECTIFIERS[reader.type]
        if op.type in POOLS or (op.type == "Add" and kinds == {"spikes"} and not any(self.graph.tensors[name].is_stored for name in op.inputs)):
            return "fire", None  # of rates, which are never negative
        readers = list(self._readers(op.outputs[0]))
        if readers and all(reader.type == "Add" for reader in readers) and op.outputs[0] not in self.graph.outputs:
            return "none", None
        known = (*SPIKING, *RECTIFIERS)
        if any(reader.name in self.body for reader in readers) and all(reader.type in known for reader in readers):  # others are told of themselves
            self.problems.append(f"{op.name}: nothing keeps what {op.type} gives from being negative, which no rate of spikes stands for; put a ReLU after it")
        return "read", None

    def _readers(self, tensor: str) -> Iterable[Op]:
        """Operators that read a tensor, behind views."""
        for reader in self.uses.readers.get(tensor, []):
            if reader.type in VIEWS and reader.name in self.body:
                yield from self._readers(reader.outputs[0])
            else:
                yield reader

    def _make(self, op: Op, type: str, role: str, limit: float | None) -> None:
        op.type = type
        op.attributes |= {"timesteps": self.neurons.timesteps, "neurons": role}
        if role == "fire":
            op.attributes |= {"reset": self.neurons.reset} | ({} if limit is None else {"limit": limit})

    def _encode(self) -> None:
        """Spikes in place of every input that a spiking operator reads."""
        for name in list(self.graph.inputs):
            if not any(op.name in self.body for op in self.uses.readers.get(name, [])):
                continue
            tensor, spikes = self.graph.tensors[name], fresh_name(self.graph, f"{name}.spikes")
            self.graph.tensors[spikes] = type(tensor)(spikes, tensor.shape, tensor.dtype)
            for op in self.graph.ops:
                if op.name in self.body:
                    op.inputs = tuple(spikes if read == name else read for read in op.inputs)
            attributes: dict[str, Any] = {"timesteps": self.neurons.timesteps, "neurons": "fire", "reset": self.neurons.reset}
            self.graph.ops.insert(0, Op(fresh_op_name(self.graph, f"{name}.encode"), "SpikeEncode", (name,), (spikes,), attributes))


def _unfuse(graph: Graph) -> None:
    """Rectifiers that a file holds as part of a layer as operators of their own."""
    ops: list[Op] = []
    taken = {op.name for op in graph.ops}
    for op in graph.ops:
        fused, op.fused = op.fused, ()
        ops.append(op)
        for part in fused:
            made, inner = op.outputs[0], fresh_name(graph, f"{op.name}.before")
            tensor = graph.tensors[made]
            graph.tensors[inner] = type(tensor)(inner, tensor.shape, tensor.dtype)
            ops[-1].outputs = (inner, *ops[-1].outputs[1:])
            name = next(name for name in (part.name, *(f"{op.name}.{part.type}{number}" for number in range(len(taken) + 1))) if name and name not in taken)
            taken.add(name)
            ops.append(Op(name, part.type, tuple(inner if name == "@" else name for name in part.inputs), (made,), dict(part.attributes)))
    graph.ops = ops


def _body(graph: Graph, uses: Uses) -> set[str]:
    """Names of the operators that become spiking: all but those at the end that have no spiking form, such as a softmax, and what follows."""
    tail: set[str] = set()
    for op in reversed(graph.ops):
        readers = [reader for name in op.outputs for reader in uses.readers.get(name, [])]
        convertible = op.type in SPIKING or op.type in RECTIFIERS
        ends = all(reader.name in tail for reader in readers)
        if ends and (op.type in VIEWS or not convertible):
            tail.add(op.name)
    return {op.name for op in graph.ops} - tail
