"""Programs of a decoder's steps, compiled with three layers wherever these are shown to stand for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isclose

from sim.compiler.program import Program
from sim.compiler.repeated_layers import as_shortened, layers_of, shortened
from sim.compiler.step_costs import StepShape
from sim.compiler.step_pieces import StepPart, step_pieces
from sim.errors import EdgesimError
from sim.graph.ir import Graph

_LEAST = 5  # layers from which on a shortened decoder is worth while
_SAME = 1e-6  # relative: the shortened decoder's times, bytes and operations are the whole one's if they differ by less
_SHARES = (1.0, 0.3)  # of the bandwidth, at which times are compared


class ShortenedSteps:
    """``compile_step`` of :class:`StepCosts`: the first step of each kind is compiled whole and shortened, later ones shortened if the two agreed.

    Kinds are one request or several, one token or several. ``compile_graph`` gets the weights that a whole step reads on each unit, which
    decide what stays in caches and how units are used; a shortened graph has fewer of them.
    """

    def __init__(
        self,
        step_graph: Callable[[StepShape], Graph],
        compile_graph: Callable[[Graph, Mapping[str, float] | None], Program],
        bandwidth_bytes_per_s: float,
        highest_hz: Mapping[str, float],
    ) -> None:
        self._graph, self._compile, self._bandwidth, self._highest_hz = step_graph, compile_graph, bandwidth_bytes_per_s, highest_hz
        self._weights: dict[tuple[bool, bool], Mapping[str, float] | None] = {}  # by kind; None: the shortened one is not like the whole

    def __call__(self, shape: StepShape) -> Program:
        graph, kind = self._graph(shape), (shape.batch > 1, shape.tokens > 1)
        layers = layers_of(graph)
        if layers < _LEAST:
            return self._compile(graph, None)
        if kind not in self._weights:
            whole = self._compile(graph, None)
            self._weights[kind] = whole.weights_read if self._alike(graph, whole, layers) else None
            return whole
        weights = self._weights[kind]
        return self._compile(graph, None) if weights is None else as_shortened(self._compile(shortened(graph), weights), layers)

    def _alike(self, graph: Graph, whole: Program, layers: int) -> bool:
        try:
            short = as_shortened(self._compile(shortened(graph), whole.weights_read), layers)
        except EdgesimError:  # it refuses what the whole one may do
            return False
        ours, theirs = self._figures(whole), self._figures(short)
        return ours.keys() == theirs.keys() and all(isclose(ours[key], theirs[key], rel_tol=_SAME) for key in ours)

    def _figures(self, program: Program) -> dict[tuple[str, StepPart, str], float]:
        """All that a step is priced by, for each unit and part."""
        found: dict[tuple[str, StepPart, str], float] = {}
        for unit, pieces in step_pieces(program, self._bandwidth).items():
            for part, piece in zip(StepPart, pieces, strict=True):
                times = [seconds for share in _SHARES for seconds in piece.seconds(self._highest_hz[unit], share)]
                values = [*times, piece.dram_bytes, piece.events_j, *piece.macs, piece.cores]
                found |= {(unit, part, str(index)): value for index, value in enumerate(values)}
        return found
