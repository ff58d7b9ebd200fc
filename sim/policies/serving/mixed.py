"""Pieces of prompts ride along with the answers (Sarathi-Serve, Agrawal et al. 2024, arXiv 2403.02310)."""

from __future__ import annotations

from sim.policies.serving.policy import SERVING, BatchView, StepKind


@SERVING.register("mixed")
class Mixed:
    """Each step computes a token of every answer and, while a prompt waits, a chunk of it."""

    def next_step(self, view: BatchView) -> StepKind:
        if view.prompts and view.decoding:
            return StepKind.MIXED
        return StepKind.PREFILL if view.prompts else StepKind.DECODE
