"""Offloading policies. One file each; importing the package fills ``OFFLOADING``."""

from sim.policies.offloading import bandit, best_cut, deadline, energy, local, remote, threshold
from sim.policies.offloading.policy import OFFLOADING, OffloadingPolicy, OptionView, TaskView

__all__ = ["OFFLOADING", "OffloadingPolicy", "OptionView", "TaskView", "bandit", "best_cut", "deadline", "energy", "local", "remote", "threshold"]
