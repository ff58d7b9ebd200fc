"""The inputs of a network, and what its open extents are bound to."""

from __future__ import annotations

from sim.errors import ModelError, Problem
from sim.frontends.limits import MAX_RANK, check_shape
from sim.frontends.openvino.elements import dtype_named
from sim.frontends.openvino.node import State
from sim.frontends.openvino.xml_reader import Layer, extent_of
from sim.registry import near_names

_AXIS_NAMES = {4: ("batch", "channels", "height", "width"), 3: ("batch", "sequence", "features"), 2: ("batch", "sequence"), 1: ("batch",)}


class Inputs:
    """Declares the Parameters with concrete shapes."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.open: dict[str, str] = {}  # what nobody bound -> where it stands
        self.bindable: set[str] = set()
        wrong = [name for name, extent in state.shapes.items() if isinstance(extent, bool) or not isinstance(extent, int) or extent < 0]
        if wrong:
            raise ModelError([Problem(path=f"shapes.{name}", what="dimensions are whole numbers of at least 0") for name in wrong])

    def declare(self, layers: list[Layer], has_variables: bool) -> None:
        """ModelError lists every extent that nobody bound."""
        found = [(layer, self._shape(layer, has_variables)) for layer in layers]
        if self.open:
            example = ", ".join(f"{name}: ..." for name in self.open)
            raise ModelError(
                [
                    Problem(path="shapes", what=f"{where} is open; bind it, for example with shapes: {{{example}}}")
                    for where in dict.fromkeys(self.open.values())
                ]
            )
        for layer, shape in found:
            what = layer.data.get("element_type", "") or (layer.outputs[0].precision if layer.outputs else "")
            if not layer.outputs:
                raise ModelError(f"{layer.label} has no output")
            name = self.state.builder.input(_name(layer), check_shape(layer.label, shape), dtype_named(what, layer.label))
            self.state.values[layer.id, layer.outputs[0].id] = name

    def check_all_used(self) -> None:
        """A binding that nothing asked for is a mistake."""
        unused = [name for name in self.state.shapes if name not in self.state.used]
        if unused:
            known = near_names(unused[0], self.bindable) if self.bindable else "the file fixes all extents"
            raise ModelError([Problem(path=f"shapes.{name}", what=f"no input has such an open extent; {known}") for name in unused])

    def _shape(self, layer: Layer, has_variables: bool) -> list[int]:
        text = layer.data.get("shape", "")
        if "..." in text:
            raise ModelError(f"{layer.label} leaves its number of dimensions open; reshape the model before saving it")
        stated = [extent_of(part, layer.label) for part in text.split(",")[: MAX_RANK + 1] if part.strip()]
        return [extent if extent != -1 else self._bound(layer, stated, axis, has_variables) for axis, extent in enumerate(stated)]

    def _bound(self, layer: Layer, stated: list[int], axis: int, has_variables: bool) -> int:
        names = _AXIS_NAMES.get(len(stated), ("batch",))
        if len(stated) == 4 and 0 < stated[3] <= 4 and not 0 < stated[1] <= 4:  # channels last
            names = ("batch", "height", "width", "channels")
        own = [f"{_name(layer)}.{axis}", *([names[axis]] if axis < len(names) else [])]
        self.bindable.update(own)
        shapes, used = self.state.shapes, self.state.used
        if has_variables and axis == 1 and _name(layer) == "attention_mask" and own[0] not in shapes and "sequence" in shapes:
            used |= {"sequence", "context"}  # it covers the positions of earlier runs too
            self.bindable.add("context")
            return shapes["sequence"] + shapes.get("context", 0)
        for name in own:
            if name in shapes:
                used.add(name)
                return shapes[name]
        self.open.setdefault(own[-1], f"dimension {axis} of input {_name(layer)!r}")
        return 0


def _name(layer: Layer) -> str:
    """The first name of its output, else the layer's."""
    names = layer.outputs[0].names if layer.outputs else ""
    return names.replace("\\,", "\0").split(",")[0].replace("\0", ",").strip() or layer.name
