"""Scheduling policies: which waiting segment a unit runs next. One file each; importing the package fills ``SCHEDULERS``."""

from sim.policies.scheduling import edf, fifo, heft, priority, rate_monotonic, round_robin
from sim.policies.scheduling.policy import SCHEDULERS, SchedulingPolicy, SegmentView

__all__ = ["SCHEDULERS", "SchedulingPolicy", "SegmentView", "edf", "fifo", "heft", "priority", "rate_monotonic", "round_robin"]
