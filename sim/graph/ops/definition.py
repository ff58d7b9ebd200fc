"""What every operator type must define, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from device_models.work import DType, Kind
from sim.errors import ModelError
from sim.graph.ir import Op, Tensor
from sim.registry import Registry

Shape = tuple[int, ...]
TensorType = tuple[Shape, DType]
Infer = Callable[[Op, Sequence[Tensor | None]], list[TensorType]]
WorkOf = Callable[[Op, Sequence[Tensor | None], Sequence[Tensor]], dict[str, Any]]


@dataclass(frozen=True)
class OpDef:
    """An operator type.

    ``infer``: output shapes and formats from the inputs (raises ModelError when they do not fit); None: the importer states them.
    ``work``: the fields of :class:`device_models.work.KernelWork` peculiar to it (kind, MACs, geometry, exp_elements);
    element and byte counts are filled in for all. ``view``: only renames memory, no kernel. ``elementwise``: output i depends
    on inputs i alone, so it can be fused as an epilogue and run in place. ``overwrites``: so many outputs are its first inputs, written over
    (a cache, trained weights).
    """

    name: str
    infer: Infer | None
    work: WorkOf
    view: bool = False
    elementwise: bool = False
    overwrites: int = 0


OPS: Registry[OpDef] = Registry("operator")


def define(name: str, infer: Infer | None, work: WorkOf | Kind, *, view: bool = False, elementwise: bool = False, overwrites: int = 0) -> None:
    """Add an operator type; ``work`` may be just its kernel kind."""
    work_of: WorkOf = (lambda op, inputs, outputs: {"kind": work}) if isinstance(work, Kind) else work
    OPS.register(name)(OpDef(name, infer, work_of, view, elementwise, overwrites))


def need(op: Op, inputs: Sequence[Tensor | None], index: int) -> Tensor:
    """Input ``index``, which must be there."""
    tensor = inputs[index] if index < len(inputs) else None
    if tensor is None:
        raise ModelError(f"{op.name}: {op.type} needs at least {index + 1} inputs")
    return tensor


def refuse(op: Op, why: str) -> ModelError:
    """The error for operands that do not fit."""
    return ModelError(f"{op.name}: {op.type} {why}")


def as_tuple(value: Any, length: int) -> tuple[int, ...]:
    """An attribute given as one number or one per dimension."""
    return (int(value),) * length if isinstance(value, int) else tuple(int(part) for part in value)


def axis_of(op: Op, rank: int, default: int, key: str = "axis") -> int:
    """The axis attribute, counted from 0."""
    axis = int(op.attributes.get(key, default))
    if not -rank <= axis < max(rank, 1):
        raise refuse(op, f"has {key} {axis} for a tensor of {rank} dimensions")
    return axis % rank if rank else 0


def same_as_first(op: Op, inputs: Sequence[Tensor | None]) -> list[TensorType]:
    """Output like the first input."""
    first = need(op, inputs, 0)
    return [(first.shape, first.dtype)]
