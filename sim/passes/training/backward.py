"""The backward pass: gradients in reverse order, activations computed again or unpacked where they were not kept as they were."""

from __future__ import annotations

from dataclasses import dataclass, field

from device_models.work import DType
from sim.errors import ModelError
from sim.graph.ir import Graph, Op
from sim.passes.training import gradients_of_moves  # noqa: F401  (it fills the table of gradients)
from sim.passes.training.gradients import RULES, Call
from sim.passes.training.tape import Writer
from sim.passes.training.trainable import is_float

BITS = {8: DType.I8, 4: DType.I4, 2: DType.I2}
_UNCHANGED = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


@dataclass
class Backward:
    """Writes the backward pass of ``forward`` (operators of the forward pass that have a gradient, in order) behind what ``writer`` holds.

    ``segment``: operator's name -> number of its segment; activations that only one segment uses are computed again before its
    backward pass, except the last segment's. ``bits``: format in which activations are kept.
    """

    writer: Writer
    forward: list[Op]
    active: set[str]
    segment: dict[str, int]
    bits: int | None = None
    grads: dict[str, str] = field(default_factory=dict)
    packed: dict[str, str] = field(default_factory=dict)  # activation -> the compressed one
    _unpacked: dict[tuple[str, int], str] = field(default_factory=dict)
    _again: dict[str, str] = field(default_factory=dict)  # activation -> its second computation
    _wanted_again: set[str] = field(default_factory=set)
    _makers: dict[str, Op] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._makers = {name: op for op in self.forward for name in op.outputs}
        self._last = max(self.segment.values(), default=0)

    @property
    def graph(self) -> Graph:
        return self.writer.graph

    def write(self) -> None:
        """All segments, the last one first. Raises ModelError for an operator without a gradient."""
        unknown = sorted({op.type for op in self.forward if op.type not in RULES})
        if unknown:
            raise ModelError(f"{self.graph.name}: no gradient is known of {', '.join(unknown)}; train only what comes after them (last, only)")
        by_segment: dict[int, list[Op]] = {}
        for op in self.forward:
            by_segment.setdefault(self.segment.get(op.name, 0), []).append(op)
        for number in sorted(by_segment, reverse=True):
            self._write_segment(number, by_segment[number])

    def _write_segment(self, number: int, ops: list[Op]) -> None:
        """What the segment's gradients need is known only when they are written: they go to a list of their own, behind what is repeated."""
        before, self.writer.ops = self.writer.ops, []
        self._wanted_again = set()
        for op in reversed(ops):
            self._gradient(op, number)
        behind, self.writer.ops = self.writer.ops, []
        self._repeat(ops, number)
        repeated, self.writer.ops = self.writer.ops, before
        read = {name for op in repeated for name in op.inputs}
        early = [op for op in behind if op.type == "DecompressActivation" and op.outputs[0] in read]  # what is repeated starts from them
        self.writer.ops += [*early, *repeated, *(op for op in behind if op not in early)]

    def _gradient(self, op: Op, number: int) -> None:
        dys = [self.grads.get(name) for name in op.outputs]
        wanted = frozenset(name for name in op.inputs if name in self.active)
        if not wanted or not any(dys):
            return
        call = Call(self.writer, op, dys, wanted, lambda name: self._kept(name, number))
        for position, made in RULES[op.type](call).items():
            if position < len(op.inputs) and op.inputs[position] in wanted:
                self._accumulate(op.inputs[position], made)

    def _accumulate(self, name: str, made: str) -> None:
        if name in self.grads:
            made = self.writer.one("Add", [self.grads[name], made], {}, f"{name}/grad_sum")
        self.grads[name] = made

    def _kept(self, name: str, number: int) -> str:
        """An activation of the forward pass as the backward pass of segment ``number`` finds it."""
        maker = self._makers.get(name)
        if maker is None or number != self.segment.get(maker.name, 0) or number == self._last:
            return self._stored(name, number)
        self._wanted_again.add(name)
        if name not in self._again:
            tensor = self.graph.tensors[name]
            self._again[name] = self.writer.tensor(f"{name}.again", tensor.shape, tensor.dtype)
        return self._again[name]

    def _stored(self, name: str, number: int) -> str:
        tensor = self.graph.tensors[name]
        if self.bits is None or tensor.role != "activation" or not is_float(self.graph, name) or len(tensor.shape) < 2:
            return name
        if name not in self.packed:
            self.packed[name] = self.writer.tensor(f"{name}.kept", tensor.shape, BITS[self.bits])
        if (name, number) not in self._unpacked:
            key = {"to": tensor.dtype}
            self._unpacked[name, number] = self.writer.one("DecompressActivation", [self.packed[name]], key, f"{name}/unpack")
        return self._unpacked[name, number]

    def _repeat(self, ops: list[Op], number: int) -> None:
        """Compute what the segment's gradients read, and what that takes, once more."""
        repeated: list[Op] = []
        needed = set(self._wanted_again)
        for op in reversed(ops):
            if not needed.intersection(op.outputs):
                continue
            own = [name for name in op.inputs if name in self._makers and self.segment.get(self._makers[name].name, 0) == number]
            needed.update(own)
            repeated.append(op)
        for op in reversed(repeated):
            inputs = tuple(self._kept(name, number) if name else "" for name in op.inputs)
            outputs = tuple(self._kept(name, number) for name in op.outputs)
            self.writer.ops.append(Op(self.writer.op_name(f"{op.name}.again"), op.type, inputs, outputs, dict(op.attributes)))


def with_packing(ops: list[Op], backward: Backward) -> list[Op]:
    """The forward operators with each compressed activation packed as soon as it is made."""
    made: list[Op] = []
    waiting = dict(backward.packed)
    for op in ops:
        made.append(op)
        for name in op.outputs:
            if name in waiting:
                kept = waiting.pop(name)
                to = backward.graph.tensors[kept].dtype
                made.append(Op(backward.writer.op_name(f"{name}/pack"), "CompressActivation", (name,), (kept,), {"to": to}))
    return made
