"""Serving policies of language models: what a step computes. One file each; importing the package fills ``SERVING``."""

from sim.policies.serving import decode_first, mixed, prefill_first
from sim.policies.serving.policy import SERVING, BatchView, ServingPolicy, StepKind

__all__ = ["SERVING", "BatchView", "ServingPolicy", "StepKind", "decode_first", "mixed", "prefill_first"]
