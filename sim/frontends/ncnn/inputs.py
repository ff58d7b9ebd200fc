"""Sizes of a network's inputs: stated in the file, bound by the user, or known from the first layer that reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device_models.work import DType
from sim.errors import ModelError, Problem
from sim.frontends.limits import check_shape
from sim.frontends.ncnn.context import EXTENTS, KEYS, Context
from sim.frontends.ncnn.param import Layer, clean

Extent = int | str  # a number, or the name of what the user must bind
_CACHE_READERS = ("SDPA", "MultiHeadAttention")


class Inputs:
    """Declares Input layers. One without a size is entered when a layer reads it that says what it needs."""

    def __init__(self, ctx: Context, layers: list[Layer], shapes: Mapping[str, int]) -> None:
        self.ctx = ctx
        self.shapes = shapes
        self.used: set[str] = {"batch"} if shapes.get("batch") == 1 else set()
        self.open: dict[str, tuple[Layer, str]] = {}  # blob -> (its Input layer, the Input's blob)
        self.order: list[str] = []
        self.caches = _cache_blobs(layers)
        if self.caches:
            ctx.context = int(shapes.get("context", 0))
            self.used.add("context")

    def declare(self, layer: Layer) -> None:
        """An Input layer: enter it if its size is known."""
        stated = {name: layer.whole(key) for name, key in KEYS.items() if layer.whole(key)}
        for blob in layer.outputs:
            self.order.append(blob)
            if blob in self.caches:
                self.ctx.caches.add(blob)
                continue
            bound = self._bound(blob, stated)
            if bound:
                self._enter(layer, blob, bound)
            else:
                self.open[blob] = (layer, blob)

    def _bound(self, blob: str, stated: dict[str, int]) -> list[int]:
        """Its size, outermost first; empty if it has none."""
        sizes = dict(stated)
        if len(sizes) == 3:  # an image
            sizes |= self._taken({"h": "height", "w": "width"})
        sizes |= self._taken({name: f"{blob}.{name}" for name in KEYS})
        names = EXTENTS.get(len(sizes), ())
        if sizes and set(names) != set(sizes):
            raise ModelError(f"the size of {blob!r} has {', '.join(sizes)}; a blob has w, then h, then c, then d")
        return [sizes[name] for name in names]

    def _taken(self, keys: dict[str, str]) -> dict[str, int]:
        found = {name: int(self.shapes[key]) for name, key in keys.items() if key in self.shapes}
        self.used.update(keys[name] for name in found)
        return found

    def _enter(self, layer: Layer, blob: str, shape: list[int], dtype: DType = DType.F32) -> None:
        extents = check_shape(f"input {blob!r}", shape)
        if 0 in extents:
            raise layer.problem(f"input {blob!r} has shape {shape}")
        self.ctx.blobs[blob] = self.ctx.builder.input(clean(blob), (1, *extents), dtype)

    def share(self, layer: Layer) -> bool:
        """A fan-out of an input whose size is not known yet: its names stand for that input. True if it was one."""
        source = layer.inputs[0] if layer.inputs else ""
        if source not in self.open:
            return False
        root_layer, root = self.open[source]
        if root in self.ctx.blobs:
            self.ctx.blobs |= dict.fromkeys(layer.outputs, self.ctx.blobs[root])
        else:
            self.open |= dict.fromkeys(layer.outputs, (root_layer, root))
        return True

    def resolve(self, layer: Layer) -> None:
        """Enter the open inputs that this layer reads, with the size it needs."""
        for position, blob in enumerate(layer.inputs):
            if blob not in self.open or blob in self.ctx.blobs:
                continue
            input_layer, root = self.open[blob]
            if root not in self.ctx.blobs:
                wanted, dtype = self._wanted(layer, position, root)
                self._enter(input_layer, root, self._numbers(input_layer, root, wanted), dtype)
            self.ctx.blobs[blob] = self.ctx.blobs[root]

    def _wanted(self, layer: Layer, position: int, root: str) -> tuple[list[Extent], DType]:
        rule = _RULES.get(layer.type)
        known = [self.ctx.shape(self.ctx.blobs[blob]) if blob in self.ctx.blobs else () for blob in layer.inputs]
        wanted = rule(layer, position, known, self.ctx.context) if rule else None
        if not wanted or any(isinstance(extent, int) and extent < 1 for extent in wanted):
            bind = ", ".join(f"{root}.{name}: ..." for name in EXTENTS[3][::-1])
            raise layer.problem(f"input {root!r} has no size in the file, and this layer does not tell it; bind shapes: {{{bind}}}")
        return wanted, DType.I32 if layer.type == "Embed" else DType.F32

    def _numbers(self, layer: Layer, root: str, wanted: list[Extent]) -> list[int]:
        missing = [extent for extent in wanted if isinstance(extent, str) and extent not in self.shapes]
        if missing:
            names = ", ".join(f"{name}: ..." for name in missing)
            raise layer.problem(f"input {root!r} has no size in the file; bind shapes: {{{names}}}")
        self.used.update(extent for extent in wanted if isinstance(extent, str))
        return [int(self.shapes[extent]) if isinstance(extent, str) else extent for extent in wanted]

    def in_order(self) -> list[str]:
        """The graph's inputs in the order of the file."""
        return [self.ctx.blobs[blob] for blob in self.order if blob in self.ctx.blobs]

    def check_all_used(self) -> None:
        unused = sorted(set(self.shapes) - self.used)
        if unused:
            what = f"its inputs: {', '.join(blob for blob in self.order if blob not in self.caches)}"
            raise ModelError([Problem(path=f"shapes.{key}", what=f"the network has no such open size; {what}") for key in unused])


def _cache_blobs(layers: list[Layer]) -> set[str]:
    """Blobs of Input layers that attention layers read as caches, directly or through Split layers."""
    root: dict[str, str] = {}  # blob that a Split or an Input makes -> the Input's blob
    found = set()
    for layer in layers:  # in an order in which they can run
        if layer.type == "Input":
            root |= {blob: blob for blob in layer.outputs}
        elif layer.type == "Split" and layer.inputs and layer.inputs[0] in root:
            root |= dict.fromkeys(layer.outputs, root[layer.inputs[0]])
        elif layer.type in _CACHE_READERS and layer.whole(7):
            found |= {root[blob] for blob in layer.inputs[-2:] if blob in root}
    return found


Rule = Callable[[Layer, int, list[tuple[int, ...]], int], "list[Extent] | None"]


def _image(layer: Layer, position: int, known: list[tuple[int, ...]], context: int) -> list[Extent] | None:
    kernel = layer.count(1) * layer.count(11, layer.count(1))
    return [layer.count(6) // (layer.count(0) * kernel), "height", "width"]


def _rows(*keys: int) -> Rule:
    """A matrix of ``sequence`` rows whose width is a parameter: the first one that is there."""
    return lambda layer, position, known, context: ["sequence", next((layer.whole(key) for key in keys if layer.whole(key)), 0)]


def _recurrent(gates: int) -> Rule:
    return lambda layer, position, known, context: ["sequence", layer.count(1) // (gates * layer.count(3, layer.count(0)) * (2 if layer.whole(2) == 2 else 1))]


def _rotary(layer: Layer, position: int, known: list[tuple[int, ...]], context: int) -> list[Extent] | None:
    return [known[0][-2], known[0][-1] // 2] if position in (1, 2) and len(known[0]) > 1 else None


def _mask(layer: Layer, position: int, known: list[tuple[int, ...]], context: int) -> list[Extent] | None:
    return [known[0][1], context + known[1][1]] if position == 3 and len(known[0]) == len(known[1]) == 3 else None


def _like_other(layer: Layer, position: int, known: list[tuple[int, ...]], context: int) -> list[Extent] | None:
    other: list[Extent] = list(next((shape for shape in known if shape), ()))
    return other or None


_RULES: dict[str, Rule] = {
    "Convolution": _image,
    "RMSNorm": _rows(0),
    "LayerNorm": _rows(0),
    "Gemm": _rows(9),
    "MultiHeadAttention": _rows(3, 0),
    "Embed": lambda layer, position, known, context: ["sequence"],
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
    "RotaryEmbed": _rotary,
    "SDPA": _mask,
    "BinaryOp": _like_other,
    "InnerProduct": lambda layer, position, known, context: [layer.count(2) // layer.count(0)],
}
