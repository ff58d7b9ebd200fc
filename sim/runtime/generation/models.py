"""The models of a server on the units of the device: where their steps run, what they cost there, and what of that was run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device_models.kernel_costs import kernel_seconds
from sim.compiler.served import ServedProgram
from sim.compiler.step_costs import StepTerm
from sim.runtime.board import Board
from sim.runtime.generation.batch import Step
from sim.runtime.generation.pricing import StepPrices
from sim.runtime.generation.step_timings import StepTimings, StepTotals
from sim.runtime.memory import Instance
from sim.runtime.unit import ComputeUnit


@dataclass(slots=True)
class UnitSteps:
    """Rows of a step on one unit. ``totals``: where they are counted."""

    unit: ComputeUnit
    timings: StepTimings
    totals: StepTotals


@dataclass(frozen=True)
class ServedModel:
    """A decoder: the programs that stand for its two phases in the trace, and their positions there."""

    decode: ServedProgram
    prefill: ServedProgram
    decode_position: int
    prefill_position: int
    instance: Instance


class ServingModels:
    """The target and, if there is one, its draft, which proposes ``proposed`` tokens in each step.

    ``number``: gives each piece of work its number; ``count_on``: told of the totals of each program on each unit.
    """

    def __init__(
        self,
        board: Board,
        target: ServedModel,
        draft: ServedModel | None,
        proposed: int,
        number: Callable[[], int],
        count_on: Callable[[str, StepTotals], None],
    ) -> None:
        self._board, self._target, self._draft, self._number, self._count_on = board, target, draft, number, count_on
        models = [model for model in (draft, target) if model is not None]
        self.instances = [model.instance for model in models]
        self.kv_bytes_per_token = sum(model.decode.kv_bytes_per_token for model in models)
        assert target.decode.steps is not None
        self._prices = StepPrices(target.decode.steps, None if draft is None else draft.decode.steps, proposed)
        self._first = {prompt: board.unit((models[0].prefill if prompt else models[0].decode).segments[0].unit) for prompt in (True, False)}
        self._models = models
        self._totals: dict[tuple[int, str], StepTotals] = {}

    def first_unit(self, prompt: bool) -> ComputeUnit:
        """Where a step with a prompt, or one without, begins."""
        return self._first[prompt]

    def alone_s(self, output: int) -> float:
        """One request of this length alone, at the highest clocks and the full bandwidth, as far as ranks need it: its steps without a draft."""
        target = self._models[-1]
        step_s, prompt_s = _alone_s(target.decode, self._board), _alone_s(target.prefill, self._board)
        return prompt_s + (output - 1) * step_s

    def priced(self, step: Step) -> list[UnitSteps]:
        """The step as work for units, one after the other. A step that goes over several units is cut to its first row."""
        found = self._on_units(step)
        if len(found) > 1 and step.rows > 1:
            step.cut(1)
            found = self._on_units(step)
        first = True
        chain = []
        for unit, (model, terms) in found.items():
            lead_s = self._lead_s() if first else 0.0
            first = False
            chain.append(self._bound(unit, model, terms, step, lead_s))
        return chain

    def _on_units(self, step: Step) -> dict[str, tuple[ServedModel, list[StepTerm]]]:
        """Unit -> the model it works for, the last one where it is several, and the terms of its rows."""
        found: dict[str, tuple[ServedModel, list[StepTerm]]] = {}
        for model, steps in zip(self._models[-len(prices := self._prices.of(step)) :], prices, strict=True):
            for unit, terms in steps.items():
                found[unit] = model, [*(found[unit][1] if unit in found else []), *terms]
        return found

    def _bound(self, name: str, model: ServedModel, terms: list[StepTerm], step: Step, lead_s: float) -> UnitSteps:
        unit = self._board.unit(name)
        prompt = step.prompt is not None
        program, position = (model.prefill, model.prefill_position) if prompt else (model.decode, model.decode_position)
        segment = next((segment.index for segment in program.segments if segment.unit == name), 0)
        law = self._board.power_law(unit.index)
        timings = StepTimings(self._number(), position, segment, terms, step.rows, self._board.device.memory, law, lead_s)
        key = position, name
        if key not in self._totals:
            self._totals[key] = StepTotals(program, name)
            self._count_on(name, self._totals[key])
        return UnitSteps(unit, timings, self._totals[key])

    def _lead_s(self) -> float:
        """What first inferences add."""
        found = 0.0
        for model in self._models:
            if model.instance.cold:
                model.instance.cold = False
                found += model.decode.first_inference_s
        return found

    def count(self, work: UnitSteps, rows: int) -> None:
        """So many rows of it were run."""
        work.totals.add(work.timings, rows)


def _alone_s(program: ServedProgram, board: Board) -> float:
    found = 0.0
    for segment in program.segments:
        frequency_hz = board.unit(segment.unit).domain.frequencies_hz[-1]
        found += segment.entry_s + float(kernel_seconds(segment.costs, frequency_hz).sum())
    return found
