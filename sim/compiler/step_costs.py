"""Costs of a decoder's steps - tokens of several requests with any contexts - from a few compiled graphs.

Attention and the traffic of the cache are affine in the context, all else does not depend on it. So the times of graphs compiled at a few
contexts are interpolated, at each clock and share of the bandwidth: between contexts that a third one in the middle proves to be near enough
to a line. A batch whose requests have different contexts costs what it would with their mean. Numbers of requests and of tokens that are
computed at once are compiled exactly up to eight, beyond that at two per octave, with lines between them: attention over the pairs of tokens it
joins, the rest over tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.compiler.program import Program
from sim.compiler.step_pieces import StepPart, StepPiece, step_pieces

_NEAR = 2e-3  # relative: a line between two contexts is near enough if it misses the middle by less
_FIRST_EDGE = 512  # contexts up to here are one stretch, then each doubling
_DEEPEST = 4  # halvings of a stretch
_EXACT = 8  # tokens or requests at once that are always compiled as they are


@dataclass(frozen=True)
class StepShape:
    """``tokens`` of each of ``batch`` requests at once, each with ``context`` tokens in its cache before."""

    batch: int
    tokens: int
    context: int


@dataclass(frozen=True, eq=False)
class StepTerm:
    """``weight[rows]`` times pieces compiled at the contexts ``knots``, interpolated at ``contexts[rows]``."""

    weight: np.ndarray
    knots: np.ndarray
    pieces: tuple[StepPiece, ...]
    contexts: np.ndarray

    def at_rows(self, values: list[float]) -> np.ndarray:
        """A quantity known at the knots, for each row."""
        return self.weight * np.interp(self.contexts, self.knots, values)

    def shares(self) -> np.ndarray:
        """How often each knot's piece counts in all rows together, ``[knots]``."""
        return np.array([float(self.at_rows(hat).sum()) for hat in np.eye(len(self.knots)).tolist()])


Steps = Mapping[str, tuple[StepTerm, ...]]  # by unit, in the order in which a step comes to them


class StepCosts:
    """Costs of steps by their shape. ``compile_step`` makes the program of one shape; it is asked for no more than needed.

    ``highest_hz``: of each unit's clock, at which interpolation is judged.
    """

    def __init__(self, compile_step: Callable[[StepShape], Program], bandwidth_bytes_per_s: float, highest_hz: Mapping[str, float]) -> None:
        self._compile, self._bandwidth, self._highest_hz = compile_step, bandwidth_bytes_per_s, highest_hz
        self._compiled: dict[StepShape, dict[str, tuple[StepPiece, ...]]] = {}
        self._stretches: dict[tuple[int, int, int], tuple[int, ...]] = {}  # (batch, tokens, number of the stretch) -> its contexts
        self._factors: Mapping[str, float] = {}
        self._slowed: dict[StepShape, dict[str, tuple[StepPiece, ...]]] = {}

    def slowed(self, factors: Mapping[str, float]) -> StepCosts:
        """Steps that take ``factors[unit]`` times as long; what was compiled is shared."""
        other = StepCosts(self._compile, self._bandwidth, self._highest_hz)
        other._compiled, other._stretches = self._compiled, self._stretches
        other._factors = {unit: self._factors.get(unit, 1.0) * factors.get(unit, 1.0) for unit in {*self._factors, *factors}}
        return other

    @property
    def compiled_steps(self) -> int:
        """Graphs compiled so far."""
        return len(self._compiled)

    def decode(self, batch: int, contexts: np.ndarray) -> Steps:
        """A row per step that adds one token to each of ``batch`` requests; ``contexts[rows]``: their mean before the step."""
        return self._terms(batch, 1, contexts, np.ones(len(contexts)), StepPart.WHOLE)

    def prefill(self, tokens: int, contexts: np.ndarray, weight: np.ndarray) -> Steps:
        """``weight[rows]`` times a step that computes ``tokens`` of one prompt after ``contexts[rows]`` of them."""
        return self._terms(1, tokens, contexts, weight, StepPart.WHOLE)

    def verify(self, batch: int, tokens: int, contexts: np.ndarray) -> Steps:
        """A row per step that computes ``tokens`` proposed tokens of each of ``batch`` requests, and asks for the logits of all."""
        ones = np.ones(len(contexts))
        if tokens == 1:
            return self.decode(batch, contexts)
        body = self._terms(batch, tokens, contexts, ones, StepPart.BODY)
        attention = self._terms(batch, tokens, contexts, ones, StepPart.ATTENTION)
        return added(body, attention, self._terms(batch * tokens, 1, np.ones(len(contexts)), ones, StepPart.HEAD))

    def mixed(self, tokens: int, prompts: np.ndarray, batch: int, contexts: np.ndarray, each: int = 1) -> Steps:
        """A row per step that computes ``tokens`` of a prompt after ``prompts[rows]`` of them, and ``each`` tokens of each of ``batch`` requests.

        Layers that go by tokens see them all at once; each side has its own attention.
        """
        ones = np.ones(len(prompts))
        body = self._terms(1, tokens + batch * each, ones, ones, StepPart.BODY)
        ours = self._terms(1, tokens, prompts, ones, StepPart.ATTENTION)
        theirs = self._terms(batch, each, contexts, ones, StepPart.ATTENTION)
        return added(body, ours, theirs, self._terms(batch * each + 1, 1, ones, ones, StepPart.HEAD))

    def _terms(self, batch: int, tokens: int, contexts: np.ndarray, weight: np.ndarray, part: StepPart) -> Steps:
        near = bracket(tokens)
        if part is StepPart.WHOLE and len(near) > 1:  # lengths between two that are compiled: each part by what it goes by
            return added(*(self._terms(batch, tokens, contexts, weight, one) for one in (StepPart.BODY, StepPart.ATTENTION, StepPart.HEAD)))
        contexts = np.maximum(contexts, 1.0) if tokens == 1 else contexts
        if part is StepPart.ATTENTION and len(near) > 1:
            shares = _by_pairs(tokens, [length for length, _ in near], contexts)
        else:
            shares = [np.full(len(contexts), share) for _, share in near]
        found: dict[str, list[StepTerm]] = {}
        reach = (0.0, 0.0) if part in (StepPart.BODY, StepPart.HEAD) else (float(contexts.min()), float(contexts.max()))
        for near_batch, batch_share in bracket(batch):
            for (near_tokens, _), share in zip(near, shares, strict=True):
                knots = self._knots(near_batch, near_tokens, *reach)
                steps = [self._pieces(StepShape(near_batch, near_tokens, knot)) for knot in knots]
                for unit in dict.fromkeys(name for step in steps for name in step):
                    pieces = tuple(step[unit][part] if unit in step else _NOTHING for step in steps)
                    found.setdefault(unit, []).append(StepTerm(weight * batch_share * share, np.array(knots, float), pieces, contexts))
        return {unit: tuple(terms) for unit, terms in found.items()}

    def _knots(self, batch: int, tokens: int, least: float, most: float) -> list[int]:
        """Contexts to interpolate between from ``least`` to ``most``."""
        lowest = 1 if tokens == 1 else 0
        if most <= lowest:
            return [lowest]
        edges = [lowest, _FIRST_EDGE]
        while edges[-1] < most:
            edges.append(edges[-1] * 2)
        found: set[int] = set()
        for number, (low, high) in enumerate(pairwise(edges)):
            if low <= most and high >= least:
                found.update(self._stretch(batch, tokens, number, low, high))
        return sorted(found)

    def _stretch(self, batch: int, tokens: int, number: int, low: int, high: int) -> tuple[int, ...]:
        key = batch, tokens, number
        if key not in self._stretches:
            self._stretches[key] = tuple(self._refined(batch, tokens, low, high, _DEEPEST))
        return self._stretches[key]

    def _refined(self, batch: int, tokens: int, low: int, high: int, depth: int) -> list[int]:
        middle = (low + high) // 2
        ends_s = self._alone_s(StepShape(batch, tokens, low)), self._alone_s(StepShape(batch, tokens, high))
        middle_s = self._alone_s(StepShape(batch, tokens, middle))
        share = (middle - low) / (high - low)
        line_s = ends_s[0] + share * (ends_s[1] - ends_s[0])
        if depth == 0 or high - low < 4 or abs(line_s - middle_s) <= _NEAR * middle_s:
            return [low, middle, high]
        return [*self._refined(batch, tokens, low, middle, depth - 1), *self._refined(batch, tokens, middle, high, depth - 1)]

    def _alone_s(self, shape: StepShape) -> float:
        """At the highest clocks and the full bandwidth."""
        return sum(pieces[StepPart.WHOLE].seconds(self._highest_hz[unit], 1.0)[0] for unit, pieces in self._raw(shape).items())

    def _raw(self, shape: StepShape) -> dict[str, tuple[StepPiece, ...]]:
        if shape not in self._compiled:
            self._compiled[shape] = step_pieces(self._compile(shape), self._bandwidth)
        return self._compiled[shape]

    def _pieces(self, shape: StepShape) -> dict[str, tuple[StepPiece, ...]]:
        if not self._factors:
            return self._raw(shape)
        if shape not in self._slowed:
            factors = self._factors
            self._slowed[shape] = {unit: tuple(piece.slowed(factors.get(unit, 1.0)) for piece in pieces) for unit, pieces in self._raw(shape).items()}
        return self._slowed[shape]


def bracket(count: int) -> list[tuple[int, float]]:
    """Counts that are compiled, with their shares: the count itself up to eight, else the two of ``2^k`` and ``3 * 2^k`` beside it.

    >>> bracket(5), bracket(24), bracket(28)
    ([(5, 1.0)], [(24, 1.0)], [(24, 0.5), (32, 0.5)])
    """
    if count <= _EXACT:
        return [(count, 1.0)]
    step = 1 << (count.bit_length() - 2)
    low = count // step * step
    if low == count:
        return [(count, 1.0)]
    share = (count - low) / step
    return [(low, 1.0 - share), (low + step, share)]


def _by_pairs(tokens: int, near: list[int], contexts: np.ndarray) -> list[np.ndarray]:
    """Shares of two lengths by what attention goes by: pairs of a new token and one before it, or itself."""
    low, pairs, high = (length * (contexts + (length + 1) / 2) for length in (near[0], tokens, near[1]))
    share = (pairs - low) / (high - low)
    return [1.0 - share, share]


def added(*steps: Steps) -> Steps:
    """Steps that take as long as all of them."""
    units = dict.fromkeys(unit for one in steps for unit in one)
    return {unit: tuple(term for one in steps for term in one.get(unit, ())) for unit in units}


def _nothing() -> StepPiece:
    from device_models.kernel_costs import KernelCosts

    return StepPiece(KernelCosts.empty(1, 1.0), (0.0, 0.0), 0.0)


_NOTHING = _nothing()
