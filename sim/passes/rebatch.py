"""A graph made for one input rewritten for a batch of them, where every operator treats the samples apart.

Each value either has the batch as the outermost part of one of its axes, or is the same for all samples. A rule per operator type says
where the batch goes; an operator that would mix samples, or picks among them, is refused. Shapes are inferred anew and must be the old
ones with that one axis multiplied.
"""

from __future__ import annotations

from dataclasses import replace

from sim.errors import ModelError, Problem
from sim.graph.ir import RUNNING, Graph, Op, Tensor
from sim.graph.ops import OPS
from sim.graph.verify import verify
from sim.passes.rebatch_rules import RULES, Mixed, Place, axis_of_broadcast

_STATE_AXIS = {"CacheAppend": 0, "Attention": 0, "SVDF": 0, "LSTM": 1, "GRU": 1, "RNN": 1, "ProjectedLSTM": 1}  # of what a kind of operator keeps between runs


def rebatched(graph: Graph, size: int) -> Graph:
    """The graph for ``size`` inputs at once, which stand along the first axis of each of its inputs. Raises ModelError where that is not valid."""
    if size == 1:
        return graph
    return _Rebatching(graph.copy(), size).run()


class _Rebatching:
    def __init__(self, graph: Graph, size: int) -> None:
        self.graph, self.size = graph, size
        self.axis: dict[str, int] = {}  # of tensors that have the batch
        self.old: dict[str, tuple[int, ...]] = {name: tensor.shape for name, tensor in graph.tensors.items()}
        self.ops: list[Op] = []
        self.expanded: dict[tuple[str, int], str] = {}

    def run(self) -> Graph:
        if "training" in self.graph.notes:
            raise self._refusal("it is trained in this graph, which has a batch of its own")
        for name in self.graph.inputs:
            self._input(self.graph.tensors[name])
        for op in self.graph.ops:
            self._op(op)
        self.graph.ops = self.ops
        unbatched = [name for name in self.graph.outputs if name not in self.axis]
        if unbatched:
            raise self._refusal(f"its output {unbatched[0]!r} does not depend on the input's batch")
        self.graph.notes = {key: value for key, value in self.graph.notes.items() if key not in ("options", "structure_bytes")}
        return verify(self.graph)

    def _refusal(self, why: str) -> ModelError:
        return ModelError(Problem(path=self.graph.name, what=f"this model cannot be batched: {why}; run it without batching"))

    def _input(self, tensor: Tensor) -> None:
        if not tensor.shape:
            return  # a number for all samples
        axis = 0
        if tensor.shape[0] != 1 and self._steps_first(tensor):
            axis = 1
        if tensor.shape[axis] != 1:
            raise self._refusal(f"the first extent of its input {tensor.name!r} {list(tensor.shape)} is not a batch of 1")
        self._batched(tensor.name, axis)

    def _steps_first(self, tensor: Tensor) -> bool:
        """Whether it goes as it is into layers that expect ``[steps, batch, features]``."""
        readers = [op for op in self.graph.ops if tensor.name in op.all_inputs]
        return len(tensor.shape) == 3 and bool(readers) and all(_STATE_AXIS.get(op.type) == 1 and op.inputs[0] == tensor.name for op in readers)

    def _batched(self, name: str, axis: int) -> None:
        tensor = self.graph.tensors[name]
        tensor.shape = (*tensor.shape[:axis], tensor.shape[axis] * self.size, *tensor.shape[axis + 1 :])
        self.axis[name] = axis

    def _op(self, op: Op) -> None:
        self._states(op)
        if not any(name in self.axis for name in op.all_inputs):
            self.ops.append(op)
            return
        rule = RULES.get(op.type)
        if rule is None:
            raise self._refusal(f"{op.name} ({op.type}) is not known to treat samples apart")
        place = Place(op, [self.old.get(name, ()) for name in op.inputs], [self.axis.get(name) for name in op.inputs], self.size, self.old[op.outputs[0]])
        try:
            found = rule(place)
        except Mixed as mixed:
            raise self._refusal(f"{op.name} ({op.type}) {mixed}") from None
        op.inputs = tuple(self._expanded(op, name, place.expand.get(position)) for position, name in enumerate(op.inputs))
        self.ops.append(op)
        for position, name in enumerate(op.outputs):
            axis = found[position] if position < len(found) else found[-1]
            if axis is not None:
                self._batched(name, axis)
            if position == 0 and place.keeps is not None:
                self._kept(name, place.keeps)
        self._check(op)
        self._fused(op)

    def _states(self, op: Op) -> None:
        for name in op.all_inputs:
            tensor = self.graph.tensors[name]
            if tensor.role != "state" or name in self.axis:
                continue
            axis = _STATE_AXIS.get(op.type)
            if axis is None or tensor.shape[axis] != 1:
                raise self._refusal(f"{op.name} ({op.type}) keeps {name!r} between runs, which is of one sample")
            self._batched(name, axis)

    def _expanded(self, op: Op, name: str, axis: int | None) -> str:
        """A value that is the same for all samples, copied for each of them."""
        if axis is None:
            return name
        if (name, axis) not in self.expanded:
            tensor = self.graph.tensors[name]
            shape = (*tensor.shape[:axis], self.size, *tensor.shape[axis + 1 :])
            copies = f"{name}/batch"
            self.graph.tensors[copies] = replace(tensor, name=copies, shape=shape, role="activation", load=None)
            self.ops.append(Op(f"{op.name}/expand", "Expand", (name,), (copies,), {"shape": shape}))
            self.expanded[name, axis] = copies
        return self.expanded[name, axis]

    def _kept(self, name: str, shape: tuple[int, ...]) -> None:
        """An axis that held one sample and was dropped has to stay."""
        if any(name in op.all_inputs for op in self.graph.ops):
            raise self._refusal(f"the axis of the batch is dropped where {name!r} is made")
        self.graph.tensors[name].shape, self.axis[name] = shape, shape.index(self.size)

    def _check(self, op: Op) -> None:
        infer = OPS[op.type].infer
        if infer is None:
            return
        inputs = [self.graph.tensors[name] if name else None for name in op.inputs]
        try:
            shapes = [shape for shape, _ in infer(op, inputs)]
        except ModelError as error:
            raise self._refusal(error.problems[0].what) from None
        for name, shape in zip(op.outputs, shapes, strict=False):
            if self.graph.tensors[name].shape != shape:
                raise self._refusal(f"{op.name} ({op.type}) makes {list(shape)} of a batch, not {list(self.graph.tensors[name].shape)}")

    def _fused(self, op: Op) -> None:
        """What is applied to the output: arithmetic with values that have the batch at the same place, or none."""
        out = op.outputs[0]
        for other in op.fused:
            names = [out if name == RUNNING else name for name in other.inputs]
            place = Place(other, [self.old.get(name, ()) for name in names], [self.axis.get(name) for name in names], self.size, self.old[out])
            try:
                axis_of_broadcast(place)
            except Mixed as mixed:
                raise self._refusal(f"{other.name} ({other.type}) {mixed}") from None
