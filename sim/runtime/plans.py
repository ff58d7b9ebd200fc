"""From compiled programs to what the engine runs: segments bound to units, timings, upward ranks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sim.compiler.program import Program, Segment
from sim.runtime.batch_plans import is_served, served_plan, spread_of
from sim.runtime.battery import RunningBattery
from sim.runtime.board import Board
from sim.runtime.cascade import Filled, leave_when_settled
from sim.runtime.deployment import FIRST_PART, Deployment, parts_of
from sim.runtime.early_exit import early_exit_plan
from sim.runtime.memory import Instance, Residency
from sim.runtime.request import StagePlan, StageSegment
from sim.runtime.timing import SegmentTimings
from sim.scenario.model import ModelUse, Workload
from sim.scenario.stages import CodeStage, ModelStage, RadioStage

if TYPE_CHECKING:
    from sim.runtime.generation.server import GenerationServer


@dataclass(frozen=True)
class PlanAt:
    """A stage to plan: its workload, its position there and in ``Trace.stages``, and the positions of its programs."""

    workload: str
    position: int
    index: int
    main: int | None
    others: Mapping[str, int]


class StartedServer(Protocol):
    """A server that is told when the run begins and ends."""

    def start(self, seed: int) -> None:
        """The run begins."""

    def finish(self) -> None:
        """The run is over."""


class Planner:
    """Makes one set of timings per program and shares it between the stages that run it. ``servers``: of stages that have one of their own."""

    def __init__(self, board: Board, deployment: Deployment, instances: Sequence[Instance | None], residency: Residency) -> None:
        self.board, self.instances, self.residency = board, instances, residency
        self.servers: list[StartedServer] = []
        self.directory, self.warmup_s = Path(), 0.0  # where files of the scenario are; decisions before it are not counted
        self.models: Mapping[str, ModelUse] = {}
        self.battery: RunningBattery | None = None
        self.caches: dict[int, Filled] = {}  # by the position of their stage in ``Trace.stages``
        self.generation: dict[int, GenerationServer] = {}  # of language models, by the position of their program
        self.numbers = itertools.count(1 << 24)  # of work that is put together in the run; segments have lower ones
        self._deployment = deployment
        self._bound: dict[int, tuple[StageSegment, ...]] = {}
        self.timings: list[tuple[str, SegmentTimings]] = []  # (unit, timings) of all segments, cold ones included

    def plans(self, name: str, workload: Workload, first_stage: int) -> list[StagePlan]:
        """The stages of the workload ``name``; the first has the position ``first_stage`` in ``Trace.stages``."""
        mains = self._deployment.stages[name]
        plans = [
            stage_plan(stage, PlanAt(name, offset, first_stage + offset, mains[offset], self._deployment.others_of(name, offset)), self)
            for offset, stage in enumerate(workload.pipeline)
        ]
        _rank_stages(plans, workload.stage_dependencies())
        leave_when_settled(plans, workload, name, self)
        return plans

    def program_name(self, at: PlanAt) -> str:
        """The name of a stage's main program; of user code the workload's and the stage's."""
        assert at.main is not None
        return self._deployment.programs[at.main].name

    def program(self, position: int) -> Program:
        """One of the deployment's programs."""
        return self._deployment.programs[position]

    def program_plan(self, position: int, at: PlanAt, repeat: int = 1) -> StagePlan:
        """A stage that runs the program at ``position`` on its units."""
        segments = self._segments(position)
        roots = tuple(segment.timings.index for segment in segments if not segment.waits_for)
        run_s = max(segment.rank_s for segment in segments)
        return StagePlan(at.index, segments, roots, self.instances[position], repeat, run_s)

    def _segments(self, position: int) -> tuple[StageSegment, ...]:
        if position not in self._bound:
            self._bound[position] = self._bind(position, self._deployment.programs[position])
        return self._bound[position]

    def _bind(self, position: int, program: Program) -> tuple[StageSegment, ...]:
        feeds = [tuple(other.index for other in program.segments if segment.index in other.after) for segment in program.segments]
        timings = [self._timings(position, segment, 0.0) for segment in program.segments]
        rank_s = [0.0] * len(timings)
        for index in reversed(range(len(timings))):  # segments are in an order that respects ``after``
            unit = self.board.unit(program.segments[index].unit)
            rank_s[index] = timings[index].at(unit.domain.frequencies_hz[-1], 1.0).total_s + max((rank_s[other] for other in feeds[index]), default=0.0)
        return tuple(
            StageSegment(
                self.board.unit(segment.unit),
                timings[index],
                self._timings(position, segment, program.first_inference_s) if not segment.after and program.first_inference_s else timings[index],
                len(segment.after),
                feeds[index],
                rank_s[index],
            )
            for index, segment in enumerate(program.segments)
        )

    def _timings(self, position: int, segment: Segment, extra_s: float) -> SegmentTimings:
        unit = self.board.unit(segment.unit)
        timings = SegmentTimings(len(self.timings) + 1, position, segment, self.board.device.memory, self.board.power_law(unit.index), extra_s)
        self.timings.append((segment.unit, timings))
        return timings


@singledispatch
def stage_plan(stage: object, at: PlanAt, planner: Planner) -> StagePlan:
    """How a stage is run. One function for each kind of stage is registered here."""
    raise TypeError(f"nobody runs a {type(stage).__name__}")


@stage_plan.register(ModelStage)
@stage_plan.register(CodeStage)
def _program(stage: ModelStage | CodeStage, at: PlanAt, planner: Planner) -> StagePlan:
    assert at.main is not None
    if is_served(stage):
        return served_plan(stage, at, planner)
    if isinstance(stage, ModelStage) and FIRST_PART in at.others:
        return early_exit_plan(stage.model, [at.main, *parts_of(at.others)], at, planner)
    plan = planner.program_plan(at.main, at, stage.repeat)
    plan.spread = spread_of(stage, at, planner) if isinstance(stage, CodeStage) else None
    return plan


@stage_plan.register
def _transfer(stage: RadioStage, at: PlanAt, planner: Planner) -> StagePlan:
    radio, sent, received = planner.board.radios[stage.radio], float(stage.send_bytes), float(stage.receive_bytes)
    run_s = sum(radio.shortest_s(sent, received))
    return StagePlan(at.index, (), (), None, stage.repeat, run_s, server=radio, sent_bytes=sent, received_bytes=received)


def _rank_stages(plans: list[StagePlan], dependencies: Sequence[tuple[int, ...]]) -> None:
    """Sets ``after_s``: the longest path through the stages that follow, each unit alone at its highest frequency."""
    known: dict[int, float] = {}

    def after_s(stage: int) -> float:
        if stage not in known:
            followers = [other for other, before in enumerate(dependencies) if stage in before]
            known[stage] = max((plans[other].run_s * plans[other].repeat + after_s(other) for other in followers), default=0.0)
        return known[stage]

    for stage, plan in enumerate(plans):
        for one in (plan, *plan.variants):
            one.after_s += after_s(stage)
