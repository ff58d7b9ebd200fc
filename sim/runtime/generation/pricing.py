"""What a step of the batch costs: its rows as terms of the target's and the draft's compiled steps."""

from __future__ import annotations

import numpy as np

from sim.compiler.step_costs import StepCosts, Steps, added
from sim.runtime.generation.batch import Step
from sim.runtime.generation.sequence import Sequence


class StepPrices:
    """``proposed``: tokens that the draft proposes in each step, 0 without one."""

    def __init__(self, target: StepCosts, draft: StepCosts | None, proposed: int) -> None:
        self._target, self._draft, self._proposed = target, draft, proposed

    def of(self, step: Step) -> list[Steps]:
        """By model, in the order in which they work: what the step costs on each unit."""
        if step.prompt is None:
            return self._answers(contexts_of(step.answers, step.emitted), len(step.answers))
        prompts = step.prompt.cached + np.concatenate([[0], np.cumsum(step.chunks[:-1])]).astype(float)
        if not step.answers:
            return [_prompt(model, step.chunks, prompts) for model in (self._draft, self._target) if model is not None]
        contexts, batch, tokens = contexts_of(step.answers, step.emitted), len(step.answers), step.chunks[0]
        target = self._target.mixed(tokens, prompts, batch, contexts, self._proposed + 1)
        if self._draft is None:
            return [target]
        return [added(_prompt(self._draft, step.chunks, prompts), self._proposals(self._draft, contexts, batch)), target]

    def _answers(self, contexts: np.ndarray, batch: int) -> list[Steps]:
        if self._draft is None:
            return [self._target.decode(batch, contexts)]
        return [self._proposals(self._draft, contexts, batch), self._target.verify(batch, self._proposed + 1, contexts)]

    def _proposals(self, draft: StepCosts, contexts: np.ndarray, batch: int) -> Steps:
        """One token after the other."""
        return added(*(draft.decode(batch, contexts + ahead) for ahead in range(self._proposed)))


def contexts_of(answers: list[Sequence], emitted: list[np.ndarray]) -> np.ndarray:
    """Mean tokens in the caches of those who answer before each row, ``[rows]``."""
    rows = len(emitted[0])
    before = np.zeros(rows)
    for one, out in zip(answers, emitted, strict=True):
        before[0] += one.cached
        before[1:] += one.cached + out[: rows - 1]
    return before / len(answers)


def _prompt(model: StepCosts, chunks: list[int], prompts: np.ndarray) -> Steps:
    """Rows of the same length share their compiled steps."""
    sizes = np.array(chunks)
    return added(*(model.prefill(tokens, prompts, (sizes == tokens).astype(float)) for tokens in dict.fromkeys(chunks)))
