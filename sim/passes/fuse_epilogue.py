"""Fuse what follows a kernel elementwise into its output loop: bias, activation, residual addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import RUNNING, Graph, Op
from sim.passes.base import PASSES, Pass
from sim.passes.edit import Uses

CONVOLUTIONS = ("Conv", "ConvTranspose")
PRODUCTS = ("Dense", "MatMul")
CLAMPS = ("Relu", "Relu6", "ReluN1To1", "Clip")
INTEGERS = (DType.I8, DType.I16, DType.I4)


@PASSES.register("fuse_epilogue")
@dataclass(frozen=True)
class FuseEpilogue(Pass):
    """Move activations and additions into the operator that makes their input, as far as the runtime does so.

    ``hosts``: operators that take epilogues; ``activations``: operators without further inputs that are taken in;
    ``bias``: addition of a stored vector becomes the host's bias or a fused addition; ``residual``: addition of
    another activation is taken in; ``residual_hosts``: the operators that do so. Where the result is an integer only clamps are
    taken in, as they vanish into the range of the integers; with ``integer`` whatever is taken in for floats.
    ``chain``: code generators take in any number of activations and of the operators ``arithmetic``, in any order, whatever else those
    read (rule of Chen et al., TVM, OSDI 2018, section 3: what is injective joins a kernel whose output allows it).
    """

    name = "fuse_epilogue"
    hosts: tuple[str, ...] = (*CONVOLUTIONS, *PRODUCTS, "Add")
    activations: tuple[str, ...] = CLAMPS
    bias: bool = True
    residual: bool = False
    residual_hosts: tuple[str, ...] = CONVOLUTIONS
    integer: bool = False
    chain: bool = False
    arithmetic: tuple[str, ...] = ()

    def apply(self, graph: Graph) -> None:
        uses = Uses(graph)
        position = {op.name: index for index, op in enumerate(graph.ops)}
        gone: set[str] = set()
        for host in graph.ops:
            if host.type not in self.hosts or host.name in gone or len(host.outputs) != 1:
                continue
            taken: list[Op] = []
            while (follower := self._follower(graph, uses, host, position)) is not None:
                self._absorb(graph, uses, host, follower)
                gone.add(follower.name)
                taken.append(follower)
            if taken:  # a residual operand may be made after the host: run where the last fused operator ran
                position[host.name] = position[taken[-1].name]
        graph.ops = sorted((op for op in graph.ops if op.name not in gone), key=lambda op: position[op.name])

    def _follower(self, graph: Graph, uses: Uses, host: Op, position: dict[str, int]) -> Op | None:
        """The operator that may be taken in next, if there is one."""
        result = host.outputs[0]
        follower = uses.sole_reader(result)
        if follower is None or len(follower.outputs) != 1 or follower.fused:
            return None
        made = graph.tensors[follower.outputs[0]]
        if made.shape != graph.tensors[result].shape or made.dtype != graph.tensors[result].dtype:
            return None
        if made.dtype in INTEGERS and not self.integer and not _vanishes_in_integers(graph, follower, result):
            return None
        if follower.type in self.arithmetic and self.chain:
            return follower if self._operands_fit(graph, host, follower, result) else None
        activated = not self.chain and any(op.type in self.activations for op in host.fused)
        if follower.type in self.activations and len(follower.all_inputs) >= 1:
            return follower if not activated and self._only_first(graph, follower, result) else None
        if follower.type == "Add" and not activated:
            return follower if self._addition_fits(graph, host, follower, result) else None
        return None

    def _only_first(self, graph: Graph, follower: Op, result: str) -> bool:
        """Activations read the value once, and besides it only stored data (PRelu's slope)."""
        others = [name for name in follower.inputs if name and name != result]
        return follower.inputs.count(result) == 1 and all(graph.tensors[name].is_stored for name in others)

    def _operands_fit(self, graph: Graph, host: Op, follower: Op, result: str) -> bool:
        """The other operand is not made from the host's result, which would not be there yet: nobody else reads that."""
        others = [name for name in follower.all_inputs if name != result]
        return follower.inputs.count(result) == 1 and len(others) == 1

    def _addition_fits(self, graph: Graph, host: Op, add: Op, result: str) -> bool:
        others = [name for name in add.inputs if name != result]
        if len(others) != 1 or add.inputs.count(result) != 1:
            return False
        if graph.tensors[others[0]].is_stored:
            return self.bias and host.type in (*CONVOLUTIONS, *PRODUCTS)
        same_shape = graph.tensors[others[0]].shape == graph.tensors[result].shape
        already = any(_reads_activation(graph, op) for op in host.fused)
        return self.residual and host.type in self.residual_hosts and same_shape and not already

    def _absorb(self, graph: Graph, uses: Uses, host: Op, follower: Op) -> None:
        result = host.outputs[0]
        operand = next((name for name in follower.inputs if name != result), None)
        if follower.type == "Add" and operand is not None and _is_plain_bias(graph, host, operand):
            host.inputs = (*host.inputs[:2], operand, *host.inputs[3:])
        else:
            inputs = tuple(RUNNING if name == result else name for name in follower.inputs)
            host.fused = (*host.fused, Op(follower.name, follower.type, inputs, (), dict(follower.attributes)))
        host.outputs = follower.outputs
        _move_readers(uses, follower, host)


def _vanishes_in_integers(graph: Graph, follower: Op, result: str) -> bool:
    """Clamps, and additions of stored numbers: integer kernels have a bias and a range."""
    others = [name for name in follower.inputs if name and name != result]
    return follower.type in CLAMPS or (follower.type == "Add" and all(graph.tensors[name].is_stored for name in others))


def _reads_activation(graph: Graph, op: Op) -> bool:
    return any(name != RUNNING and name and not graph.tensors[name].is_stored for name in op.inputs)


def _is_plain_bias(graph: Graph, host: Op, operand: str) -> bool:
    """One stored number per output channel, and the host has no bias yet."""
    if host.fused or host.type not in (*CONVOLUTIONS, "Dense") or (len(host.inputs) > 2 and host.inputs[2]):
        return False
    shape, channels = graph.tensors[operand].shape, graph.tensors[host.inputs[1]].shape[0]
    return host.type == "Dense" and _squeezed(shape) == (channels,) and shape[-1:] == (channels,) and len(shape) == 1


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(extent for extent in shape if extent != 1) or (1,)


def _move_readers(uses: Uses, gone: Op, host: Op) -> None:
    """Whatever ``gone`` read is now read by ``host``, and ``host`` makes what ``gone`` made."""
    for name in gone.all_inputs:
        uses.readers[name] = [host if op.name == gone.name else op for op in uses.readers.get(name, [])]
    for name in gone.outputs:
        uses.maker[name] = host
