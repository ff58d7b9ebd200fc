"""Answers first, a batch at a time (as FasterTransformer serves): no pause within an answer, long waits before it."""

from __future__ import annotations

from sim.policies.serving.policy import SERVING, BatchView, StepKind


@SERVING.register("decode_first")
class DecodeFirst:
    """A batch is filled while nobody has begun to answer, then all its answers are finished before the next prompt is computed."""

    def next_step(self, view: BatchView) -> StepKind:
        return StepKind.PREFILL if view.prompts and not view.begun else StepKind.DECODE
