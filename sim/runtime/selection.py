"""Stages that choose among models when a request comes to them, by the state of the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.policies.selection import SELECTION, SelectionPolicy, selection_options
from sim.runtime.decisions import Decisions
from sim.runtime.deployment import parts_of
from sim.runtime.early_exit import early_exit_plan
from sim.runtime.plans import PlanAt, Planner, stage_plan
from sim.runtime.request import Request, StagePlan
from sim.scenario.adaptive import SelectUse
from sim.scenario.stages import SelectStage
from sim.workload.turns import DrawsByTurn

if TYPE_CHECKING:
    from sim.runtime.unit import ComputeUnit

# A reading is kept for so long. Estimated: fuel gauges report about once a second, thermal sensors are polled some times a second.
_CHARGE_PERIOD_S, _TEMPERATURE_PERIOD_S = 1.0, 0.1


@stage_plan.register
def _select(stage: SelectStage, at: PlanAt, planner: Planner) -> StagePlan:
    use = stage.select
    plans = [_model_plan(stage, model, position, at, planner) for position, model in enumerate(use.among)]
    policy = SELECTION[use.policy]
    options = selection_options(policy, len(plans), use.model_dump(exclude_none=True, by_alias=True))
    decisions = Decisions(planner.board.recorder, planner.warmup_s, at.index, "selection", use.among)
    decisions.decider.facts = {"policy": use.policy}
    chooser = Chooser(policy(options), DeviceView(plans, planner, use, f"select/{at.workload}/{at.position}"), plans, decisions)
    planner.servers.append(chooser)
    variants = tuple(one for plan in plans for one in (plan, *plan.variants))
    return StagePlan(at.index, (), (), None, 1, max(plan.run_s * plan.repeat for plan in plans), choose=chooser.choose, variants=variants)


def _model_plan(stage: SelectStage, model: str, position: int, at: PlanAt, planner: Planner) -> StagePlan:
    parts = [at.others[role_of(position)], *parts_of(at.others, role_of(position))]
    if len(parts) > 1:
        return early_exit_plan(model, parts, at, planner)
    return planner.program_plan(parts[0], at, stage.repeat)


def role_of(position: int) -> str:
    """Of the program of a model of a stage that chooses."""
    return f"among_{position}_"


class Chooser:
    """Asks the policy for each request, and writes down what it says."""

    def __init__(self, policy: SelectionPolicy, view: DeviceView, plans: list[StagePlan], decisions: Decisions) -> None:
        self._policy, self._view, self._plans, self._decisions = policy, view, plans, decisions

    def start(self, seed: int) -> None:
        self._view.draws = DrawsByTurn(seed, self._view.stream)

    def finish(self) -> None:
        """Nothing is left to do."""

    def choose(self, request: Request) -> StagePlan:
        self._view.request = request
        chosen = self._policy.choose(self._view)
        self._decisions.made(request, chosen)
        return self._plans[chosen]


class DeviceView:
    """What a selection policy may look at; see :class:`sim.policies.selection.SelectionView`."""

    def __init__(self, plans: list[StagePlan], planner: Planner, use: SelectUse, stream: str) -> None:
        self.stream = stream
        self.draws = DrawsByTurn(0, stream)
        self.request: Request
        self._plans, self._clock, self._heat, self._battery = plans, planner.board.clock, planner.board.heat, planner.battery
        self._node = None if use.node is None else self._heat.names.index(use.node)
        self._units = [_units_of(plan) for plan in plans]
        self._charge, self._charge_slot = 1.0, -1
        self._temperature_c, self._temperature_slot = 0.0, -1

    @property
    def now_s(self) -> float:
        return self._clock._now

    @property
    def in_system(self) -> int:
        return self.request.source.in_system

    @property
    def temperature_c(self) -> float:
        slot = int(self._clock._now / _TEMPERATURE_PERIOD_S)
        if slot != self._temperature_slot:
            self._temperature_slot = slot
            temperatures = self._heat.temperatures_c()
            self._temperature_c = max(temperatures) if self._node is None else temperatures[self._node]
        return self._temperature_c

    @property
    def charge(self) -> float:
        slot = int(self._clock._now / _CHARGE_PERIOD_S)
        if slot != self._charge_slot and self._battery is not None:
            self._charge_slot = slot
            self._charge = self._battery.charge()
        return self._charge

    @property
    def slack_s(self) -> float:
        return self.request.deadline_s - self._clock._now

    def predicted_s(self, model: int) -> float:
        """With the units' present clocks, as if what waits there now were all that comes before it."""
        plan = self._plans[model]
        seconds = _run_s(plan) * plan.repeat + sum(_run_s(part) for part in plan.variants)
        waiting_s = max((unit.backlog_s() for unit in self._units[model]), default=0.0)
        return waiting_s + seconds + plan.after_s - _later_parts_s(plan)

    def waiting(self, model: int) -> int:
        return sum(unit.backlog for unit in self._units[model])

    def draw(self) -> float:
        return self.draws.at(self.request.turn)


def _units_of(plan: StagePlan) -> tuple[ComputeUnit, ...]:
    return tuple(dict.fromkeys(segment.unit for one in (plan, *plan.variants) for segment in one.segments))


def _later_parts_s(plan: StagePlan) -> float:
    """What :attr:`StagePlan.after_s` of a network with exits has of its own later parts."""
    return sum(part.run_s for part in plan.variants)


def _run_s(plan: StagePlan) -> float:
    """One run over its longest path, at the units' present clocks."""
    ends_s: list[float] = []
    after: list[float] = [0.0] * len(plan.segments)
    for index, segment in enumerate(plan.segments):  # in an order that respects what each waits for
        end_s = after[index] + segment.timings.at(segment.unit.domain.frequency_hz, 1.0).total_s
        ends_s.append(end_s)
        for following in segment.feeds:
            after[following] = max(after[following], end_s)
    return max(ends_s, default=0.0)
