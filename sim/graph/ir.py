"""The operator graph: tensors, operators, and the graph that holds them in topological order.

Conventions, the same whatever file a model came from:

- Weights of ``Conv`` are ``[out, in / groups, *kernel]``, of ``ConvTranspose`` ``[in, out / groups, *kernel]``, of ``Dense`` ``[out, in]``.
- Spatial operators have an attribute ``layout``: ``"NCHW"`` (default; any number of spatial dimensions) or ``"NHWC"``.
- Axes count from 0; shapes are concrete; a scalar has shape ``()``.
- An operator may carry ``fused`` operators, applied to its output in order; ``RUNNING`` stands for the value so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from device_models.work import DTYPE_BITS, DType
from sim.errors import ModelError

if TYPE_CHECKING:
    import networkx
    import numpy as np

Role = Literal["input", "weight", "constant", "activation", "state"]
RUNNING = "@"  # in a fused operator's inputs: the value computed so far


@dataclass(frozen=True, slots=True)
class Quantization:
    """Affine quantization: ``real = scale * (stored - zero_point)``, per tensor (``axis`` None) or per slice of ``axis``.

    ``unsigned``: the stored integers count from 0, which matters where they are written or run, not for their cost.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...] = (0,)
    axis: int | None = None
    unsigned: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Sparsity:
    """Share ``ratio`` of a stored tensor is zero: single elements, whole blocks of ``block`` (rows, columns), or two of every four neighbours."""

    ratio: float
    structure: Literal["element", "block", "2:4"] = "element"
    block: tuple[int, int] = (1, 1)


@dataclass(slots=True)
class Tensor:
    """A value. ``weight``: trained parameters; ``constant``: other stored data (indices, statistics); ``state``: kept between runs (KV cache).

    ``load`` returns stored values when somebody needs them; large ones are not kept in memory. ``group_bits``: bits an element that
    the scales of its groups add to its format (0.5 where 32 weights share one of 16 bits). ``sparsity``: which part is zero;
    ``clusters``: how many different values there are, 0 if not known (both matter where a file or a unit makes use of them).
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType = DType.F32
    role: Role = "activation"
    quantization: Quantization | None = None
    load: Callable[[], np.ndarray] | None = field(default=None, repr=False, compare=False)
    group_bits: float = 0.0
    sparsity: Sparsity | None = None
    clusters: int = 0

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> float:
        return self.elements * (float(DTYPE_BITS[self.dtype]) + self.group_bits) / 8

    @property
    def is_stored(self) -> bool:
        """Part of the model file."""
        return self.role in ("weight", "constant")


@dataclass(slots=True)
class Op:
    """An operator. ``inputs`` may hold ``""`` for an absent optional input."""

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    fused: tuple[Op, ...] = ()

    @property
    def all_inputs(self) -> tuple[str, ...]:
        """Names of every tensor it reads, fused operators included."""
        names = [name for name in self.inputs if name]
        if not self.fused:
            return tuple(names)
        names += [name for op in self.fused for name in op.inputs if name and name != RUNNING]
        return tuple(names)

    @property
    def label(self) -> str:
        """Such as ``Conv+Relu6``."""
        return "+".join([self.type, *(op.type for op in self.fused)])


@dataclass(slots=True)
class Graph:
    """Operators in topological order over named tensors. Changed only by passes; check it with :func:`sim.graph.verify.verify`."""

    name: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)  # where it came from: source file, opset, warnings, published accuracy

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    def producers(self) -> dict[str, Op]:
        """Tensor name -> the operator that makes it."""
        return {name: op for op in self.ops for name in op.outputs}

    def consumers(self) -> dict[str, list[Op]]:
        """Tensor name -> the operators that read it, in order."""
        table: dict[str, list[Op]] = {name: [] for name in self.tensors}
        for op in self.ops:
            for name in dict.fromkeys(op.all_inputs):
                table[name].append(op)
        return table

    def parameters(self) -> int:
        """Number of trained parameters (every stored weight once)."""
        return sum(tensor.elements for tensor in self.tensors.values() if tensor.role == "weight")

    def stored_bytes(self) -> float:
        """Bytes of everything stored with the model."""
        return sum(tensor.bytes for tensor in self.tensors.values() if tensor.is_stored)

    def copy(self) -> Graph:
        """A copy whose tensors and operators may be changed without touching this graph's."""
        return Graph(
            self.name,
            list(self.inputs),
            list(self.outputs),
            {name: _copy_tensor(tensor) for name, tensor in self.tensors.items()},
            [_copy_op(op) for op in self.ops],
            dict(self.notes),
        )

    def drop_unused_tensors(self) -> None:
        """Forget tensors that no operator, input or output names."""
        used = {*self.inputs, *self.outputs}
        for op in self.ops:
            used.update(op.all_inputs, op.outputs)
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name in used}

    def sort(self) -> None:
        """Order the operators topologically, keeping the given order where it is one. Raises ModelError on a cycle."""
        waiting = list(self.ops)
        made = {name for name, tensor in self.tensors.items() if tensor.role != "activation"}
        done: list[Op] = []
        produced = {name for op in waiting for name in op.outputs}
        while waiting:
            later: list[Op] = []
            for op in waiting:
                if all(name in made or name not in produced for name in op.all_inputs):
                    done.append(op)
                    made.update(op.outputs)
                else:
                    later.append(op)
            if len(later) == len(waiting):
                raise ModelError(f"{self.name}: operators {', '.join(op.name for op in later[:5])} depend on each other in a cycle")
            waiting = later
        self.ops = done

    def to_networkx(self) -> networkx.DiGraph[str]:
        """Operators as nodes (attributes type, label), tensors between them as edges (attributes tensor, bytes)."""
        import networkx as nx

        view: networkx.DiGraph[str] = nx.DiGraph(name=self.name)
        for op in self.ops:
            view.add_node(op.name, type=op.type, label=op.label)
        makers = self.producers()
        for op in self.ops:
            for name in op.all_inputs:
                if name in makers:
                    view.add_edge(makers[name].name, op.name, tensor=name, bytes=self.tensors[name].bytes)
        return view


def _copy_tensor(tensor: Tensor) -> Tensor:
    """As ``dataclasses.replace`` does it, in a third of its time."""
    copied = Tensor.__new__(Tensor)
    for name in Tensor.__slots__:
        setattr(copied, name, getattr(tensor, name))
    return copied


def _copy_op(op: Op) -> Op:
    return Op(op.name, op.type, op.inputs, op.outputs, dict(op.attributes), tuple(_copy_op(other) for other in op.fused))
