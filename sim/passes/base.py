"""What a pass is: a Graph -> Graph rewriting with options, whose contract is checked every time it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from sim.errors import EdgesimError, ModelError
from sim.graph.ir import Graph
from sim.graph.verify import verify
from sim.registry import Registry, near_names


@dataclass(frozen=True)
class Pass(ABC):
    """A rewriting of graphs; its options are its dataclass fields.

    Calling a pass gives a new, verified graph and leaves the given one alone. A pass that declares nothing keeps names and
    shapes of the graph's inputs and outputs; ``retypes_interface`` lets it change their number formats.
    """

    name: ClassVar[str] = ""
    retypes_interface: ClassVar[bool] = False

    @abstractmethod
    def apply(self, graph: Graph) -> None:
        """Rewrite ``graph``, which nobody else holds, in place."""

    def __call__(self, graph: Graph) -> Graph:
        """The rewritten graph. Raises ModelError where the graph is refused, RuntimeError where the pass broke its contract."""
        result = graph.copy()
        self.apply(result)
        result.drop_unused_tensors()
        try:
            verify(result)
        except ModelError as error:
            raise RuntimeError(f"pass {self} broke the graph {graph.name!r}: {error}") from error
        if not _interfaces_agree(graph, result, not self.retypes_interface):
            raise RuntimeError(f"pass {self} changed the inputs or outputs of {graph.name!r}")
        return result

    def __str__(self) -> str:
        """Such as ``fuse_epilogue{residual=false}``: options that differ from their defaults."""
        options = [f"{field.name}={_shown(getattr(self, field.name))}" for field in fields(self) if getattr(self, field.name) != field.default]
        return self.name + ("{" + ", ".join(options) + "}" if options else "")


PASSES: Registry[type[Pass]] = Registry("pass")


def run_passes(graph: Graph, steps: Sequence[Pass]) -> Graph:
    """What calling each pass on what the one before it left gives, with a single copy and check of the graph.

    Raises what calling them in turn raises.
    """
    result = graph.copy()
    try:
        for step in steps:
            step.apply(result)
            result.drop_unused_tensors()
        verify(result)
        if _interfaces_agree(graph, result, not any(step.retypes_interface for step in steps)):
            return result
    except Exception:  # whatever it was, a pass that broke the graph may be behind it: in turn they show which
        pass
    for step in steps:
        graph = step(graph)
    return graph


def make_pass(name: str, options: dict[str, Any] | None = None) -> Pass:
    """The pass ``name`` with these options. Raises EdgesimError for an unknown pass or option."""
    kind = PASSES[name]
    known = [field.name for field in fields(kind)]
    for option in options or {}:
        if option not in known:
            raise EdgesimError(f"pass {name!r} has no option {option!r}; {near_names(option, known)}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in (options or {}).items()})


def _interfaces_agree(one: Graph, other: Graph, with_format: bool) -> bool:
    return _interface(one, with_format) == _interface(other, with_format)


def _interface(graph: Graph, with_format: bool) -> list[tuple[Any, ...]]:
    tensors = [graph.tensors[name] for name in (*graph.inputs, *graph.outputs)]
    return [(tensor.name, tensor.shape, tensor.dtype if with_format else None) for tensor in tensors]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_shown(part) for part in value) + "]"
    return str(value)
