"""Batching policies. One file each; importing the package fills ``BATCHING``."""

from sim.policies.batching import full_bucket, greedy, timeout
from sim.policies.batching.policy import BATCHING, BatchingPolicy, QueueView

__all__ = ["BATCHING", "BatchingPolicy", "QueueView", "full_bucket", "greedy", "timeout"]
