"""What the handlers of single layers work with. A blob of d dimensions is a tensor of d + 1: a batch of 1 stands in front.

ncnn counts dimensions from the innermost (w, h, d, c); shapes here are written from the outermost, as everywhere in a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from device_models.work import DType
from sim.errors import ModelError
from sim.frontends.limits import check_shape
from sim.frontends.ncnn.param import Layer
from sim.graph.builder import GraphBuilder
from sim.graph.ir import Role

Shape = tuple[int, ...]
EXTENTS: dict[int, tuple[str, ...]] = {1: ("w",), 2: ("h", "w"), 3: ("c", "h", "w"), 4: ("c", "d", "h", "w")}
KEYS = {"w": 0, "h": 1, "d": 11, "c": 2}  # parameter ids of Input, MemoryData, Reshape


class Context:
    """The import of one file: blobs by name, and the graph under construction."""

    def __init__(self, name: str) -> None:
        self.builder = GraphBuilder(name)
        self.blobs: dict[str, str] = {}  # blob -> tensor
        self.caches: set[str] = set()  # blobs of key and value caches, entered by the layer that uses them
        self.context = 0  # positions already in the caches
        self.warnings: list[str] = []
        self.aside: set[str] = set()  # blobs that nobody reads and that are no outputs: updated caches

    # --- reading ------------------------------------------------------------------------------------------------

    def x(self, layer: Layer, position: int = 0) -> str:
        """The tensor of an input blob."""
        if position >= len(layer.inputs):
            raise layer.problem(f"needs at least {position + 1} inputs")
        blob = layer.inputs[position]
        if blob not in self.blobs:
            raise layer.problem(f"cannot read the key or value cache {blob!r}")
        return self.blobs[blob]

    def shape(self, name: str) -> Shape:
        """Of the tensor, the batch left out: the blob's dimensions, outermost first."""
        return self.builder.shape(name)[1:]

    def dtype(self, name: str) -> DType:
        return self.builder.graph.tensors[name].dtype

    # --- adding -------------------------------------------------------------------------------------------------

    def weight(self, layer: Layer, suffix: str, shape: Sequence[int], dtype: DType = DType.F32, role: Role = "weight") -> str:
        """Trained parameters (the values are in the .bin file, which is not needed)."""
        return self.builder.tensor(f"{layer.label}.{suffix}", check_shape(f"{layer.name}: {suffix}", shape), dtype, role)

    def add(
        self,
        layer: Layer,
        type: str,
        inputs: Sequence[str],
        attributes: dict[str, Any] | None = None,
        *,
        suffix: str = "",
        outputs: int = 1,
        shapes: Sequence[Shape] | None = None,
    ) -> list[str]:
        """Add an operator named for the layer; returns its outputs. ``shapes``: of blobs (without the batch), where they cannot be inferred."""
        given = None if shapes is None else [((1, *shape), self.dtype(inputs[0]) if inputs else DType.F32) for shape in shapes]
        name = layer.label + (f"/{suffix}" if suffix else "")
        made = self.builder.add_many(type, inputs, attributes, name=name, outputs=outputs, shapes=given)
        for tensor in made:
            check_shape(layer.name, self.builder.shape(tensor))
        return made

    def one(self, layer: Layer, type: str, inputs: Sequence[str], attributes: dict[str, Any] | None = None, **options: Any) -> str:
        """Like :meth:`add`, for operators with one output."""
        return self.add(layer, type, inputs, attributes, **options)[0]

    def view(self, layer: Layer, name: str, shape: Sequence[int], suffix: str = "view") -> str:
        """The blob under another shape, itself if it has that shape already."""
        if self.shape(name) == tuple(shape):
            return name
        if prod(self.shape(name)) != prod(shape) or any(extent < 0 for extent in shape):
            raise layer.problem(f"cannot view a blob of shape {list(self.shape(name))} as {list(shape)}")
        return self.one(layer, "Reshape", [name], {"shape": [1, *shape], "allowzero": True}, suffix=suffix)

    def bind(self, layer: Layer, *tensors: str) -> None:
        """These tensors are the layer's outputs, in order."""
        if len(tensors) < len(layer.outputs):
            raise layer.problem(f"has {len(layer.outputs)} outputs, it makes {len(tensors)}")
        for blob, tensor in zip(layer.outputs, tensors, strict=False):
            self.blobs[blob] = tensor

    def axis(self, layer: Layer, axis: int, dims: int) -> int:
        """An axis of a blob as an axis of its tensor."""
        if not -dims <= axis < dims:
            raise layer.problem(f"axis {axis} of a blob of {dims} dimensions")
        return axis % dims + 1

    def activated(self, layer: Layer, name: str, kind: int, values: Sequence[float]) -> str:
        """The fused activation as an operator of its own."""
        if kind == 0:
            return name
        if kind not in _ACTIVATIONS:
            raise layer.problem(f"unknown activation type {kind}")
        type, keys = _ACTIVATIONS[kind]
        return self.one(layer, type, [name], dict(zip(keys, values, strict=False)), suffix=type)


_ACTIVATIONS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("Relu", ()), 2: ("LeakyRelu", ("alpha",)), 3: ("Clip", ("min", "max")), 4: ("Sigmoid", ()), 5: ("Mish", ()), 6: ("HardSwish", ("alpha", "beta")),
}  # fmt: skip


def attempt(layer: Layer, work: Callable[[], None]) -> None:
    """Run a handler; what it stumbles over is a problem of the layer."""
    try:
        work()
    except ModelError as error:
        if any(problem.line for problem in error.problems):
            raise
        raise layer.problem("; ".join(problem.what for problem in error.problems)) from error
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise layer.problem(f"its parameters do not fit ({type(error).__name__}: {error})") from error
