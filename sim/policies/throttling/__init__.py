"""Thermal governors by their names in Linux and elsewhere. One file each; importing the package fills ``THROTTLING``."""

from sim.policies.throttling import android_skin, power_allocator, raspberry_pi, step_wise
from sim.policies.throttling.policy import THROTTLING, Actor, ThermalGovernor, TripView, ZoneView

__all__ = ["THROTTLING", "Actor", "ThermalGovernor", "TripView", "ZoneView", "android_skin", "power_allocator", "raspberry_pi", "step_wise"]
