"""From compiled programs to what the engine runs: segments bound to units, timings, upward ranks."""

from __future__ import annotations

from collections.abc import Sequence

from sim.compiler.program import Program, Segment
from sim.runtime.board import Board
from sim.runtime.memory import Instance
from sim.runtime.request import StagePlan, StageSegment
from sim.runtime.timing import SegmentTimings
from sim.scenario.model import RadioStage, Workload


class Planner:
    """Makes one set of timings per program and shares it between the stages that run it."""

    def __init__(self, board: Board, programs: Sequence[Program], instances: Sequence[Instance | None]) -> None:
        self._board, self._programs, self._instances = board, programs, instances
        self._bound: dict[int, tuple[StageSegment, ...]] = {}
        self.timings: list[tuple[str, SegmentTimings]] = []  # (unit, timings) of all segments, cold ones included

    def plans(self, workload: Workload, programs: Sequence[int | None], first_stage: int) -> list[StagePlan]:
        """The stages of a workload; ``programs`` holds each stage's position among the programs, None for transfers."""
        plans = []
        for offset, (stage, position) in enumerate(zip(workload.pipeline, programs, strict=True)):
            if isinstance(stage, RadioStage):
                plans.append(self._transfer(first_stage + offset, stage))
                continue
            assert position is not None
            segments = self._segments(position)
            roots = tuple(segment.timings.index for segment in segments if not segment.waits_for)
            run_s = max(segment.rank_s for segment in segments)
            plans.append(StagePlan(first_stage + offset, segments, roots, self._instances[position], stage.repeat, run_s))
        _rank_stages(plans, workload.stage_dependencies())
        return plans

    def _transfer(self, index: int, stage: RadioStage) -> StagePlan:
        radio, sent, received = self._board.radios[stage.radio], float(stage.send_bytes), float(stage.receive_bytes)
        run_s = sum(radio.shortest_s(sent, received))
        return StagePlan(index, (), (), None, stage.repeat, run_s, radio=radio, sent_bytes=sent, received_bytes=received)

    def _segments(self, position: int) -> tuple[StageSegment, ...]:
        if position not in self._bound:
            self._bound[position] = self._bind(position, self._programs[position])
        return self._bound[position]

    def _bind(self, position: int, program: Program) -> tuple[StageSegment, ...]:
        feeds = [tuple(other.index for other in program.segments if segment.index in other.after) for segment in program.segments]
        timings = [self._timings(position, segment, 0.0) for segment in program.segments]
        rank_s = [0.0] * len(timings)
        for index in reversed(range(len(timings))):  # segments are in an order that respects ``after``
            unit = self._board.unit(program.segments[index].unit)
            rank_s[index] = timings[index].at(unit.domain.frequencies_hz[-1], 1.0).total_s + max((rank_s[other] for other in feeds[index]), default=0.0)
        return tuple(
            StageSegment(
                self._board.unit(segment.unit),
                timings[index],
                self._timings(position, segment, program.first_inference_s) if not segment.after and program.first_inference_s else timings[index],
                len(segment.after),
                feeds[index],
                rank_s[index],
            )
            for index, segment in enumerate(program.segments)
        )

    def _timings(self, position: int, segment: Segment, extra_s: float) -> SegmentTimings:
        unit = self._board.unit(segment.unit)
        timings = SegmentTimings(len(self.timings) + 1, position, segment, self._board.device.memory, self._board.power_law(unit.index), extra_s)
        self.timings.append((segment.unit, timings))
        return timings


def _rank_stages(plans: list[StagePlan], dependencies: Sequence[tuple[int, ...]]) -> None:
    """Sets ``after_s``: the longest path through the stages that follow, each unit alone at its highest frequency."""
    known: dict[int, float] = {}

    def after_s(stage: int) -> float:
        if stage not in known:
            followers = [other for other, before in enumerate(dependencies) if stage in before]
            known[stage] = max((plans[other].run_s * plans[other].repeat + after_s(other) for other in followers), default=0.0)
        return known[stage]

    for stage, plan in enumerate(plans):
        plan.after_s = after_s(stage)
