"""Early exits at work: a network runs part by part, and a request leaves at the first exit whose answer will do."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from sim.runtime.decisions import NO_ROW, Decisions, SureByTrace, TraceRows, right_column
from sim.runtime.request import Request, StagePlan
from sim.scenario.adaptive import ConfidenceUse, exit_names
from sim.scenario.model import ModelUse
from sim.workload.turns import DrawsByTurn

if TYPE_CHECKING:
    from sim.runtime.plans import PlanAt, Planner


class ExitRule(Protocol):
    """Where a request leaves."""

    def start(self, seed: int) -> None: ...

    def leaves(self, turn: int, exit: int) -> bool:
        """Whether the request of this turn leaves at an exit, having come to it."""

    def row(self, turn: int) -> int:
        """Its row in the trace; -1 without."""

    def right(self, turn: int, exit: int) -> float | None:
        """Whether the answer there is right; None where nobody knows."""


def early_exit_plan(model: str, parts: list[int], at: PlanAt, planner: Planner) -> StagePlan:
    """The plan of a network's first part; the others follow it while the request does not leave. ``parts``: positions of their programs."""
    use = planner.models[model]
    place = f"models.{model}.exits"
    rule: ExitRule = ByShare(use, f"{at.workload}/{at.position}/{model}") if use.exits[0].confidence is None else ByConfidence(use, at, planner, place)
    decisions = Decisions(planner.board.recorder, planner.warmup_s, at.index, "exits", exit_names(use.exits))
    decisions.decider.facts = {"model": model, "accuracy": [*(one.accuracy for one in use.exits), use.last.accuracy]}
    links = [planner.program_plan(position, at) for position in parts]
    for position, link in enumerate(links):
        link.after_s = sum(later.run_s for later in links[position + 1 :])
        link.following = _following(rule, decisions, links, position)
    first = links[0]
    first.run_s += first.after_s
    first.variants = tuple(links[1:])
    planner.servers.append(Started(rule.start))
    return first


def _following(rule: ExitRule, decisions: Decisions, links: list[StagePlan], position: int) -> Callable[[Request], StagePlan | None]:
    last = position == len(links) - 1

    def following(request: Request) -> StagePlan | None:
        turn = request.turn
        if not last and not rule.leaves(turn, position):
            return links[position + 1]
        decisions.made(request, position, rule.row(turn), rule.right(turn, position))
        return None

    return following


class Started:
    """Something that is told the seed when the run begins."""

    def __init__(self, start: Callable[[int], None]) -> None:
        self.start = start

    def finish(self) -> None:
        """Nothing is left to do."""


class ByShare:
    """Each request leaves at an exit with the given probability."""

    def __init__(self, use: ModelUse, stream: str) -> None:
        self._name = f"exit/{stream}"
        self._borders = list(accumulate(float(one.probability or 0.0) for one in use.exits))
        self._draws = DrawsByTurn(0, self._name)

    def start(self, seed: int) -> None:
        self._draws = DrawsByTurn(seed, self._name)

    def leaves(self, turn: int, exit: int) -> bool:
        return bisect_right(self._borders, self._draws.at(turn)) <= exit

    def row(self, turn: int) -> int:
        return NO_ROW

    def right(self, turn: int, exit: int) -> float | None:
        return None


class ByConfidence:
    """A request leaves at the first exit at which its row of a trace is sure."""

    def __init__(self, use: ModelUse, at: PlanAt, planner: Planner, place: str) -> None:
        uses = [one.confidence for one in use.exits if one.confidence is not None]
        first: ConfidenceUse = uses[0]
        self._sure = [SureByTrace(one, planner.directory) for one in uses]
        columns = [*(one.correct for one in use.exits), use.last.correct]
        self._right = [right_column(planner.directory, first.trace, column) for column in columns]
        self._rows = TraceRows(first, len(self._sure[0]), at.workload, f"{place}.0.confidence.trace")

    def start(self, seed: int) -> None:
        self._rows.start(seed)

    def leaves(self, turn: int, exit: int) -> bool:
        return bool(self._sure[exit].sure[self._rows.at(turn)])

    def row(self, turn: int) -> int:
        return self._rows.at(turn)

    def right(self, turn: int, exit: int) -> float | None:
        return self._right[exit](self._rows.at(turn))
