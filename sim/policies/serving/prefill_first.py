"""Prompts first (Orca, Yu et al. 2022; vLLM, Kwon et al. 2023): short time to the first token, answers pause meanwhile."""

from __future__ import annotations

from sim.policies.serving.policy import SERVING, BatchView, StepKind


@SERVING.register("prefill_first")
class PrefillFirst:
    """A prompt is computed as soon as the batch has room for it; answers wait so long."""

    def next_step(self, view: BatchView) -> StepKind:
        return StepKind.PREFILL if view.prompts else StepKind.DECODE
