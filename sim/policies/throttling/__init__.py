"""Thermal governors by their Linux names. One file each; importing the package fills ``THROTTLING``."""

from sim.policies.throttling import step_wise
from sim.policies.throttling.policy import THROTTLING, ThrottlingPolicy, TripView

__all__ = ["THROTTLING", "ThrottlingPolicy", "TripView", "step_wise"]
