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

    Kinds are one request or several, one token or several. ``compile_graph`` gets the weights that a whole step reads on each unit beyond
    those of the graph: all of them decide what stays in caches and how units are used.
    """

    def __init__(
        self,
        step_graph: Callable[[StepShape], Graph],
        compile_graph: Callable[[Graph, Mapping[str, float] | None], Program],
        bandwidth_bytes_per_s: float,
        highest_hz: Mapping[str, float],
    ) -> None:
        self._graph, self._compile, self._bandwidth, self._highest_hz = step_graph, compile_graph, bandwidth_bytes_per_s, highest_hz
        self._elsewhere: dict[tuple[bool, bool], dict[str, float] | None] = {}  # by kind; None: the shortened one is not like the whole

    def __call__(self, shape: StepShape) -> Program:
        graph, kind = self._graph(shape), (shape.batch > 1, shape.tokens > 1)
        layers = layers_of(graph)
        if layers < _LEAST:
            return self._compile(graph, None)
        if kind not in self._elsewhere:
            whole = self._compile(graph, None)
            self._elsewhere[kind] = self._left_out(graph, whole, layers)
            return whole
        elsewhere = self._elsewhere[kind]
        return self._compile(graph, None) if elsewhere is None else as_shortened(self._compile(shortened(graph), elsewhere), layers)

    def _left_out(self, graph: Graph, whole: Program, layers: int) -> dict[str, float] | None:
        """Weights that the shortened graph lacks, by unit; None if it is not like the whole one."""
        short = shortened(graph)
        try:
            own = self._compile(short, None).weights_read
            elsewhere = {unit: read - own.get(unit, 0.0) for unit, read in whole.weights_read.items()}
            ours, theirs = self._figures(whole), self._figures(as_shortened(self._compile(short, elsewhere), layers))
        except EdgesimError:  # the short one is refused what the whole one may do
            return None
        alike = ours.keys() == theirs.keys() and all(isclose(ours[key], theirs[key], rel_tol=_SAME) for key in ours)
        return elsewhere if alike else None

    def _figures(self, program: Program) -> dict[tuple[str, StepPart, str], float]:
        """All that a step is priced by, for each unit and part."""
        found: dict[tuple[str, StepPart, str], float] = {}
        for unit, pieces in step_pieces(program, self._bandwidth).items():
            for part, piece in zip(StepPart, pieces, strict=True):
                times = [seconds for share in _SHARES for seconds in piece.seconds(self._highest_hz[unit], share)]
                values = [*times, piece.dram_bytes, piece.events_j, *piece.macs, piece.cores]
                found |= {(unit, part, str(index)): value for index, value in enumerate(values)}
        return found
