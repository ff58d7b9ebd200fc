"""Idle policies. One file each; importing the package fills ``IDLE``."""

from sim.policies.idle import menu, timeout
from sim.policies.idle.policy import IDLE, IdlePolicy

__all__ = ["IDLE", "IdlePolicy", "menu", "timeout"]
