"""Runs the steps of a language model: what comes next is decided at every border between steps (continuous batching, Yu et al. 2022).

Steps between two decisions are one piece of work for the unit, whose rows are the steps. What comes meanwhile makes it give way at the next
border. Where a step goes over several units, each step is decided alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sim.runtime.clock import SWITCHES, Clock
from sim.runtime.generation.batch import Batch, Pause, Step
from sim.runtime.generation.execution import BatchRequest, StepExecution, StepRun
from sim.runtime.generation.log import GenerationLog
from sim.runtime.generation.models import ServingModels, UnitSteps
from sim.runtime.generation.sequence import Phase, Sequence
from sim.runtime.generation.step_timings import UNDECIDED
from sim.runtime.memory import Residency
from sim.runtime.request import StageSegment

if TYPE_CHECKING:
    from sim.runtime.request import StagePlan, StageRun
    from sim.runtime.unit import ComputeUnit
    from sim.trace import ServingTotals

NewSequence = Callable[["StageRun"], Sequence]  # draws how long its prompt and answer are


class GenerationServer:
    """Serves the stages in ``new_sequence`` (by their position in ``Trace.stages``). ``models``: the target and its draft, if any.

    ``prompts``: for each stage, the plan under whose index its steps with prompts only are written down.
    """

    def __init__(self, clock: Clock, residency: Residency, batch: Batch, models: ServingModels, log: GenerationLog) -> None:
        self._clock, self._residency, self.batch, self.models, self._log = clock, residency, batch, models, log
        self.new_sequence: dict[int, NewSequence] = {}
        self.prompts: dict[int, StagePlan] = {}
        self.draw: list[Callable[[int], None]] = []  # told the seed when the run begins
        self._execution: StepExecution | None = None  # queued or running
        self._step: Step | None = None
        self._chain: list[UnitSteps] = []  # what the step still does, the present one first
        self._admitted = self._paused = self._choosing = False
        self._numbers = 0
        self._step_began_s = 0.0

    @property
    def totals(self) -> ServingTotals:
        """What it has done so far."""
        return self._log.totals

    def start(self, seed: int) -> None:
        for draw in self.draw:
            draw(seed)

    def submit(self, run: StageRun) -> None:
        """A request has come to a stage that this model serves."""
        sequence = self.new_sequence[run.plan.index](run)
        if self.batch.refuses(sequence):
            self._log.totals.refused += 1
            run.request.source.refuse(run.request)
            return
        self.batch.waiting.append(sequence)
        if self._execution is None:
            self._begin()
            return
        unit = self._execution.placed.unit
        if unit.running is self._execution and self._step is not None and self._step.prompt is None and len(self._chain) == 1 and self.batch.wants_prompt():
            unit.give_way(self._execution)

    def _begin(self) -> None:
        """Ask for the unit that the next step begins on; what it will be is decided when the unit is there."""
        if self._execution is not None or self._paused or self._choosing:
            return
        if not self.batch.has_work:
            self._let_go()
            return
        prompt = self.batch.wants_prompt() or not any(one.phase is Phase.DECODE for one in self.batch.active)
        self._ask(self.models.first_unit(prompt))

    def _ask(self, unit: ComputeUnit) -> None:
        urgent = [*self.batch.active, *self.batch.swapped, *list(self.batch.waiting)[: self.batch.serving.max_batch]]
        requests = [one.run.request for one in urgent]
        plan = urgent[0].run.plan
        request = BatchRequest(max((one.source for one in requests), key=lambda source: source.priority))
        request.number, request.arrival_s = requests[0].number, min(one.arrival_s for one in requests)
        request.deadline_s = min(one.deadline_s for one in requests)
        self._numbers += 1
        run = StepRun(self, plan, request, self._numbers)
        execution = StepExecution(run, StageSegment(unit, UNDECIDED, UNDECIDED, 0, (), 0.0))  # type: ignore[arg-type]  # decided when it is taken up
        self._execution = execution
        unit.submit(execution)

    def take_up(self, execution: StepExecution) -> bool:
        """The unit is free for the execution: decide what it does. False: nothing, or on another unit."""
        if execution is not self._execution:
            return False
        if self._step is not None and execution.decided and execution.piece_row < 0:
            execution.piece_row = 0.0  # a further unit of a step
            return True
        self._note(execution, max(int(execution.piece_row), 0))
        if not self._admit(execution):
            return False
        self._choosing = True  # requests that are given up meanwhile bring no new step
        step = self.batch.next(single=execution.placed.unit.others_wait)
        self._choosing = False
        if isinstance(step, Pause):
            self._execution = None
            self._wait(step)
            return False
        if step is None:
            self._execution = None
            if not self.batch.has_work:
                self._let_go()
            return False
        self._step, self._chain = step, self.models.priced(step)
        if self._chain[0].unit is not execution.placed.unit:
            self._execution = None
            self._go_on(execution.run)  # type: ignore[arg-type]
            return False
        self._equip(execution)
        return True

    def _equip(self, execution: StepExecution) -> None:
        first, step = self._chain[0], self._step
        assert step is not None
        leader = step.members[0].run
        plan = leader.plan if step.answers else self.prompts.get(leader.plan.index, leader.plan)
        execution.run.request.number, execution.run.plan = leader.request.number, plan  # type: ignore[attr-defined]
        execution.segment = first.timings  # type: ignore[assignment]  # steps have what segments have
        execution.piece_row, execution.noted, execution.times_s = 0.0, 0, []
        execution.timing = None
        self._step_began_s = self._clock._now

    def _go_on(self, run: StepRun) -> None:
        """The step has come to the next unit of its chain."""
        first = self._chain[0]
        execution = StepExecution(run, StageSegment(first.unit, first.timings, first.timings, first.timings.index, (), 0.0))  # type: ignore[arg-type]
        self._execution = execution
        first.unit.submit(execution)

    def ended(self, execution: StepExecution) -> None:
        """A unit has done all rows of an execution."""
        run, step = execution.run, self._step
        assert step is not None
        execution.collect(execution.segment.rows)
        if len(self._chain) > 1:
            self.models.count(self._chain.pop(0), execution.segment.rows)
            self._go_on(run)  # type: ignore[arg-type]
            return
        self._note(execution, execution.segment.rows)
        self._execution = None
        self._begin()

    def _note(self, execution: StepExecution, rows: int) -> None:
        """So many rows of the present step are done, at the times the execution has; the rest of it is forgotten."""
        step = self._step
        if step is None:
            return
        self._step = None
        execution.collect(rows)
        self.models.count(self._chain[0], rows)
        self._chain = []
        self._share_energy(execution, step, rows)
        if not rows:
            return
        times_s = execution.times_s[:rows]
        totals = self._log.totals
        totals.busy_s += times_s[-1] - self._step_began_s
        totals.member_seconds += (times_s[-1] - self._step_began_s) * len(step.members)
        if step.answers:
            self._answered(step, rows, times_s)
        if step.prompt is not None:
            tokens = sum(step.chunks[:rows])
            totals.prompt_tokens += tokens
            if self.batch.computed(step.prompt, tokens):
                self._log.first(step.prompt, times_s[-1])
        self._finish_done(step)

    def _answered(self, step: Step, rows: int, times_s: list[float]) -> None:
        self._log.rows(step.answers, times_s)
        totals, draft = self._log.totals, self.batch.serving.draft
        for one, emitted in zip(step.answers, step.emitted, strict=True):
            if draft is not None and one.accepted is not None:
                totals.verify_steps += rows
                totals.proposed += rows * draft.tokens
                totals.accepted += int(one.accepted[one.speculated : one.speculated + rows].sum())
            tokens = int(emitted[rows - 1])
            totals.output_tokens += tokens
            self.batch.answered(one, rows, tokens)

    def _finish_done(self, step: Step) -> None:
        done = [one for one in step.members if not one.left]
        self._choosing = True  # what becomes ready by this waits its turn with the others
        for one in done:
            self.batch.leave(one)
            self._log.ended(one, True)
            one.run.run_done()
        self._choosing = False

    def _share_energy(self, execution: StepExecution, step: Step, rows: int) -> None:
        request = execution.run.request
        tokens = [(one, max(int(out[rows - 1]) if rows else 0, 1)) for one, out in zip(step.answers, step.emitted, strict=True)]
        if step.prompt is not None:
            tokens.append((step.prompt, max(sum(step.chunks[:rows]), 1)))
        if request.energy_j:
            self._log.energy(request.energy_j, tokens)
            request.energy_j = 0.0

    def _admit(self, execution: StepExecution) -> bool:
        """Whether the models are in memory."""
        if self._admitted:
            return True
        for instance in self.models.instances:
            if not self._residency.admit(instance, execution):
                for other in self.models.instances:
                    if other is instance:
                        break
                    self._residency.release(other)
                return False
        self._admitted = True
        return True

    def _let_go(self) -> None:
        """Nobody is there: the models may be evicted."""
        if self._admitted:
            self._admitted = False
            for instance in self.models.instances:
                self._residency.release(instance)

    def _wait(self, pause: Pause) -> None:
        """Keys and values move to storage or back."""
        self._paused = True
        size = pause.tokens * self.models.kv_bytes_per_token
        self._log.totals.swapped_bytes += size
        self._clock.at(self._residency.transfer(size), SWITCHES, self._moved)

    def _moved(self, _: Any) -> None:
        self._paused = False
        self._begin()

    def finish(self) -> None:
        """The run is over: what is under way counts as far as it has come."""
        execution = self._execution
        if execution is not None and self._step is not None:
            unit = execution.placed.unit
            running = unit.running is execution and len(self._chain) == 1
            self._choosing = True
            self._note(execution, min(int(unit.row_now(execution)), execution.segment.rows) if running else 0)
        for one in self._present():
            self._log.ended(one, False)
        totals, batch = self._log.totals, self.batch
        totals.preemptions, totals.forgotten_tokens = batch.preemptions, batch.forgotten
        totals.prefix_lookups, totals.prefix_hits = batch.lookups, batch.hits
        self._log.finish()

    def _present(self) -> Iterator[Sequence]:
        yield from self.batch.active
        yield from self.batch.swapped
        yield from self.batch.waiting
