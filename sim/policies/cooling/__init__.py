"""Fan governors. One file each; importing the package fills ``FANS``."""

from sim.policies.cooling import bang_bang, fan_curve
from sim.policies.cooling.policy import FANS, FanGovernor, FanView

__all__ = ["FANS", "FanGovernor", "FanView", "bang_bang", "fan_curve"]
