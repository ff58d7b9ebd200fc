"""Frequency governors by their Linux names. One file each; importing the package fills ``GOVERNORS``."""

from sim.policies.governors import conservative, ondemand, performance, powersave, schedutil, simple_ondemand, userspace
from sim.policies.governors.governor import GOVERNORS, DomainView, Governor

__all__ = ["GOVERNORS", "DomainView", "Governor", "conservative", "ondemand", "performance", "powersave", "schedutil", "simple_ondemand", "userspace"]
